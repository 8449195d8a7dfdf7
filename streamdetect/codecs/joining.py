"""Readings of one device whose features come one by one, on topics of their own, joined by time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Joined(NamedTuple):
    """One reading of all features."""

    time: float  # Unix seconds, of the newest feature
    values: tuple[float, ...]  # F; NaN = missing


class Pending(NamedTuple):
    """A reading that is not whole yet."""

    first: float  # Unix seconds, of its first feature
    newest: float
    values: tuple[float, ...]  # F; NaN = missing


class Joiner:
    """Gathers the features of each device until they are whole, or until one belongs to the next reading.

    A feature belongs to the reading at hand when it is not in it yet and its time is within `tolerance` of
    the first one's. Otherwise the reading at hand is given out as it is, with what is missing, and a new one
    begins. At most `most` devices are waited for; past it, the one that has waited longest is given up.

    A feature that comes again with the same time and value was only delivered twice.
    """

    def __init__(self, features: int, tolerance: float, most: int) -> None:
        self.features, self.tolerance, self.most = features, tolerance, most
        self._pending: dict[str, Pending] = {}

    def take(self, sensor: str, feature: int, time: float, value: float) -> list[Joined]:
        """Take in one feature, by its place; returns the readings that it completes or ends, in order."""
        done = []
        pending = self._pending.get(sensor)
        if pending and self._is_in(pending, feature, time, value):
            return []
        if pending and not self._belongs(pending, feature, time):
            done.append(Joined(pending.newest, pending.values))
            pending = None
        self._pending.pop(sensor, None)
        values = list(pending.values) if pending else [math.nan] * self.features
        values[feature] = value
        first, newest = (pending.first, max(pending.newest, time)) if pending else (time, time)
        if any(map(math.isnan, values)):
            self.restore({sensor: Pending(first, newest, tuple(values))})
        else:
            done.append(Joined(newest, tuple(values)))
        return done

    def snapshot(self, sensors: Iterable[str] | None = None) -> dict[str, Pending]:
        """Return the readings that are not whole yet, of these devices or of all, oldest first."""
        if sensors is None:
            return dict(self._pending)
        return {sensor: self._pending[sensor] for sensor in sensors if sensor in self._pending}

    def restore(self, pending: Mapping[str, Pending]) -> None:
        """Add readings that are not whole yet."""
        for sensor, one in pending.items():
            if len(self._pending) >= self.most:
                del self._pending[next(iter(self._pending))]
            self._pending[sensor] = one

    def _belongs(self, pending: Pending, feature: int, time: float) -> bool:
        return math.isnan(pending.values[feature]) and abs(time - pending.first) <= self.tolerance

    def _is_in(self, pending: Pending, feature: int, time: float, value: float) -> bool:
        near = abs(time - pending.first) <= self.tolerance and time <= pending.newest
        return near and pending.values[feature] == value
