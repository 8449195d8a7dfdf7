"""A recording, and the layout of its files that the user gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

#: A value beyond what the model's float32 input can hold is no more usable than a missing one.
LARGEST_VALUE = 3.4028234663852886e38


class LeftOut(NamedTuple):
    """A column that is not a feature."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Account:
    """The account of how one file was read."""

    file: str
    kind: str
    """As CSV or Parquet."""
    time: str
    """The column of the time, and how it is read."""
    features: tuple[str, ...]
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()


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
    """(N, F), finite; with `Layout.partial` NaN where a feature is missing."""
    features: tuple[str, ...]
    """F names."""
    labels: NDArray[np.bool_] | None = None
    """(N,) True where an anomaly is known to be; None when nothing is known."""
    dropped: int = 0
    """Rows left out because their time, sensor or a value was missing or no finite number."""
    incomplete: int = 0
    """Of the dropped: rows in which a value was missing or no finite number."""
    named: bool = True
    """True if the features have names of their own; otherwise they are numbered."""
    accounts: tuple[Account, ...] = ()
    """The account of each of its files."""

    def __len__(self) -> int:
        return len(self.times)

    @property
    def labelled(self) -> NDArray[np.bool_]:
        """(N,) True where an anomaly is known to be; nowhere when nothing is known."""
        return np.zeros(len(self), np.bool_) if self.labels is None else self.labels

    @property
    def late(self) -> int:
        """Readings older than the newest before them, which a detector leaves out."""
        return int((self.times[1:] < np.maximum.accumulate(self.times)[:-1]).sum())

    @property
    def repeated(self) -> int:
        """Readings with the time of the newest before them, which a detector leaves out."""
        return int((self.times[1:] == np.maximum.accumulate(self.times)[:-1]).sum())


@dataclass(frozen=True, slots=True)
class Layout:
    """The places of times, sensors, values and labels in the files; `None` means: find out."""

    columns: tuple[str, ...] | None = None
    """Value columns by name or 1-based number; default: every other numeric column."""
    sensor: str | None = None
    """The id of the one sensor that all files are a recording of."""
    sensor_column: str | None = None
    """Long format: the column that names the sensor of each row, or several with commas between; "none": the
    file is of one sensor, whatever its columns look like."""
    per_column: bool = False
    """Each value column is a sensor of its own, instead of a feature of one."""
    time_column: str | None = None
    """The time, or date and time of day with a comma between; "none": no times, a reading every `step`
    seconds from 1970-01-01."""
    time_format: str = "auto"
    """auto, iso, s, ms, us, ns, excel, or a strptime format (with a %)."""
    time_zone: str | None = None
    """Of times that name none, as Europe/Berlin; by default UTC."""
    step: float = 1.0
    label_column: str | None = None
    labels: Path | None = None
    delimiter: str | None = None
    decimal: Literal[".", ","] | None = None
    thousands: str | None = None
    """The mark between groups of three digits."""
    missing: tuple[str, ...] = ()
    """Cells, as text or as numbers, that stand for a missing value, as -999."""
    replace: Mapping[str, float] = field(default_factory=dict)
    """Numbers that stand for states, as {"ON": 1.0}; keys in lower case."""
    skip: int | None = None
    """Lines before the header."""
    header: bool | None = None
    encoding: str | None = None
    """By default UTF-8, or UTF-16 where the file says so."""
    sheet: str | None = None
    """Of a workbook; by default the first that is not empty."""
    arrays: str = "*"
    """.npz: which arrays; the text for the `*` names the sensor."""
    partial: bool = False
    """Keep readings in which some, but not all, values are missing."""
    sort: bool = False
    """Put the readings of each sensor in order of time."""
    allow_loss: bool = False
    """Go on although most rows are lost."""
