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
    """N readings in arrival order, of any number of sensors; several of one sensor are legal."""

    sensors: Sequence[str]  # N ids
    times: NDArray[np.float64]  # (N,) Unix seconds; float64 resolves about 0.3 µs today
    values: NDArray[np.float64]  # (N, F) finite; NaN = missing
