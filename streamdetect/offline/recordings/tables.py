"""One file of rows, wide or long, becomes columns of times, sensors, values and labels."""

from __future__ import annotations

import csv
import re
import zlib
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import islice
from lzma import LZMAError
from typing import TYPE_CHECKING

import numpy as np

from streamdetect.errors import DataError
from streamdetect.offline.recordings import cells, delimited, documents, times
from streamdetect.offline.recordings.binary import read_arrow, read_workbook
from streamdetect.offline.recordings.columns import Choice, Chooser, joined
from streamdetect.offline.recordings.recording import Account
from streamdetect.offline.recordings.sources import decoded
from streamdetect.times import DAY, rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from streamdetect.offline.recordings.recording import Layout
    from streamdetect.offline.recordings.sheet import Row, Sheet
    from streamdetect.offline.recordings.sources import Source

_LINE_PROTOCOL = re.compile(
    r"[^\s,;=]+(?:,[^\s,=]+=[^\s,]+)* [^\s,=]+=[^\s,]+(?:,[^\s=]+=[^\s,]+)*( \d+)?\s*$", re.MULTILINE
)
_SENTINELS = (
    -1e4,
    -9999.0,
    -999.0,
    -998.0,
    -127.0,
    -99.0,
    -32768.0,
    999.0,
    9999.0,
    32767.0,
    65535.0,
    99999.0,
)
_LONG_GAP, _MANY_STEPS = 30 * DAY, 1000  # a gap that is reported is longer than both, in s and in usual steps
_COUNTING = 100  # steps that have to go up before a column is taken for a counter's
_CHUNK = 65_536  # rows held as text at a time: tens of MB at most


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """One file's chosen columns; N rows have a time and a sensor where those were asked for."""

    features: tuple[str, ...]  # F
    named: bool  # true if they have names of their own
    long: bool  # true if the format or a column names the sensors
    rows: NDArray[np.int64]  # (N,) 0 is the file's first row of data
    times: NDArray[np.float64] | None  # (N,) Unix seconds; None: the file has none
    local: NDArray[np.bool_] | None  # (N,) times that name no zone, taken as UTC so far
    sensors: list[str] | None  # N; None: the file is one sensor
    values: NDArray[np.float64]  # (N, F) NaN where a cell is not a finite number
    labels: NDArray[np.bool_] | None  # (N,)
    dropped: int  # rows that are not among the N
    account: Account


@dataclass(frozen=True, slots=True)
class _Odd:
    """Cells of a feature that are text."""

    count: int
    example: str
    line: int


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """The columns of some rows."""

    rows: NDArray[np.int64]
    times: NDArray[np.float64] | None
    local: NDArray[np.bool_] | None
    sensors: list[str] | None
    values: NDArray[np.float64]
    labels: NDArray[np.bool_] | None
    dropped: int
    odd: tuple[_Odd | None, ...]  # by feature


def read_table(path: Path, source: Source, layout: Layout) -> Table | None:
    """Read one file; None if it has only a header.

    Raises:
        DataError: It cannot be read as asked; names the file and, where there is one, the line, the column
            and the value.
        StreamdetectError: A library for its format is not installed.
    """
    try:
        with ExitStack() as opened:
            return _read(path, _sheet(path, source, layout, opened))
    except UnicodeDecodeError as error:
        bad = error.object[error.start : error.start + 1]
        raise DataError(
            f"{path}: not {layout.encoding or 'UTF-8'} text (byte {bad.hex()}: {error.reason}); try "
            "--encoding latin-1, cp1252 or utf-16"
        ) from error
    except (OSError, EOFError, zlib.error, LZMAError, csv.Error, LookupError) as error:
        raise DataError(f"{path}: {getattr(error, 'strerror', None) or error}") from error


def _sheet(path: Path, source: Source, layout: Layout, opened: ExitStack) -> Sheet:
    if source.kind in {"Parquet", "Feather"}:
        return read_arrow(path, source.kind, source.file, layout)
    if source.kind == "Excel":
        return read_workbook(path, source.file, layout)
    text = opened.enter_context(decoded(source.file, layout.encoding))
    first = text.read(4096).lstrip()
    text.seek(0)
    _refuse_foreign(path, first)
    return documents.read(path, text, layout) if first[:1] in {"{", "["} else delimited.read(text, layout)


