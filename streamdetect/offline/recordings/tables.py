"""One CSV file, wide or long, becomes columns of times, sensors, values and labels."""

from __future__ import annotations

import csv
import gzip
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from streamdetect.errors import DataError
from streamdetect.offline.recordings import cells
from streamdetect.offline.recordings.columns import Choice, choose

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import TextIO

    from numpy.typing import NDArray

    from streamdetect.offline.recordings.recording import Layout

_CHUNK = 65_536  # rows held as text at a time: tens of MB at most


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """One file's chosen columns; N rows have a time, a sensor and a label where those were asked for."""

    features: tuple[str, ...]  # F
    rows: NDArray[np.int64]  # (N,) 0 is the file's first row of data
    times: NDArray[np.float64] | None  # (N,) Unix seconds; None: the file has none
    sensors: list[str] | None  # N; None: the file is one sensor
    values: NDArray[np.float64]  # (N, F) NaN where a cell is no finite number
    labels: NDArray[np.bool_] | None  # (N,)
    dropped: int  # rows that are not among the N


@dataclass(frozen=True, slots=True)
class _Chunk:
    lines: list[int]
    rows: list[list[str]]


def read_table(path: Path, layout: Layout) -> Table:
    """Read one CSV file, gzipped or not.

    Raises:
        DataError: It cannot be read as asked; names the file and, where there is one, the line, the column
            and the value.
    """
    try:
        with _open(path, layout.encoding) as file:
            return _read(path, file, layout)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: not {layout.encoding} text ({error.reason}); try --encoding latin-1"
        ) from error
    except (OSError, EOFError, zlib.error, csv.Error, LookupError) as error:
        raise DataError(f"{path}: {getattr(error, 'strerror', None) or error}") from error


def _open(path: Path, encoding: str) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding=encoding, newline="")
    return path.open(encoding=encoding, newline="")


def _read(path: Path, file: TextIO, layout: Layout) -> Table:
    delimiter = layout.delimiter or _guess_delimiter(file)
    chunks = _chunks(file, delimiter)
    first = next(chunks, None)
    if first is None:
        raise DataError(f"{path}: empty")
    choice = choose(path, first.rows, layout)
    if choice.header:
        first = _Chunk(first.lines[1:], first.rows[1:])
    start, parts = 0, []
    for chunk in (first, *chunks):
        parts.append(_convert(path, chunk, start, choice, layout))
        start += len(chunk.rows)
    return _join(parts)


def _guess_delimiter(file: TextIO) -> str:
    line = file.readline()
    file.seek(0)
    return next((mark for mark in "\t;," if mark in line), ",")


def _chunks(file: TextIO, delimiter: str) -> Iterator[_Chunk]:
    reader = csv.reader(file, delimiter=delimiter)
    lines: list[int] = []
    rows: list[list[str]] = []
    for row in reader:
        if row:
            lines.append(reader.line_num)
            rows.append(row)
        if len(rows) == _CHUNK:
            yield _Chunk(lines, rows)
            lines, rows = [], []
    if rows:
        yield _Chunk(lines, rows)


def _convert(path: Path, chunk: _Chunk, start: int, choice: Choice, layout: Layout) -> Table:
    _check_width(path, chunk, len(choice.names))
    kept = _complete(chunk.rows, choice)
    lines = [chunk.lines[index] for index in kept]
    kept_rows = [chunk.rows[index] for index in kept]

    def column(index: int) -> list[str]:
        return [row[index] for row in kept_rows]

    try:
        place = choice.time
        times = None if place is None else cells.times(column(place), choice.time_format)
        place = choice.label
        labels = None if place is None else cells.flags(column(place))
    except cells.BadCell as bad:
        assert place is not None  # noqa: S101 - for the type checker: a column was being read
        value = kept_rows[bad.index][place]
        where = f"{path}: line {lines[bad.index]}, column {choice.names[place]!r}"
        raise DataError(f"{where}: {value!r} {bad}") from None
    values = [cells.numbers(column(index), layout.decimal) for index in choice.values]
    return Table(
        features=choice.features,
        rows=np.asarray(kept, dtype=np.int64) + start,
        times=times,
        sensors=None if choice.sensor is None else [cell.strip() for cell in column(choice.sensor)],
        values=np.stack(values, axis=1),
        labels=labels,
        dropped=len(chunk.rows) - len(kept),
    )


def _complete(rows: list[list[str]], choice: Choice) -> list[int]:
    """Find the rows that are not torn and have every cell that a row cannot do without."""
    last = choice.last
    kept = [index for index, row in enumerate(rows) if len(row) > last]
    for column in choice.required:
        if not all(rows[index][column].strip() for index in kept):
            kept = [index for index in kept if rows[index][column].strip()]
    return kept


def _check_width(path: Path, chunk: _Chunk, width: int) -> None:
    if max(map(len, chunk.rows), default=0) <= width:
        return
    for line, row in zip(chunk.lines, chunk.rows, strict=True):
        if len(row) > width and any(cell.strip() for cell in row[width:]):
            raise DataError(f"{path}: line {line}: {len(row)} cells, but the first row has {width}")


def _join(parts: Sequence[Table]) -> Table:
    first = parts[0]

    return Table(
        features=first.features,
        rows=np.concatenate([part.rows for part in parts]),
        times=None
        if first.times is None
        else np.concatenate([p.times for p in parts if p.times is not None]),
        sensors=None if first.sensors is None else [s for part in parts for s in part.sensors or ()],
        values=np.concatenate([part.values for part in parts]),
        labels=None
        if first.labels is None
        else np.concatenate([p.labels for p in parts if p.labels is not None]),
        dropped=sum(part.dropped for part in parts),
    )
