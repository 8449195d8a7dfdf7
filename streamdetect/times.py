"""Units of time, and the forms of a time: RFC 3339 in UTC, or for people as their clocks show it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

PER_SECOND: Final = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
"""Units in which devices count Unix time, and how many of each are a second."""
MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0  # seconds

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def rfc3339(time: float, digits: str = "microseconds") -> str:
    """Write Unix seconds as UTC: `2024-05-01T12:00:00.250000Z`.

    Args:
        time: of the years 1 to 9999.
        digits: `timespec` of `datetime.isoformat`; "auto" leaves out microseconds that are 0.
    """
    moment = _EPOCH + timedelta(seconds=time)
    return moment.isoformat(timespec=digits).replace("+00:00", "Z")


def unix(written: str) -> float:
    """Read the Unix seconds of a time as `rfc3339` writes it."""
    return datetime.fromisoformat(written).timestamp()


def local(time: float) -> str:
    """Write Unix seconds for people, in the time zone of this machine: `2024-05-01 14:00:00`."""
    return datetime.fromtimestamp(time).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def zone(name: str) -> ZoneInfo:
    """Find a time zone.

    Raises:
        ValueError: there is none of that name; it names the rule, not the option and the value.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("must be a time zone like Europe/Berlin or UTC") from error
