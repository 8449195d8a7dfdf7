"""How much comes in, added up for the page."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from streamdetect.monitoring.reports import BatchReport

_SPAN = 60  # s over which a rate is taken
_LATENCIES = 100  # batches whose latencies are looked at


class Rates(NamedTuple):
    """What came in a second, over the last minute."""

    messages: float
    readings: float


class Activity:
    """Adds up what batches brought; the main loop writes, the page's thread reads.

    Attributes:
        batches: so far; messages and readings likewise.
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
        """Note how much there was by now; called once a second."""
        self._marks.append((self._clock(), self.messages, self.readings))

    def rates(self) -> Rates:
        """What came in a second."""
        began, messages, readings = self._marks[0]
        seconds = max(self._clock() - began, 1.0)
        return Rates((self.messages - messages) / seconds, (self.readings - readings) / seconds)

    def latency(self) -> float | None:
        """The median of the seconds from the arrival of a message to its verdict, of the last batches."""
        latencies = np.concatenate([np.empty(0), *list(self._latencies)])
        return float(np.median(latencies)) if len(latencies) else None
