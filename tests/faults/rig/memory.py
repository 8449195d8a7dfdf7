"""The daemon's memory during a row."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Self

    from rig.daemon import Daemon

_EVERY = 0.05  # s between two looks


class Memory:
    """Looks at the resident memory of a daemon within its block, over all its lives.

    Attributes:
        peak: the highest so far, in bytes.
    """

    def __init__(self, daemon: Daemon) -> None:
        self.peak = 0
        self._daemon = daemon
        self._samples: list[tuple[float, int]] = []  # monotonic seconds, bytes
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def growth(self, since: float) -> float:
        """Return by what share the median of the second half of the time since then is above the first."""
        samples = [size for at, size in self._samples if at >= since]
        half = len(samples) // 2
        return median(samples[half:]) / median(samples[:half]) - 1

    def _look(self) -> None:
        while not self._over.wait(_EVERY):
            with suppress(OSError, ValueError):  # it is dead, and will be started again
                self._samples.append((time.monotonic(), self._daemon.rss))
                self.peak = max(self.peak, self._daemon.highest_rss)
