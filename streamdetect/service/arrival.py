"""The clock that says when a message arrived: the wall clock, except that it never goes back.

A sensor's clock never goes back either. When the wall clock is set back, readings that take the time of
arrival would be late until it has caught up. Instead the time of arrival goes on from the last one, a little
slower than time itself, until the wall clock is ahead of it again.
"""

from __future__ import annotations

import logging
import time
from math import inf
from typing import TYPE_CHECKING, ClassVar

from streamdetect.metrics import gauge

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from streamdetect.metrics import Metric

log = logging.getLogger(__name__)

_PACE = 0.9  # of time itself, so that a step of an hour is made up for within ten
_WORTH_SAYING = 1.0  # s


class ArrivalClock:
    """Unix seconds in the order of arrival.

    The network thread stamps; other threads may read `time` and `ahead`.

    Attributes:
        ahead: seconds that the latest stamp was ahead of the wall clock.
    """

    def __init__(
        self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin with the wall clock.

        Args:
            wall: Unix seconds, which may step.
            monotonic: seconds that never do.
        """
        self.ahead = 0.0
        self._wall, self._monotonic = wall, monotonic
        self._last, self._at = -inf, monotonic()

    metrics: ClassVar[Sequence[Metric[ArrivalClock]]] = (
        gauge(
            "arrival_clock_ahead_seconds",
            "How far arrival times are ahead of a clock that was set back.",
            lambda clock: clock.ahead,
        ),
    )

    def go_on_from(self, moment: float) -> None:
        """Begin no earlier than this, before the first stamp: an earlier run has stamped until then."""
        self._last, self._at = max(self._last, moment), self._monotonic()

    def stamp(self) -> float:
        """Return the time of arrival of what arrives now, never less than before."""
        wall, now = self._wall(), self._monotonic()
        stamp = max(wall, self._last + _PACE * (now - self._at))
        self._last, self._at = stamp, now
        ahead = stamp - wall
        if ahead > _WORTH_SAYING > self.ahead:
            log.warning("the clock went back: arrival times are %.0f s ahead until it has caught up", ahead)
        elif self.ahead > _WORTH_SAYING > ahead:
            log.info("the clock has caught up with the arrival times")
        self.ahead = ahead
        return stamp

    def time(self) -> float:
        """Return what compares with stamps: the wall clock, as far ahead as the latest of them."""
        return self._wall() + self.ahead
