"""Readings as columns, and the outcome of each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray


class Outcome(IntEnum):
    """The outcome of one reading."""

    ACCEPTED = 0
    DUPLICATE = 1  # same time as the sensor's last accepted reading
    LATE = 2  # older than the sensor's last accepted reading
    CARDINALITY = 3  # a new sensor past `max_sensors`, with none idle to make room
    INCOMPLETE = 4  # a feature is missing, and nothing may or can stand in for it
    EXCLUDED = 5  # of a sensor that the rules leave out


@dataclass(frozen=True, slots=True)
class Readings:
    """N readings in arrival order, of any number of sensors; several of one sensor are legal.

    Raises:
        ValueError: times or values are not arrays, or the shapes do not fit each other.
    """

    sensors: Sequence[str]  # N ids
    times: NDArray[np.float64]  # (N,) Unix seconds; float64 resolves about 0.3 µs today
    values: NDArray[np.float64]  # (N, F) finite; NaN = missing

    def __post_init__(self) -> None:
        """Check the shapes: numpy would fail on others far from here, or repeat values."""
        times, values = _shape(self.times), _shape(self.values)
        if times != (len(self.sensors),) or values[:1] != times or len(values) != 2:  # noqa: PLR2004 - (N, F)
            rule = "readings: must be N sensors, an array of times (N,) and one of values (N, F)"
            raise ValueError(f"{rule}, got {len(self.sensors)}, {times} and {values}")


def _shape(array: object) -> tuple[int, ...] | str:
    """Return the shape of an array; of anything else, its type."""
    return getattr(array, "shape", type(array).__name__)
