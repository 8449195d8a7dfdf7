"""Publishing the plant: its past as fast as the broker takes it, then at a steady pace."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from streamdetect.demo.faults import KINDS, LONGEST
from streamdetect.demo.plant import INTERVAL
from streamdetect.errors import StreamdetectError

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamdetect.demo.plant import Plant
    from streamdetect.mqtt.publisher import Publisher

HISTORY = 5 * 86_400.0  # s that a plant whose clock runs fast begins in the past
PATIENCE = 30.0  # s without any progress after which something is lost
_LATE = 1.0  # s; a longer delay is not made up for in a burst
_NAP = 0.01  # s


@dataclass(frozen=True, slots=True)
class Pace:
    """The pace of the plant's clock.

    Attributes:
        speed: seconds of the plant a second.
        burst: steps at the start that are not paced at all.
        began: Unix seconds of the first step.
    """

    speed: float
    burst: int
    began: float

    @property
    def per_second(self) -> float:
        """Steps a second."""
        return self.speed / INTERVAL

    def time_of(self, step: int, now: float) -> float:
        """The plant's time at a step, in Unix seconds: never ahead of now, a daemon would reject that."""
        return min(self.began + step * INTERVAL, now)


class Feed:
    """Publishes a plant step by step until stopped, or until the time is up and every fault is over.

    Args:
        plant: what is published.
        pace: how fast.
        seconds: after these no fault begins that could not end in them; but each kind gets its turn.
        lag: messages published and not yet processed, to be waited for.
    """

    most_lag = 1000  # messages; more would only wait in queues

    def __init__(
        self, plant: Plant, pace: Pace, *, seconds: float = math.inf, lag: Callable[[], int] = lambda: 0
    ) -> None:
        self.plant = plant
        self.pace = pace
        self.published = 0
        self.time = pace.began  # of the latest step
        self._seconds = seconds
        self._lag = lag
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Stop after this step; safe in a signal handler and from any thread."""
        self._stopped.set()

    def run(self, publisher: Publisher) -> None:
        """Publish.

        Raises:
            StreamdetectError: the broker or the daemon is lost.
        """
        until = time.monotonic() + self._seconds
        due = time.monotonic()
        while not self._stopped.is_set() and not self._is_complete(until):
            self.time = self.pace.time_of(self.plant.steps, round(time.time(), 3))
            for reading in self.plant.step(self.time):
                publisher.publish(reading.topic, reading.payload)
                self.published += 1
            due = self._wait(due)
        publisher.finish()

    def _is_complete(self, until: float) -> bool:
        left = until - time.monotonic()
        if left < LONGEST / self.pace.per_second:
            self.plant.injecting = self.plant.injected < len(KINDS)
        return left <= 0 and not self.plant.injecting and not self.plant.under_way

    def _wait(self, due: float) -> float:
        """Wait until the daemon has caught up and the next step is due; returns when that was.

        Raises:
            StreamdetectError: the daemon does not catch up.
        """
        now = time.monotonic()
        lag, since = self._lag(), now
        while self._lag() > self.most_lag and not self._stopped.is_set():
            time.sleep(_NAP)
            now = time.monotonic()
            if lag != (lag := self._lag()):
                since = now
            if now > since + PATIENCE:
                raise StreamdetectError(f"{lag} messages have not arrived for {PATIENCE:g} s")
        if self.plant.steps <= self.pace.burst:
            return now
        due = max(due + 1 / self.pace.per_second, now - _LATE)
        self._stopped.wait(max(due - now, 0.0))
        return due
