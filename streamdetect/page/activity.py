"""The messages and readings that come in, counted for the page."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from streamdetect.monitoring.reports import BatchReport

_SPAN = 60  # s that a rate covers
_LATENCIES = 100  # batches whose latencies are kept


class Rates(NamedTuple):
    """The numbers that came in per second, over the last minute."""

    messages: float
    readings: float


class Activity:
    """Counts the messages and readings of batches; the main loop writes, the page's thread reads.

    Attributes:
        batches: how many so far.
        messages: how many so far.
        readings: how many so far.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.batches = self.messages = self.readings = 0
        self._clock = clock
        self._latencies: deque[NDArray[np.float64]] = deque(maxlen=_LATENCIES)
        self._marks: deque[tuple[float, int, int]] = deque([(clock(), 0, 0)], maxlen=_SPAN + 1)

    def observe(self, report: BatchReport) -> None:
        """Add a batch; called by the main loop."""
        self.messages += sum(report.messages.values())
        self.readings += sum(len(part.readings) for part in report.detectors)
        self._latencies.append(report.latencies)
        self.batches += 1

    def mark(self) -> None:
        """Note the counts of this moment; called once a second."""
        self._marks.append((self._clock(), self.messages, self.readings))

    def rates(self) -> Rates:
        """Return how much came in per second."""
        began, messages, readings = self._marks[0]
        seconds = max(self._clock() - began, 1.0)
        return Rates((self.messages - messages) / seconds, (self.readings - readings) / seconds)

    def latency(self) -> float | None:
        """Return the median seconds from a message's arrival to its verdict, lately; None without any."""
        latencies = np.concatenate([np.empty(0), *list(self._latencies)])
        return float(np.median(latencies)) if len(latencies) else None
