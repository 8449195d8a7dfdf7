"""Columns of text cells become columns of numbers, times and flags."""

from __future__ import annotations

import math
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from streamdetect.offline.recordings.recording import LARGEST_VALUE
from streamdetect.times import PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - subtracted from times without a zone, which are taken as UTC
_END_OF_TIME = 253_402_300_800.0  # 10000-01-01: Unix seconds past it are some other unit
_PLAUSIBLE = 1e8  # 1973: a first column of smaller numbers is rather a row number
_FLAGS = {"0": False, "1": True, "false": False, "true": True, "0.0": False, "1.0": True}


class BadCell(ValueError):  # noqa: N818 - carries a place; the reader of the file turns it into a DataError
    """A cell breaks a rule; `index` is its place in the column."""

    def __init__(self, index: int, rule: str) -> None:
        self.index = index
        super().__init__(rule)


def numbers(cells: Sequence[str], decimal: str = ".") -> NDArray[np.float64]:
    """Turn cells into (N,) float64, NaN where a cell is no finite number or beyond float32."""
    if decimal != ".":
        cells = [cell.replace(decimal, ".") for cell in cells]
    try:
        values = np.fromiter(map(float, cells), np.float64, len(cells))
    except ValueError:
        values = np.fromiter(map(_number, cells), np.float64, len(cells))
    values[~(np.abs(values) <= LARGEST_VALUE)] = np.nan
    return values


def is_number(cell: str, decimal: str = ".") -> bool:
    """Tell whether one cell is a finite number."""
    return math.isfinite(_number(cell.replace(decimal, ".")))


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return math.nan


def guess_time_format(cell: str) -> str:
    """Tell "s" or "iso" from one cell.

    Raises:
        BadCell: It is neither.
    """
    if math.isfinite(_number(cell)):
        return "s"
    try:
        datetime.fromisoformat(cell.strip())
    except ValueError:
        raise BadCell(0, "is neither ISO 8601 nor Unix seconds; say what it is by --time-format") from None
    return "iso"


def looks_like_time(cell: str) -> bool:
    """Tell whether an unnamed column that starts with `cell` is the time: ISO 8601, or seconds since 1973."""
    number = _number(cell)
    if math.isfinite(number):
        return _PLAUSIBLE <= number < _END_OF_TIME
    try:
        datetime.fromisoformat(cell.strip())
    except ValueError:
        return False
    return True


def times(cells: Sequence[str], time_format: str) -> NDArray[np.float64]:
    """Turn cells into (N,) Unix seconds; a time without a zone is UTC.

    Raises:
        BadCell: A cell is no time in that format.
    """
    if time_format in PER_SECOND:
        return _unix(cells, time_format)

    def seconds(cell: str) -> float:
        moment = (
            datetime.fromisoformat(cell) if time_format == "iso" else datetime.strptime(cell, time_format)  # noqa: DTZ007 - no zone in the format means UTC
        )
        return (moment - _EPOCH).total_seconds() if moment.tzinfo is None else moment.timestamp()

    found = np.empty(len(cells))
    for index, cell in enumerate(cells):
        try:
            found[index] = seconds(cell.strip())
        except ValueError:
            kind = "an ISO 8601 time" if time_format == "iso" else f"a time like {time_format!r}"
            raise BadCell(index, f"is not {kind}") from None
    return found


def _unix(cells: Sequence[str], unit: str) -> NDArray[np.float64]:
    seconds = np.fromiter(map(_number, cells), np.float64, len(cells)) / PER_SECOND[unit]
    bad = np.flatnonzero(~(np.abs(seconds) < _END_OF_TIME))
    if bad.size:
        raise BadCell(int(bad[0]), f"is not a Unix time in {unit} (another --time-format?)")
    return seconds


def flags(cells: Sequence[str]) -> NDArray[np.bool_]:
    """Turn label cells (0, 1, true, false) into (N,) bool.

    Raises:
        BadCell: A cell is something else.
    """
    found = np.empty(len(cells), dtype=np.bool_)
    for index, cell in enumerate(cells):
        flag = _FLAGS.get(cell.strip().lower())
        if flag is None:
            raise BadCell(index, "is not a label: 0, 1, true or false")
        found[index] = flag
    return found
