"""Times as devices write them, to Unix seconds.

A format is configured, never guessed: milliseconds read as seconds are rejected with a hint, not repaired.
`auto` is for fleets of mixed firmware, and follows the table.

| format | value | accepted as |
|---|---|---|
| `s` `ms` `us` `ns` | 1714564800.25, "1714564800.25" | Unix time in that unit |
| `rfc3339` | "2024-05-01T12:00:00.25Z" | a date and time with its UTC offset |
| | "2024-05-01T14:00:00" | the same in `time_zone`; without that it is rejected |
| `%d.%m.%Y %H:%M:%S` | "01.05.2024 14:00:00" | what strptime reads, in `time_zone` or UTC |
| `auto` | a number or numeric string | by size: s below 1e11, ms below 1e14, µs below 1e17, else ns |
| | another string | RFC 3339 |

A time before the year 2000 or after 2100 means a wrong unit, or a clock that was never set: it is rejected.
Local times that come twice when summer time ends are taken for the first of the two. A float of seconds
resolves about 0.2 µs in this century; finer digits are rounded away.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Final

from streamdetect.codecs.numbers import from_text
from streamdetect.codecs.paths import brief
from streamdetect.errors import RejectedPayload
from streamdetect.times import PER_SECOND, zone

if TYPE_CHECKING:
    from collections.abc import Callable

TIME_FORMATS: Final = ("s", "ms", "us", "ns", "rfc3339", "auto")

EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC).timestamp()
LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC).timestamp()
_INTEGER: Final = re.compile(r"-?[0-9]{1,30}")


def check_format(time_format: str) -> None:
    """Refuse what is not a time format.

    Raises:
        ValueError: with what is wrong, fit for a configuration error.
    """
    if time_format in TIME_FORMATS:
        return
    if "%" not in time_format:
        raise ValueError(f"must be {', '.join(TIME_FORMATS)}, or a pattern like %d.%m.%Y %H:%M:%S")
    try:
        datetime.strptime(datetime(2024, 5, 1, tzinfo=UTC).strftime(time_format), time_format)  # noqa: DTZ007 - only tried
    except (ValueError, re.error) as error:
        raise ValueError("must be a pattern that strptime reads, like %d.%m.%Y %H:%M:%S") from error


def time_parser(time_format: str, time_zone: str | None = None) -> Callable[[object], float]:
    """Make the function that reads a time field of this format as Unix seconds.

    The function raises RejectedPayload: `time`.
    """
    local = None if time_zone is None else zone(time_zone)
    if time_format == "rfc3339":
        return lambda value: _from_rfc3339(value, local)
    if time_format == "auto":
        return lambda value: _from_any(value, local)
    if "%" in time_format:
        return lambda value: _from_pattern(value, time_format, local or UTC)
    per_second = PER_SECOND[time_format]

    def parse(value: object) -> float:
        if type(value) is float or type(value) is int:  # as nearly always
            seconds = value / per_second
            if EARLIEST <= seconds <= LATEST:
                return seconds
        return _within(_number(value) / per_second, value)

    return parse


def not_ahead(time: float, arrival: float, max_future: float) -> float:
    """Return the time unless it lies more than `max_future` seconds after the arrival.

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
    raise RejectedPayload("time", f"not a Unix time: {brief(value)}")


def _from_rfc3339(value: object, local: tzinfo | None) -> float:
    try:
        if type(value) is not str:
            if isinstance(value, datetime):  # CBOR has a type for them
                return _moment(value, value, local)
            raise RejectedPayload("time", f"not an RFC 3339 time: {brief(value)}")
        moment = datetime.fromisoformat(value.strip().upper())  # RFC 3339 allows t and z, Python does not
    except ValueError as error:
        raise RejectedPayload("time", f"not an RFC 3339 time: {brief(value)}") from error
    return _moment(moment, value, local)


def _from_pattern(value: object, pattern: str, local: tzinfo) -> float:
    try:
        moment = datetime.strptime(str(value), pattern)  # noqa: DTZ007 - the zone follows
    except ValueError as error:
        raise RejectedPayload("time", f"not a time like {pattern}: {brief(value)}") from error
    return _moment(moment, value, local)


def _moment(moment: datetime, value: object, local: tzinfo | None) -> float:
    if moment.tzinfo is None:
        if local is None:
            raise RejectedPayload("time", f"no UTC offset in {brief(value)}; `time_zone` says where it is")
        moment = moment.replace(tzinfo=local)
    try:
        return _within(moment.timestamp(), value)
    except OverflowError as error:  # the year 1, with an offset
        raise RejectedPayload("time", f"{brief(value)} is not between the years 2000 and 2100") from error


def _from_any(value: object, local: tzinfo | None) -> float:
    try:
        number = _number(value)
    except RejectedPayload:
        return _from_rfc3339(value, local)
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
    raise RejectedPayload("time", f"{brief(value)} is not between the years 2000 and 2100{_hint(value)}")


def _hint(value: object) -> str:
    """Say which unit would make a date of it."""
    if not isinstance(value, int | float | str):
        return ""
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return ""
    for unit, per_second in PER_SECOND.items():
        if EARLIEST <= number / per_second <= LATEST:
            date = datetime.fromtimestamp(number / per_second, UTC).date()
            return f"; in {unit} it would be {date}"
    return ""
