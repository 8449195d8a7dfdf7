"""MQTT topic filters: what is valid, and whether two of them can meet.

Patterns are MQTT 5.0, section 4.7. Matching one topic is paho's MQTTMatcher; see router.py.
"""

from __future__ import annotations

from typing import Final

_MAX_BYTES: Final = 65_535  # MQTT 5.0, 1.5.4: a UTF-8 string is at most 65,535 bytes


def check_filter(topic_filter: str) -> None:
    """Refuse what a broker would refuse, and what a detector has no business in.

    Raises:
        ValueError: with what is wrong, fit for a configuration error.
    """
    levels = topic_filter.split("/")
    if not topic_filter:
        raise ValueError("must not be empty")
    if topic_filter.startswith("$"):
        raise ValueError("must not begin with $: $SYS and $share are not sensor topics")
    if any("#" in level and level != "#" for level in levels) or "#" in levels[:-1]:
        raise ValueError("must have # only alone, as the last level")
    if any("+" in level and level != "+" for level in levels):
        raise ValueError("must have + only alone in its level")
    if not topic_filter.isprintable() or len(topic_filter.encode()) > _MAX_BYTES:
        raise ValueError("must be printable and at most 65535 bytes")


def overlap(one: str, other: str) -> bool:
    """Tell whether some topic matches both filters."""
    return _meet(one.split("/"), other.split("/"))


def _meet(one: list[str], other: list[str]) -> bool:
    for mine, theirs in zip(one, other, strict=False):
        if "#" in (mine, theirs):
            return True
        if mine != theirs and "+" not in (mine, theirs):
            return False
    longer = max(one, other, key=len)
    rest = longer[min(len(one), len(other)) :]
    return rest in ([], ["#"])  # `a/#` matches `a` too