def _refuse_foreign(path: Path, start: str) -> None:
    """Refuse text that is not a table, and name its format."""
    if start.startswith("<"):
        raise DataError(f"{path}: is HTML or XML, not a table")
    if _LINE_PROTOCOL.match(start):
        raise DataError(
            f"{path}: is InfluxDB's line protocol; ask the database itself (influxdb://…), or write it as CSV"
        )


def _read(path: Path, sheet: Sheet) -> Table | None:
    rows = sheet.rows
    first = list(islice(rows, _CHUNK))
    if not first:
        raise DataError(f"{path}: empty")
    layout = sheet.layout
    chooser = Chooser(path, [row.cells for row in first], layout)
    if not chooser.rows:
        return None
    choice = chooser.choose()
    start = 0
    parts: list[_Part] = []
    chunk, headers = first[choice.before_data :], 0
    while chunk or not parts:
        data = [row for row in chunk if row.cells != first[0].cells] if choice.header else chunk
        headers += len(chunk) - len(data)  # of files that were joined
        parts.append(_convert(path, data, start, choice))
        start += len(data)
        chunk = list(islice(rows, _CHUNK))
    account = _account(path, sheet, choice, parts)
    if headers:
        account = replace(account, notes=(*account.notes, f"{headers:,} more headers left out"))
    return _join(parts, choice, account)


def _convert(path: Path, chunk: Sequence[Row], start: int, choice: Choice) -> _Part:
    _check_width(path, chunk, len(choice.names))
    kept = _complete(chunk, choice)
    rows = [chunk[index] for index in kept]

    def column(index: int) -> list[str]:
        return [row.cells[index] for row in rows]

    def fail(bad: cells.BadCell, places: Sequence[int]) -> DataError:
        name, value = (joined(line, places) for line in (choice.names, rows[bad.index].cells))
        return DataError(f"{path}: line {rows[bad.index].line}, column {name!r}: {value!r} {bad}")

    moments, local = None, None
    if choice.time:
        try:
            moments, local = times.parse([joined(row.cells, choice.time) for row in rows], choice.time_format)
        except cells.BadCell as bad:
            raise fail(bad, choice.time) from None
    labels = None
    if choice.label is not None:
        try:
            labels = cells.flags(column(choice.label))
        except cells.BadCell as bad:
            raise fail(bad, [choice.label]) from None
    values = [
        cells.numbers(column(index), choice.number, unit)
        for index, unit in zip(choice.values, choice.suffixes, strict=True)
    ]
    return _Part(
        rows=np.asarray(kept, dtype=np.int64) + start,
        times=moments,
        local=local,
        sensors=_sensors(rows, choice),
        values=np.stack(values, axis=1),
        labels=labels,
        dropped=len(chunk) - len(kept),
        odd=tuple(
            _odd(rows, index, numbers, choice) for index, numbers in zip(choice.values, values, strict=True)
        ),
    )


def _sensors(rows: Sequence[Row], choice: Choice) -> list[str] | None:
    if not choice.sensor:
        return None
    return ["/".join([row.cells[at].strip() for at in choice.sensor]) for row in rows]


def _odd(rows: Sequence[Row], place: int, values: NDArray[np.float64], choice: Choice) -> _Odd | None:
    """Count the cells that are neither numbers nor marked as missing."""
    empty = np.flatnonzero(np.isnan(values)).tolist()
    text = [at for at in empty if not choice.number.is_missing(rows[at].cells[place])]
    return _Odd(len(text), rows[text[0]].cells[place].strip(), rows[text[0]].line) if text else None


def _complete(rows: Sequence[Row], choice: Choice) -> list[int]:
    """Find the rows that are not torn and have every cell that a row needs."""
    last = choice.last
    kept = [index for index, row in enumerate(rows) if len(row.cells) > last]
    for column in choice.required:
        if not all(rows[index].cells[column].strip() for index in kept):
            kept = [index for index in kept if rows[index].cells[column].strip()]
    return kept


def _check_width(path: Path, rows: Sequence[Row], width: int) -> None:
    for line, row in rows:
        if len(row) > width and any(cell.strip() for cell in row[width:]):
            raise DataError(f"{path}: line {line}: {len(row)} cells, but the first row has {width}")


