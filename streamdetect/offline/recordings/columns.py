"""Which column of a CSV file is the time, the sensor, the label, and which are values."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from streamdetect.errors import DataError
from streamdetect.offline.recordings import cells

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from streamdetect.offline.recordings.recording import Layout

_TIME_NAMES = ("timestamp", "time", "datetime", "date", "ts")
_SAMPLE = 100  # rows looked at to tell a numeric column from text


@dataclass(frozen=True, slots=True)
class Choice:
    """Places (0-based) of the chosen columns."""

    names: tuple[str, ...]
    header: bool
    time: int | None
    time_format: str
    sensor: int | None
    label: int | None
    values: tuple[int, ...]
    features: tuple[str, ...]

    @property
    def required(self) -> tuple[int, ...]:
        """Columns without whose cell a row is dropped whole."""
        return tuple(place for place in (self.time, self.sensor, self.label) if place is not None)

    @property
    def last(self) -> int:
        """The rightmost chosen column: a shorter row is torn."""
        return max((*self.required, *self.values))


def choose(path: Path, rows: Sequence[Sequence[str]], layout: Layout) -> Choice:
    """Choose the columns from the file's first rows.

    Raises:
        DataError: A named column is missing, or what was not named cannot be found out.
    """
    header = _has_header(rows[0], layout) if layout.header is None else layout.header
    sample = rows[1 if header else 0 :][:_SAMPLE]
    names = tuple(cell.strip() for cell in rows[0]) if header else _numbered(len(rows[0]))
    sensor, label = (
        None if wanted is None else _place(path, names, wanted)
        for wanted in (layout.sensor_column, layout.label_column)
    )
    time = _time_place(path, names, sample, layout)
    taken = {place for place in (time, sensor, label) if place is not None}
    if layout.columns is None:
        values = _numeric(path, names, taken, sample, layout)
    else:
        values = tuple(_place(path, names, wanted) for wanted in layout.columns)
    features = tuple(names[place] for place in values)
    return Choice(
        names=names,
        header=header,
        time=time,
        time_format=_time_format(path, names, time, sample, layout),
        sensor=sensor,
        label=label,
        values=values,
        features=("value",) if len(values) == 1 and not header else features,
    )


def _has_header(row: Sequence[str], layout: Layout) -> bool:
    def is_data(cell: str) -> bool:
        return not cell.strip() or cells.is_number(cell, layout.decimal) or cells.looks_like_time(cell)

    return not all(map(is_data, row))


def _numbered(count: int) -> tuple[str, ...]:
    return tuple(f"column{number}" for number in range(1, count + 1))


def _place(path: Path, names: tuple[str, ...], wanted: str) -> int:
    if wanted in names:
        return names.index(wanted)
    if wanted.isdecimal() and 1 <= int(wanted) <= len(names):
        return int(wanted) - 1
    nearest = difflib.get_close_matches(wanted, names, n=1)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
    raise DataError(f"{path}: no column {wanted!r} among {', '.join(map(repr, names))}{hint}")


def _time_place(
    path: Path, names: tuple[str, ...], sample: Sequence[Sequence[str]], layout: Layout
) -> int | None:
    wanted = layout.time_column
    if wanted == "none":
        return None
    if wanted is not None:
        return _place(path, names, wanted)
    lower = [name.lower() for name in names]
    for name in _TIME_NAMES:
        if name in lower:
            return lower.index(name)
    if sample and cells.looks_like_time(sample[0][0]):
        return 0
    raise DataError(
        f"{path}: which column is the time? Name it by --time-column, or say --time-column none for a "
        f"reading every --step seconds (columns: {', '.join(map(repr, names))})"
    )


def _time_format(
    path: Path, names: tuple[str, ...], time: int | None, sample: Sequence[Sequence[str]], layout: Layout
) -> str:
    if layout.time_format != "auto" or time is None:
        return layout.time_format
    cell = next((row[time] for row in sample if len(row) > time and row[time].strip()), None)
    if cell is None:
        return "iso"
    try:
        return cells.guess_time_format(cell)
    except cells.BadCell as bad:
        raise DataError(f"{path}: column {names[time]!r}: {cell!r} {bad}") from None


def _numeric(
    path: Path, names: tuple[str, ...], taken: set[int], sample: Sequence[Sequence[str]], layout: Layout
) -> tuple[int, ...]:
    """Columns with a number somewhere in the sample and no text: what is missing may be empty or NaN."""

    def is_numeric(place: int) -> bool:
        column = [row[place].strip() for row in sample if len(row) > place]
        found = [cells.is_number(cell, layout.decimal) for cell in column]
        return any(found) and all(
            number or cell.lower() in {"", "nan", "na", "null", "none", "-"}
            for number, cell in zip(found, column, strict=True)
        )

    values = tuple(place for place in range(len(names)) if place not in taken and is_numeric(place))
    if not values:
        raise DataError(
            f"{path}: no numeric column besides {', '.join(repr(names[p]) for p in sorted(taken))}"
        )
    return values
