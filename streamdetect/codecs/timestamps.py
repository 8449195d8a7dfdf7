"""Times as devices write them, to Unix seconds.

A format is configured and never guessed behind one's back: milliseconds read as seconds are rejected with a
hint rather than repaired. `auto` is there for fleets of mixed firmware and does what it says below.

| format | value | accepted as |
|---|---|---|
| `s` `ms` `us` `ns` | 1714564800.25, "1714564800.25" | Unix time in that unit |
| `rfc3339` | "2024-05-01T12:00:00.25Z" | a date and time with its UTC offset; without one it is rejected |
| `auto` | a number or numeric string | by size: s below 1e11, ms below 1e14, µs below 1e17, else ns |
| | another string | RFC 3339 |

(1e11 s is the year 5138 and 1e11 ms is March 1973, so `auto` is wrong for times in ms before then.)
A float of seconds resolves about 0.2 µs in this century; finer digits are rounded away.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal, get_args

from streamdetect.codecs.numbers import from_text
from streamdetect.errors import RejectedPayload
from streamdetect.times import PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

TimeFormat = Literal["s", "ms", "us", "ns", "rfc3339", "auto"]
TIME_FORMATS: Final[tuple[str, ...]] = get_args(TimeFormat)

_INTEGER: Final = re.compile(r"-?[0-9]{1,30}")
EARLIEST: Final = datetime(1, 1, 2, tzinfo=UTC).timestamp()  # what an event can write back as a date
LATEST: Final = datetime(9999, 12, 31, tzinfo=UTC).timestamp()


def time_parser(time_format: TimeFormat) -> Callable[[object], float]:
    """Make the function that reads a time field of this format as Unix seconds.

    The function raises RejectedPayload: `time`.
    """
    if time_format == "rfc3339":
        return _from_rfc3339
    if time_format == "auto":
        return _from_any
    per_second = PER_SECOND[time_format]

    def parse(value: object) -> float:
        if type(value) is float or type(value) is int:  # as nearly always
            seconds = value / per_second
            if EARLIEST <= seconds <= LATEST:
                return seconds
        return _within(_number(value) / per_second, value)

    return parse


def not_ahead(time: float, arrival: float, max_future: float) -> float:
    """Give the time back unless it lies more than `max_future` seconds after the arrival.

    A sensor's clock never goes back, so one reading from far ahead would silence the sensor until then.

    Raises:
        RejectedPayload: `future`.
    """
    if time <= arrival + max_future:
        return time
    raise RejectedPayload("future", f"{time - arrival:.0f} s ahead of the arrival, {max_future:g} s allowed")


def _number(value: object) -> float:
    if type(value) is float or type(value) is int:
        return value
    if type(value) is str:
        if _INTEGER.fullmatch(value):
            return int(value)  # as exact as the same time written as a number, or they would be two readings
        try:
            return from_text(value)
        except ValueError:
            pass
    raise RejectedPayload("time", f"not a Unix time: {value!r:.60}")


def _from_rfc3339(value: object) -> float:
    try:
        if type(value) is not str:
            raise RejectedPayload("time", f"not an RFC 3339 time: {value!r:.60}")
        moment = datetime.fromisoformat(value.upper())  # RFC 3339 allows t and z, Python does not
    except ValueError as error:
        raise RejectedPayload("time", f"not an RFC 3339 time: {value!r:.60}") from error
    if moment.tzinfo is None:
        raise RejectedPayload("time", f"no UTC offset in {value!r:.60}")
    return _within(moment.timestamp(), value)


def _from_any(value: object) -> float:
    try:
        number = _number(value)
    except RejectedPayload:
        return _from_rfc3339(value)
    return _within(number / PER_SECOND[_unit(number)], value)


def _unit(number: float) -> str:
    size = abs(number)
    if size < 1e11:  # noqa: PLR2004 - the limits are the table of the module's docstring
        return "s"
    if size < 1e14:  # noqa: PLR2004
        return "ms"
    return "us" if size < 1e17 else "ns"  # noqa: PLR2004


def _within(seconds: float, value: object) -> float:
    if EARLIEST <= seconds <= LATEST:
        return seconds
    hint = f"; in {_unit(seconds)} it would be a date" if abs(seconds) < 1e20 else ""  # noqa: PLR2004
    raise RejectedPayload("time", f"{value!r:.60} is outside the years 1 to 9999{hint}")
