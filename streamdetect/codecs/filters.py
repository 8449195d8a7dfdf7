"""MQTT topic filters: which are valid, how two of them relate, and topics to leave alone.

Patterns are MQTT 5.0, section 4.7. Matching one topic is paho's MQTTMatcher; see router.py.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_MAX_BYTES: Final = 65_535  # MQTT 5.0, 1.5.4: a UTF-8 string is at most 65,535 bytes
RESERVED: Final = ("$SYS", "$share", "$queue")
"""First levels that hold no sensor's topic: the broker's own figures, and shared subscriptions."""


def check_filter(topic_filter: str) -> None:
    """Refuse what a broker would refuse, and topics that are not a detector's business.

    Raises:
        ValueError: with what is wrong, fit for a configuration error.
    """
    levels = topic_filter.split("/")
    if not topic_filter:
        raise ValueError("must not be empty")
    if levels[0] in RESERVED:
        raise ValueError("must not begin with $SYS, $share or $queue: they are not sensor topics")
    if any("#" in level and level != "#" for level in levels) or "#" in levels[:-1]:
        raise ValueError("must have # only alone, as the last level")
    if any("+" in level and level != "+" for level in levels):
        raise ValueError("must have + only alone in its level")
    if not topic_filter.isprintable() or len(topic_filter.encode()) > _MAX_BYTES:
        raise ValueError("must be printable and at most 65535 bytes")


def check_pattern(pattern: str) -> None:
    """Refuse what `ignoring` cannot read: a filter in which `*` may stand for part of a level.

    Raises:
        ValueError: with what is wrong, fit for a configuration error.
    """
    check_filter(pattern.replace("*", "x"))


def ignoring(patterns: Iterable[str]) -> Callable[[str], object]:
    """Make the function that tells whether a topic matches one of the patterns (truthy) or none."""
    shapes = [_shape(pattern.split("/")) for pattern in patterns]
    return re.compile("|".join(shapes) or "(?!)", re.DOTALL).fullmatch


def _shape(levels: list[str]) -> str:
    known = {"+": "[^/]*", "#": ".*"}
    shape = "/".join(
        known[level] if level in known else re.escape(level).replace(r"\*", "[^/]*") for level in levels
    )
    return f"{shape[:-3]}(?:/.*)?" if levels[1:] and levels[-1] == "#" else shape  # `a/#` matches `a` too


def wild(topic_filter: str) -> bool:
    """Tell whether a filter stands for more than one topic."""
    return "+" in topic_filter or "#" in topic_filter


def overlap(one: str, other: str) -> bool:
    """Tell whether some topic matches both filters."""
    return _meet(one.split("/"), other.split("/"))


def covers(one: str, other: str) -> bool:
    """Tell whether every topic that matches the other filter matches this one."""
    mine, theirs = one.split("/"), other.split("/")
    if mine[0] in {"+", "#"} and theirs[0].startswith("$"):
        return False  # 4.7.2: a wildcard at the beginning does not match $-topics
    for at, level in enumerate(mine):
        if level == "#":
            return True
        if at >= len(theirs) or theirs[at] == "#" or (level != theirs[at] and level != "+"):
            return False
    return len(mine) == len(theirs)


def uncovered(filters: Sequence[str]) -> tuple[str, ...]:
    """Leave out the filters that another one covers: a broker may send a message once for each."""
    unique = list(dict.fromkeys(filters))
    return tuple(one for one in unique if not any(covers(other, one) for other in unique if other != one))


def overlapping(filters: Sequence[str]) -> list[tuple[str, str]]:
    """Return the pairs of filters that a topic can match both."""
    return [
        (one, other) for at, one in enumerate(filters) for other in filters[at + 1 :] if overlap(one, other)
    ]


def _meet(one: list[str], other: list[str]) -> bool:
    for mine, theirs in zip(one, other, strict=False):
        if "#" in (mine, theirs):
            return True
        if mine != theirs and "+" not in (mine, theirs):
            return False
    longer = max(one, other, key=len)
    rest = longer[min(len(one), len(other)) :]
    return rest in ([], ["#"])  # `a/#` matches `a` too
