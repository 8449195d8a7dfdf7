"""Labels from a JSON file: name → ranges, by time or by row."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streamdetect.errors import DataError
from streamdetect.offline.recordings import cells, times

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray


class Range(NamedTuple):
    """One labelled range, both ends included."""

    start: float
    end: float
    by_row: bool
    """Rows of the file's data, 0 = the first; otherwise Unix seconds."""


def load(path: Path) -> dict[str, list[Range]]:
    """Read `{"name": [[start, end], ...]}` (or `{"name": {"anomalies": [...]}}`).

    Ends are times (strings, ISO 8601, without a zone UTC; or Unix times of 1990 to 2100 as numbers) or row
    numbers (smaller integers). A name is a file's path or its last parts, a sensor, or the name of an array.

    Raises:
        DataError: The file is something else; names the entry and the value.
    """
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    if not isinstance(data, dict):
        raise DataError(f"{path}: must be an object of name: [[start, end], ...]")
    return {name: _ranges(path, name, entry) for name, entry in data.items()}


def _ranges(path: Path, name: str, entry: object) -> list[Range]:
    if isinstance(entry, dict):
        entry = entry.get("anomalies")
    if not isinstance(entry, list):
        raise DataError(f"{path}: {name!r} must be a list of [start, end], got {json.dumps(entry)}")
    return [_range(f"{path}: {name!r}[{index}]", pair) for index, pair in enumerate(entry)]


def _range(where: str, pair: object) -> Range:
    match pair:
        case [int() | float() as start, int() | float() as end] if not {type(start), type(end)} & {bool}:
            found = _numbers(where, start, end)
        case [str() as start, str() as end]:
            try:
                first, last = map(times.one_time, (start, end))
            except cells.BadCell as bad:
                raise DataError(f"{where}: {json.dumps(pair)}: an end {bad}") from None
            found = Range(first, last, by_row=False)
        case _:
            raise DataError(
                f"{where}: must be [start, end] of two times or two row numbers, got {json.dumps(pair)}"
            )
    if found.end < found.start:
        raise DataError(f"{where}: ends before it starts: {json.dumps(pair)}")
    return found


def _numbers(where: str, start: float, end: float) -> Range:
    """Read two numbers: Unix times if both are of 1990 to 2100, row numbers if both are small integers."""
    texts = [repr(start), repr(end)]
    if all(map(times.looks_like_time, texts)):
        first, last = times.parse(texts, times.guess_format(texts))[0].tolist()
        return Range(first, last, by_row=False)
    if any(map(times.looks_like_time, texts)) or start != int(start) or end != int(end):
        raise DataError(f"{where}: must be two Unix times or two row numbers, got [{start}, {end}]")
    return Range(float(start), float(end), by_row=True)


def matching(known: Mapping[str, Sequence[Range]], path: Path, names: Sequence[str]) -> list[Range] | None:
    """Find the ranges of one recording: those under its file's path, and those under one of its `names`.

    None if no entry is about it (which is not the same as an empty list: known to be normal).
    """
    whole = f"/{path.as_posix().removesuffix('.gz')}"
    keys = [key for key in known if whole.endswith(f"/{key.lstrip('/')}") or key in names]
    return [found for key in keys for found in known[key]] if keys else None


def mark(ranges: Sequence[Range], rows: NDArray[np.int64], moments: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Mark the readings that lie in a range: (N,) rows and Unix seconds → (N,) bool."""
    labels = np.zeros(len(rows), dtype=np.bool_)
    for found in ranges:
        places = rows if found.by_row else moments
        labels |= (places >= found.start) & (places <= found.end)
    return labels
