"""Waiting for what must happen, and how long it took."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_GRAIN = 0.02  # s between two looks


class NeverHappenedError(Exception):
    """The event that a row waited for did not come; the row does not hold."""


def took(condition: Callable[[], object], within: float) -> float | None:
    """Return the seconds until the condition held; None if it did not within so many."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > within:
            return None
        time.sleep(_GRAIN)
    return time.monotonic() - began


def until(condition: Callable[[], object], what: str, within: float = 60.0) -> float:
    """Return the seconds until the condition held.

    Raises:
        NeverHappenedError: it did not within `within` seconds.
    """
    seconds = took(condition, within)
    if seconds is None:
        raise NeverHappenedError(f"{what}: not within {within:.0f} s")
    return seconds


def pause(seconds: float) -> None:
    """Let things run."""
    time.sleep(seconds)
