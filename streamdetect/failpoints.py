"""Places where a test can make the daemon die or stall; without STREAMDETECT_FAILPOINT they do nothing.

The variable holds `NAME[@N]=ACTION`, several joined with commas. ACTION is `kill` (SIGKILL to ourselves, as a
power cut would) at the N-th time that NAME is passed, by default the first, or a number of seconds to sleep
from the N-th time on. Where the names are: `grep -r 'failpoint("' streamdetect`.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger(__name__)

VARIABLE = "STREAMDETECT_FAILPOINT"


class _Armed(NamedTuple):
    """The action at one name."""

    first: int
    seconds: float | None  # None: the end


class Failpoints:
    """The actions that the environment asks for, and how often each name was passed.

    Attributes:
        asked: the value of the variable; empty without.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self.asked = environment.get(VARIABLE, "")
        self._armed = dict(map(_parse, self.asked.split(","))) if self.asked else {}
        self._passed: dict[str, int] = {}

    def __call__(self, name: str) -> None:
        """Pass the place of this name."""
        armed = self._armed.get(name)
        if armed is None:
            return
        passed = self._passed[name] = self._passed.get(name, 0) + 1
        if passed < armed.first:
            return
        log.warning("failpoint %s reached", name)
        if armed.seconds is None:
            os.kill(os.getpid(), signal.SIGKILL)
        else:
            time.sleep(armed.seconds)


def _parse(text: str) -> tuple[str, _Armed]:
    place, _, action = text.strip().partition("=")
    name, _, first = place.partition("@")
    return name, _Armed(int(first or 1), None if action == "kill" else float(action))


failpoint = Failpoints()
"""`failpoint("commit.done")` marks a place."""
