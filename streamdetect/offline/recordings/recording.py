"""What a recording is, and what the reader is told about the files it lies in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

#: A value beyond what the model's float32 input can hold is no more usable than a missing one.
LARGEST_VALUE = 3.4028234663852886e38


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """The readings of one sensor, in the order of the file."""

    name: str
    """As the data spells it, for people."""
    sensor: str
    """The sensor id: levels of `[A-Za-z0-9_.-]` joined by `/`, as the daemon accepts them in a topic."""
    times: NDArray[np.float64]
    """(N,) Unix seconds; they may repeat or go backwards, as in the file."""
    values: NDArray[np.float64]
    """(N, F), finite."""
    features: tuple[str, ...]
    """F names."""
    labels: NDArray[np.bool_] | None = None
    """(N,) True where an anomaly is known to be; None when nothing is known."""
    dropped: int = 0
    """Rows left out because their time, sensor, label or a value was missing or no finite number."""

    def __len__(self) -> int:
        return len(self.times)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where in the files times, sensors, values and labels are; `None` means: find out."""

    columns: tuple[str, ...] | None = None
    """Value columns by name or 1-based number; default: every other numeric column."""
    sensor_column: str | None = None
    """Long format: the column that names the sensor of each row."""
    per_column: bool = False
    """Each value column is a sensor of its own, instead of a feature of one."""
    time_column: str | None = None
    """"none": no times, a reading every `step` seconds from 1970-01-01."""
    time_format: str = "auto"
    """auto (ISO 8601 or Unix seconds), iso, s, ms, us, ns, or a strptime format (with a %)."""
    step: float = 1.0
    label_column: str | None = None
    labels: Path | None = None
    delimiter: str | None = None
    decimal: Literal[".", ","] = "."
    header: bool | None = None
    encoding: str = "utf-8-sig"
    arrays: str = "*"
    """.npz: which arrays; what the `*` stands for names the sensor."""
