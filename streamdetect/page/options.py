"""Reads the options of a request, strictly."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

from streamdetect.page.answers import ProblemError
from streamdetect.page.sensors import SORTS, STATES, Query
from streamdetect.store.history import Wanted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.datastructures import QueryParams

MOST = 500
"""Sensors or incidents on one page at most."""
_LONGEST = 256  # characters of a text


def query_of(given: QueryParams) -> Query:
    """Read the choice of sensors.

    Raises:
        ProblemError: an option is unknown, or its value is not valid.
    """
    only(given, {"state", "detector", "q", "label", "sort", "order", "limit", "offset"})
    return Query(
        state=choice(given, "state", (*STATES, "muted"), ""),
        detector=text(given, "detector"),
        text=text(given, "q"),
        labels=labels(given),
        sort=choice(given, "sort", SORTS, "state"),
        descending=choice(given, "order", ("asc", "desc"), "asc") == "desc",
        limit=window(given)[0],
        offset=window(given)[1],
    )


INCIDENT_OPTIONS = {
    *("state", "detector", "sensor", "q", "since", "until", "label", "limit", "offset"),
}
"""The options of incidents and of groups."""


def wanted_of(given: QueryParams) -> Wanted:
    """Read the choice of incidents.

    Raises:
        ProblemError: the value of an option is not valid.
    """
    state = choice(given, "state", ("open", "closed"), "")
    label = choice(given, "label", ("true", "false", "none"), "")
    return Wanted(
        is_open=(state == "open") if state else None,
        detector=text(given, "detector"),
        sensor=text(given, "sensor"),
        text=text(given, "q"),
        label="" if label == "none" else label or None,
        since=moment(given, "since", None),
        until=moment(given, "until", None),
    )


def window(given: QueryParams) -> tuple[int, int]:
    """Read how many are asked for, and how many to skip before them.

    Raises:
        ProblemError: one is not a number, or out of bounds.
    """
    return count(given, "limit", 50, most=MOST), count(given, "offset", 0, most=10_000_000)


def moment(given: QueryParams, name: str, default: float | None) -> float | None:
    """Read a time, in Unix seconds.

    Raises:
        ProblemError: it is not a time.
    """
    value = given.get(name, "")
    if not value:
        return default
    try:
        found = datetime.fromisoformat(value.replace(" ", "+"))  # a plus that was not escaped
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise bad(f"{name}: must be a time like 2026-01-31T12:00:00Z, got {value[:_LONGEST]!r}") from None


def only(given: QueryParams, known: set[str]) -> None:
    """Refuse unknown options.

    Raises:
        ProblemError: there is one.
    """
    unknown = sorted(set(given) - known)
    if unknown:
        raise bad(f"{unknown[0][:_LONGEST]}: unknown, known are {', '.join(sorted(known)) or 'none'}")


def text(given: QueryParams, name: str) -> str:
    """Read a text; empty if it is not given.

    Raises:
        ProblemError: it is too long.
    """
    value = given.get(name, "")
    if len(value) > _LONGEST:
        raise bad(f"{name}: must have at most {_LONGEST} characters, got {len(value)}")
    return value


def choice(given: QueryParams, name: str, choices: Sequence[str], default: str) -> str:
    """Read one of several words; the default if it is not given.

    Raises:
        ProblemError: it is none of them.
    """
    value = given.get(name, "")
    if value and value not in choices:
        raise bad(f"{name}: must be one of {', '.join(choices)}, got {value[:_LONGEST]!r}")
    return value or default


def count(given: QueryParams, name: str, default: int, *, most: int, least: int = 0) -> int:
    """Read a whole number.

    Raises:
        ProblemError: it is not a whole number, or out of bounds.
    """
    value = given.get(name, "")
    if not value:
        return default
    number = int(value) if value.isascii() and value.isdigit() and len(value) <= len(str(most)) else -1
    if not least <= number <= most:
        raise bad(f"{name}: must be a number from {least} to {most}, got {value[:_LONGEST]!r}")
    return number


def labels(given: QueryParams) -> Mapping[str, str]:
    """Read labels, each given as name:value.

    Raises:
        ProblemError: a label is not of this form.
    """
    found = {}
    for pair in given.getlist("label"):
        name, colon, value = pair.partition(":")
        if not colon or len(pair) > _LONGEST:
            raise bad(f"label: must be name:value, got {pair[:_LONGEST]!r}")
        found[name] = value
    return found


def bad(detail: str) -> ProblemError:
    """Make the error of a request with options that are not valid."""
    return ProblemError(HTTPStatus.BAD_REQUEST, detail)
