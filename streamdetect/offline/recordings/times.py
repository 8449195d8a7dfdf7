"""Turn cells into times: find their format, and read them by it."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from streamdetect.offline.recordings.cells import BadCell, number
from streamdetect.times import DAY, PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from zoneinfo import ZoneInfo

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FORMATS = ("auto", "iso", *PER_SECOND, "excel")

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - subtracted from times without a zone
END_OF_TIME = 253_402_300_800.0  # 10000-01-01: Unix seconds past it are some other unit
_PLAUSIBLE = 1e8  # 1973: smaller numbers are seconds since some start
_LIKELY = (631_152_000.0, 4_102_444_800.0)  # 1990 to 2100: other numbers by themselves are probably not times
_EXCEL_EPOCH = 25_569.0  # days from 1899-12-30 to 1970-01-01
_EXCEL_DAYS = (18_000.0, 80_000.0)  # 1949 to 2119
_NO_START = 10_000.0  # s; a recording that counts the seconds since a start begins before
_COMPACT = {8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}  # by the number of digits
_COMPACT_YEARS = (1900, 2100)
_SAMPLE = 500  # cells looked at

_DATES = (
    *("%d.%m.%Y", "%Y/%m/%d", "%Y.%m.%d", "%m/%d/%Y", "%d/%m/%Y", "%m-%d-%Y", "%d-%m-%Y"),
    *("%d %b %Y", "%d-%b-%Y", "%b %d, %Y", "%b %d %Y", "%d %B %Y", "%B %d, %Y"),
)
_CLOCKS = ("", "%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%I:%M %p", "%I:%M:%S %p")
_DATE_FORMATS = tuple(
    f"{date} {clock}".rstrip() if gap == " " else f"{date}T{clock}"
    for date, clock, gap in product(_DATES, _CLOCKS, " T")
    if clock or gap == " "
)
_LIKE_A_DATE = re.compile(r"\d[./-]\d|\d[ -][A-Za-z]{3}|[A-Za-z]{3} \d")
_ORDER_SWAPPED = {"%m/%d/%Y": "%d/%m/%Y", "%m-%d-%Y": "%d-%m-%Y"}
_ZONE_APART = re.compile(r"\s+(?:([+-]\d{2}:?\d{2})(?:\s+\w+)?|UTC|GMT)$")


def guess_format(cells: Sequence[str]) -> str:
    """Tell the format of a column from its first cells: iso, a unit, or a strptime format.

    Raises:
        BadCell: It has none, or two formats fit.
    """
    found = [cell for cell in map(str.strip, cells[:_SAMPLE]) if cell] or [""]
    numbers = [number(cell) for cell in found]
    if all(map(math.isfinite, numbers)):
        return _guess_numbers(found, numbers)
    if _fits(_iso, found[:1]):
        return "iso"
    return _guess_dates(found)


def looks_like_time(cell: str) -> bool:
    """Tell whether one cell alone is a time for certain: a date as text, or Unix time of 1990 to 2100."""
    value = number(cell)
    if math.isfinite(value):
        return any(_LIKELY[0] <= value / unit < _LIKELY[1] for unit in PER_SECOND.values())
    if not _LIKE_A_DATE.search(cell):  # hundreds of times as fast as to try every format
        return False
    try:
        guess_format([cell])
    except BadCell as bad:
        return "both" in str(bad)  # a date, whatever the order of day and month
    return True


def describe_format(time_format: str) -> str:
    """Name a format as people do."""
    names = {"iso": "ISO 8601", "excel": "days as in Excel", "s": "Unix seconds"}
    unit = f"Unix time in {time_format}" if time_format in PER_SECOND else f"as {time_format}"
    return names.get(time_format, unit)


def parse(cells: Sequence[str], time_format: str) -> tuple[Floats, NDArray[np.bool_]]:
    """Turn cells into (N,) Unix seconds, and tell which are local: those that name no zone, taken as UTC.

    Raises:
        BadCell: A cell is not a time in that format.
    """
    if time_format in PER_SECOND or time_format == "excel":
        seconds = _numeric(cells, time_format)
        return seconds, np.full(len(cells), time_format == "excel")
    read = _iso if time_format == "iso" else _reader(time_format)
    found, local = np.empty(len(cells)), np.empty(len(cells), np.bool_)
    for index, cell in enumerate(cells):
        try:
            moment = read(cell.strip())
        except ValueError:
            kind = "an ISO 8601 time" if time_format == "iso" else f"a time like {time_format!r}"
            raise BadCell(index, f"is not {kind}") from None
        local[index] = moment.tzinfo is None
        found[index] = (moment - _EPOCH).total_seconds() if local[index] else moment.timestamp()
    return found, local


def one_time(cell: str) -> float:
    """Read a single time, ISO 8601 or a number, in Unix seconds; UTC if it names no zone.

    Raises:
        BadCell: It is not a time.
    """
    return float(parse([cell], guess_format([cell]))[0][0])


def localise(times: Floats, zone: ZoneInfo) -> Floats:
    """Turn local times of one sensor, (N,) read as UTC, into Unix seconds.

    In the hour that a clock shows twice, times count as the second hour's once they have gone back by more
    than five minutes; in a recording that is newest first, it is the other way round.
    """
    if not len(times):
        return times
    if newest_first(times):
        return localise(times[::-1], zone)[::-1]
    first, second = _offsets(times, zone)
    twice = first > second  # in the hour that a clock skips, it is the other way round
    return times - np.where(twice & _again(times, twice), second, first)


def newest_first(times: Floats) -> bool:
    """Tell whether nearly all steps of a recording go back in time."""
    steps = np.diff(times)
    back, on = int((steps < 0).sum()), int((steps > 0).sum())
    return back > 9 * on


def _again(times: Floats, twice: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell which times of a doubled hour are the second hour's."""
    again = np.zeros(len(times), np.bool_)
    peak, second = -math.inf, False
    for at in np.flatnonzero(twice).tolist():
        time = times[at]
        if time > peak + DAY:
            peak, second = time, False
        second = second or time < peak - 300
        peak = max(peak, time)
        again[at] = second
    return again


