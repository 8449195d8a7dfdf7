"""The roles of a table's columns: the time, the sensor, the label, and the values."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from streamdetect.errors import DataError
from streamdetect.offline.recordings import cells, times
from streamdetect.offline.recordings.mixture import tells_sensors
from streamdetect.offline.recordings.reasons import ROW_NUMBERS, is_counter, share, why_no_feature
from streamdetect.offline.recordings.recording import LeftOut

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from streamdetect.offline.recordings.recording import Layout

    Rows = Sequence[Sequence[str]]

_TIME_NAMES = (
    *("timestamp", "time", "datetime", "date", "ts", "_time", "date_time", "date time", "date/time"),
    *("last_changed", "created_at", "zeit", "zeitstempel", "datum"),
)
_DATE_NAMES = frozenset(("date", "datum", "day"))
_CLOCK_NAMES = frozenset(("time", "uhrzeit", "zeit", "hour", "clock"))
_CLOCK = re.compile(r"\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?( ?[AaPp][Mm])?")
_SAMPLE = 2000  # rows looked at to tell a numeric column from text


@dataclass(frozen=True, slots=True)
class Choice:
    """Places (0-based) of the chosen columns."""

    names: tuple[str, ...]
    header: bool
    units: bool  # whether the first row after the header names units
    time: tuple[int, ...]  # none, one, or a date and a time of day
    time_format: str
    sensor: tuple[int, ...]
    label: int | None
    values: tuple[int, ...]
    features: tuple[str, ...]
    suffixes: tuple[str, ...]  # what follows each number of a feature, as " °C"
    number: cells.NumberFormat
    left_out: tuple[LeftOut, ...]

    @property
    def required(self) -> tuple[int, ...]:
        """Columns that every row needs: a row with one of these cells empty is dropped."""
        return *self.time, *self.sensor

    @property
    def last(self) -> int:
        """The rightmost chosen column: a shorter row is torn."""
        label = () if self.label is None else (self.label,)
        return max(*self.required, *self.values, *label, 0)

    @property
    def before_data(self) -> int:
        """Rows that are not data."""
        return int(self.header) + int(self.units)


class Chooser:
    """Looks at the first rows of a table."""

    def __init__(self, path: Path, rows: Rows, layout: Layout) -> None:
        self.path, self.layout = path, layout
        self.number = cells.NumberFormat.of(layout)
        self.header = _has_header(rows[0], self.number) if layout.header is None else layout.header
        first = [cell.strip() for cell in rows[0]]
        self.names = tuple(first) if self.header else tuple(f"column{at + 1}" for at in range(len(first)))
        self.units = self.header and self._has_units(rows[1:])
        self.rows = rows[self.header + self.units :]
        self.sample = self.rows[:_SAMPLE]

    def choose(self) -> Choice:
        """Choose the columns.

        Raises:
            DataError: A named column is missing, or one that was not named cannot be found.
        """
        layout = self.layout
        wanted = [] if layout.sensor_column in (None, "none") else _split(layout.sensor_column or "")
        sensor = tuple(self._place(name) for name in wanted)
        label = None if layout.label_column is None else self._place(layout.label_column)
        time = self._time()
        time_format = self._time_format(time)
        taken = {*time, *sensor, *(() if label is None else (label,))}
        self._find_decimal_mark(taken)
        reasons = {at: self._reason(at, time) for at in range(len(self.names)) if at not in taken}
        if layout.columns is None:
            values = tuple(at for at, why in reasons.items() if not why) or self._ramp(reasons)
        else:
            values = tuple(self._place(name) for name in layout.columns)
        left_out = {at: why or "not among --columns" for at, why in reasons.items() if at not in values}
        self._check_sensors(time, time_format, sensor, left_out)
        self._check_values(values, left_out)
        return Choice(
            names=self.names,
            header=self.header,
            units=self.units,
            time=time,
            time_format=time_format,
            sensor=sensor,
            label=label,
            values=values,
            features=("value",)
            if len(values) == 1 and not self.header
            else tuple(self.names[at] for at in values),
            suffixes=tuple(cells.common_unit(self._filled(at)) for at in values),
            number=self.number,
            left_out=tuple(
                LeftOut(self.names[at] or f"column {at + 1}", why) for at, why in left_out.items()
            ),
        )

    # The parts of a table

    def _has_units(self, rows: Rows) -> bool:
        """Tell whether the first row has no number where the following have some."""
        first, second = rows[:1], rows[1:2]
        return any(map(str.strip, chain(*first))) and [
            any(map(self._is_data, chain(*part))) for part in (first, second)
        ] == [False, True]

    def _is_data(self, cell: str) -> bool:
        return np.isfinite(self.number.read(cell)) or times.looks_like_time(cell)

    def _place(self, wanted: str) -> int:
        if wanted in self.names:
            return self.names.index(wanted)
        if wanted.isdecimal() and 1 <= int(wanted) <= len(self.names):
            return int(wanted) - 1
        nearest = difflib.get_close_matches(wanted, self.names, n=1)
        hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
        raise DataError(f"{self.path}: no column {wanted!r} among {_listed(self.names)}{hint}")

    def _column(self, at: int) -> list[str]:
        return [row[at].strip() for row in self.sample if len(row) > at]

    def _filled(self, at: int) -> list[str]:
        """Return the cells of a column that are not empty."""
        return [cell for cell in self._column(at) if not self.number.is_missing(cell)]

    # The time

    def _time(self) -> tuple[int, ...]:
        wanted = self.layout.time_column
        if wanted == "none":
            return ()
        if wanted is not None:
            return (self._place(wanted),) if wanted in self.names else tuple(map(self._place, _split(wanted)))
        lower = [name.lower() for name in self.names]
        dates, clocks = (
            [at for at, name in enumerate(lower) if name in known] for known in (_DATE_NAMES, _CLOCK_NAMES)
        )
        if dates and clocks and all(map(_CLOCK.fullmatch, self._filled(clocks[0]) or [""])):
            return dates[0], clocks[0]
        named = [lower.index(name) for name in _TIME_NAMES if name in lower]
        likely = named or [at for at in range(len(lower)) if all(map(times.looks_like_time, self._some(at)))]
        if likely:
            return self._with_clock(likely[0])
        if len(self.names) == 1:
            raise DataError(
                f"{self.path}: has one column, {self.names[0][:60]!r}: name its --delimiter, or say "
                "--time-column none if it has no times (mosquitto_sub -F %J writes the times)"
            )
        raise DataError(
            f"{self.path}: which column is the time? Name it with --time-column, or use --time-column none "
            f"for a reading every --step seconds (columns: {_listed(self.names)})"
        )

    def _with_clock(self, at: int) -> tuple[int, ...]:
        """Return a column of times, or of dates with the time of day beside it."""
        beside = self._filled(at + 1) if at + 1 < len(self.names) else []
        is_clock = bool(beside) and all(map(_CLOCK.fullmatch, beside))
        return (at, at + 1) if is_clock and not any(":" in cell for cell in self._some(at)) else (at,)

    def _some(self, at: int) -> list[str]:
        return self._filled(at)[:3] or [""]

    def _time_format(self, time: tuple[int, ...]) -> str:
        if self.layout.time_format != "auto" or not time:
            return self.layout.time_format
        column = [joined(row, time) for row in self.sample if len(row) > max(time)]
        column = [cell for cell in column if not self.number.is_missing(cell)]
        if not column:
            return "iso"
        try:
            return times.guess_format(column)
        except cells.BadCell as bad:
            name = " and ".join(repr(self.names[at]) for at in time)
            raise DataError(f"{self.path}: column {name}: {column[bad.index]!r} {bad}") from None

    # The values

    def _find_decimal_mark(self, taken: set[int]) -> None:
        """Take the comma for the decimal mark where numbers can only be read so."""
        if self.layout.decimal is not None or self.layout.thousands is not None:
            return
        columns = [self._filled(at) for at in range(len(self.names)) if at not in taken]
        comma = cells.NumberFormat.of(self.layout).with_decimal(",")
        if any(
            cells.has_decimal_comma(column)
            and not any("." in cell for cell in column)
            and share(column, comma) == 1
            for column in columns
        ):
            self.number = comma

    def _reason(self, at: int, time: tuple[int, ...]) -> str:
        return why_no_feature(self.names[at], self._filled(at), self.number, timed=bool(time))

    def _ramp(self, reasons: dict[int, str]) -> tuple[int, ...]:
        """Find a column that goes up by 1 without a row number's name, if nothing else can be the feature."""
        ramps = [at for at, why in reasons.items() if why == ROW_NUMBERS and not is_counter(self.names[at])]
        return tuple(ramps[:1])

    def _check_values(self, values: tuple[int, ...], left_out: dict[int, str]) -> None:
        if values:
            return
        reasons = ", ".join(f"{self.names[at]!r} ({why})" for at, why in left_out.items())
        raise DataError(
            f"{self.path}: no numeric column is left to be a feature{': ' if reasons else ''}{reasons}"
        )

    # Sensors that no option names

    def _check_sensors(
        self, time: tuple[int, ...], time_format: str, sensor: tuple[int, ...], left_out: dict[int, str]
    ) -> None:
        """Refuse rows of several sensors that would be taken for those of one."""
        if sensor or not time or self.layout.sensor_column == "none":
            return
        try:
            column = [joined(row, time) if len(row) > max(time) else "" for row in self.rows]
            moments = times.parse(column, time_format)[0].tolist()
        except cells.BadCell:
            return  # said with its line when the rows are read
        for at, why in left_out.items():
            if not why.startswith("text") and why != "an id":
                continue
            column = [row[at].strip() if len(row) > at else "" for row in self.rows]
            sensors = tells_sensors(self.names[at], column, moments)
            if sensors:
                name, some = self.names[at], ", ".join(sensors[:3])
                raise DataError(
                    f"{self.path}: the rows are of several sensors: column {name!r} has {len(sensors)} "
                    f"values ({some}, …); name it with --sensor-column {name}, or use --sensor-column none"
                )


def joined(row: Sequence[str], places: Sequence[int]) -> str:
    """Join the cells of a date and a time of day, or of a time alone."""
    return " ".join([row[at].strip() for at in places])


def _has_header(row: Sequence[str], number: cells.NumberFormat) -> bool:
    def is_data(cell: str) -> bool:
        known = not cell.strip() or np.isfinite(number.read(cell)) or times.looks_like_time(cell)
        return known or cells.has_decimal_comma([cell]) or bool(_CLOCK.fullmatch(cell.strip()))

    return not all(map(is_data, row))


def _split(names: str) -> list[str]:
    return [name.strip() for name in names.split(",")]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))