def _join(parts: Sequence[_Part], choice: Choice, account: Account) -> Table:
    def joined_column(name: str) -> NDArray[np.float64] | None:
        columns = [getattr(part, name) for part in parts]
        return None if columns[0] is None else np.concatenate(columns)

    labels, local = joined_column("labels"), joined_column("local")
    return Table(
        features=choice.features,
        named=choice.header,
        long=bool(choice.sensor),
        rows=np.concatenate([part.rows for part in parts]),
        times=joined_column("times"),
        local=None if local is None else local.astype(np.bool_),
        sensors=None if not choice.sensor else [s for part in parts for s in part.sensors or ()],
        values=np.concatenate([part.values for part in parts]),
        labels=None if labels is None else labels.astype(np.bool_),
        dropped=sum(part.dropped for part in parts),
        account=account,
    )


def _account(path: Path, sheet: Sheet, choice: Choice, parts: Sequence[_Part]) -> Account:
    account = Account(
        str(path), sheet.kind, _time(choice, sheet.layout, parts), choice.features, choice.left_out
    )
    return replace(account, notes=(*sheet.notes, *_of_times(parts), *_notes(choice, parts)))


def _time(choice: Choice, layout: Layout, parts: Sequence[_Part]) -> str:
    if not choice.time:
        return f"no time: a reading every {layout.step:g} s"
    name = " and ".join(repr(choice.names[at]) for at in choice.time)
    local = any(part.local is not None and part.local.any() for part in parts)
    zone = f"; no zone, taken as {layout.time_zone or 'UTC'}" if local else ""
    return f"time {name} ({times.describe_format(choice.time_format)}{zone})"


def _of_times(parts: Sequence[_Part]) -> Iterator[str]:
    """Find oddities of the times."""
    local = [part.local for part in parts if part.local is not None]
    unnamed, count = sum(int(one.sum()) for one in local), sum(map(len, local))
    if 0 < unnamed < count:
        yield f"{count - unnamed:,} rows name a time zone and {unnamed:,} do not"
    moments = [part.times for part in parts if part.times is not None]
    if not moments:
        return
    ordered = np.unique(np.concatenate(moments))
    steps = np.diff(ordered)
    if len(steps) and (gap := float(steps.max())) > max(_LONG_GAP, _MANY_STEPS * float(np.median(steps))):
        start, end = (rfc3339(float(ordered[steps.argmax() + at]), "seconds") for at in (0, 1))
        yield f"a gap of {gap / DAY:,.0f} days, from {start} to {end}"


def _is_counter(column: NDArray[np.float64]) -> bool:
    """Tell whether the values only rise, as those of a meter do."""
    steps = np.diff(column[np.isfinite(column)])
    return len(steps) >= _COUNTING and bool((steps >= 0).all()) and float(np.mean(steps > 0)) > 1 / 2


def _notes(choice: Choice, parts: Sequence[_Part]) -> Iterator[str]:
    if choice.units:
        yield "the row after the header names units, and is left out"
    if choice.number.decimal == ",":
        yield "the comma is the decimal mark"
    for name, suffix in zip(choice.features, choice.suffixes, strict=True):
        if suffix:
            yield f"{name} is read without its unit, {suffix.strip()}"
    for place, name in enumerate(choice.features):
        column = np.concatenate([part.values[:, place] for part in parts])
        yield from (
            f"{name} is {number:g} in {count:,} rows, far from the rest: --na={number:g} if it means no value"
            for number, count in _sentinels(column)
        )
        if not choice.sensor and _is_counter(column):
            yield f"{name} only ever rises, like a counter: only its rate can be learnt"
    for name, *found in zip(choice.features, *(part.odd for part in parts), strict=True):
        odd = [one for one in found if one]
        if odd:
            count = sum(one.count for one in odd)
            first = f"as {odd[0].example!r:.32} in line {odd[0].line}"
            yield f"{name} is missing where it is text ({count:,} rows, {first})"


def _sentinels(column: NDArray[np.float64]) -> Iterator[tuple[float, int]]:
    """Find numbers that often stand for a missing value, far from all others; and count them."""
    rest = column[np.isfinite(column) & ~np.isin(column, _SENTINELS)]
    if not len(rest):
        return
    low, high = float(rest.min()), float(rest.max())
    for number in _SENTINELS:
        count = int(np.count_nonzero(column == number))
        if count and not low - 2 * (high - low) <= number <= high + 2 * (high - low):
            yield number, count