def _offsets(times: Floats, zone: ZoneInfo) -> tuple[Floats, Floats]:
    """Return the seconds of the zone ahead of UTC at each local time, for its first and second occurrence."""
    quarters, place = np.unique(times // 900, return_inverse=True)
    moments = [_EPOCH + timedelta(seconds=900 * quarter) for quarter in quarters.tolist()]

    def ahead(fold: int) -> Floats:
        found = [moment.replace(tzinfo=zone, fold=fold).utcoffset() or timedelta() for moment in moments]
        return np.array([offset.total_seconds() for offset in found])[place]

    return ahead(0), ahead(1)


def _guess_numbers(cells: Sequence[str], numbers: Sequence[float]) -> str:
    compact = _COMPACT.get(len(cells[0]))
    if compact and _fits(lambda cell: _compact(cell, compact), cells):
        return compact
    largest = max(map(abs, numbers))
    if largest < _PLAUSIBLE:
        _refuse_counts(numbers[0])
        return "s"
    # Unix time in s is below 1e11 until the year 5138; in ms it is above that since 1973, and so on.
    return "s" if largest < 1e11 else "ms" if largest < 1e14 else "us" if largest < 1e17 else "ns"  # noqa: PLR2004


def _refuse_counts(first: float) -> None:
    """Refuse what may count days, or hold a date in digits."""
    if _EXCEL_DAYS[0] <= first <= _EXCEL_DAYS[1]:
        day = datetime.fromtimestamp((first - _EXCEL_EPOCH) * DAY, UTC)
        raise BadCell(
            0,
            f"can be days as in Excel ({day:%Y-%m-%d %H:%M}) or seconds since a start; "
            "say --time-format excel or --time-format s",
        )
    if abs(first) >= _NO_START:
        raise BadCell(0, "is not a Unix time since 1973; name its format with --time-format, as s or %y%m%d")


def _guess_dates(cells: Sequence[str]) -> str:
    formats = [one for one in _DATE_FORMATS if _fits(_reader(one), cells[:1])]
    fitting = [one for one in formats if _fits(_reader(one), cells)]
    if not fitting:
        raise BadCell(0, "is neither ISO 8601 nor Unix time; name its format with --time-format")
    for month_first, day_first in _ORDER_SWAPPED.items():
        both = [one.replace(month_first, day_first) for one in fitting if month_first in one]
        if both and both[0] in fitting:
            raise BadCell(0, f"can be both --time-format '{fitting[0]}' and '{both[0]}'; say which")
    return fitting[0]


def _fits(read: Callable[[str], object], cells: Iterable[str]) -> bool:
    try:
        for cell in cells:
            read(cell)
    except ValueError:
        return False
    return True


def _compact(cell: str, time_format: str) -> datetime:
    moment = datetime.strptime(cell, time_format)  # noqa: DTZ007 - no zone in it
    if not cell.isdecimal() or not _COMPACT_YEARS[0] <= moment.year < _COMPACT_YEARS[1]:
        raise ValueError(cell)
    return moment


def _iso(cell: str) -> datetime:
    try:
        return datetime.fromisoformat(cell)
    except ValueError:
        # "2026-11-30 13:54:30 +0100", "… +0000 UTC" and "… UTC" are common, too.
        return datetime.fromisoformat(_ZONE_APART.sub(lambda match: match[1] or "Z", cell))


def _reader(time_format: str) -> Callable[[str], datetime]:
    return lambda cell: datetime.strptime(cell, time_format)  # noqa: DTZ007 - without a zone it is local


def _numeric(cells: Sequence[str], unit: str) -> Floats:
    found = np.fromiter(map(number, cells), np.float64, len(cells))
    # Excel's days are good to 10 µs in float64; whole minutes shall stay whole.
    seconds = np.round((found - _EXCEL_EPOCH) * DAY, 3) if unit == "excel" else found / PER_SECOND[unit]
    bad = np.flatnonzero(~(np.abs(seconds) < END_OF_TIME))
    if bad.size:
        raise BadCell(int(bad[0]), f"is not {describe_format(unit)} (another --time-format?)")
    return seconds
