"""Readings of one device whose features come one by one, on topics of their own, joined by time."""

from __future__ import annotations

import math
from typing import NamedTuple


class Joined(NamedTuple):
    """One reading of all features."""

    time: float  # Unix seconds, of the newest feature
    values: tuple[float, ...]  # F; NaN = missing


class _Pending(NamedTuple):
    """A reading that is not whole yet."""

    first: float  # Unix seconds, of its first feature
    newest: float
    values: list[float]


class Joiner:
    """Gathers the features of each device until they are whole, or until one belongs to the next reading.

    A feature belongs to the reading at hand when it is not in it yet and its time is within `tolerance` of
    the first one's. Otherwise the reading at hand is given out as it is, with what is missing, and a new one
    begins. At most `most` devices are waited for; past it, the one that has waited longest is given up.
    """

    def __init__(self, features: int, tolerance: float, most: int) -> None:
        self.features, self.tolerance, self.most = features, tolerance, most
        self._pending: dict[str, _Pending] = {}

    def take(self, sensor: str, feature: int, time: float, value: float) -> list[Joined]:
        """Take in one feature, by its place; gives out the readings that it completes or ends, in order."""
        done = []
        pending = self._pending.pop(sensor, None)
        if pending and not self._belongs(pending, feature, time):
            done.append(Joined(pending.newest, tuple(pending.values)))
            pending = None
        values = pending.values if pending else [math.nan] * self.features
        values[feature] = value
        if any(map(math.isnan, values)):
            first, newest = (pending.first, max(pending.newest, time)) if pending else (time, time)
            self._wait(sensor, _Pending(first, newest, values))
        else:
            done.append(Joined(max(pending.newest, time) if pending else time, tuple(values)))
        return done

    def _belongs(self, pending: _Pending, feature: int, time: float) -> bool:
        return math.isnan(pending.values[feature]) and abs(time - pending.first) <= self.tolerance

    def _wait(self, sensor: str, pending: _Pending) -> None:
        if len(self._pending) >= self.most:
            del self._pending[next(iter(self._pending))]
        self._pending[sensor] = pending
