"""Trails: the latest readings of each sensor, in memory, for the history and for pictures of incidents.

There are two rings a sensor: its latest readings, and every tenth of more of them. All rings of a detector
share a budget of bytes: the more sensors there are, the shorter are the rings of each.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Final

import numpy as np

from streamdetect.store.around import BANDED, Around, around_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from streamdetect.core.verdicts import Verdicts

LATEST, SPARSE = 120, 240
"""Places of the two rings, of few sensors."""
EVERY: Final = 10
"""Of so many readings one is in the second ring: at a reading a minute it reaches back by 40 h."""
BUDGET = 2_500_000
"""Bytes of all rings of a detector: 256 sensors of one feature have the longest ones, 8,000 the shortest."""
LEAST_SHARE, STRETCH = 32, 4
"""The shortest rings have this part of the places; when they take so many budgets, no sensor is added."""
BURST, A_SECOND = 200, 20.0
"""Moments that may be kept at once, and how many more each second, so that a flood of incidents costs little.
Each takes 25 µs of the main thread and 0.2 ms of the thread that writes them.
"""
_FIRST = 16  # sensors for which there is room at first


class _Ring:
    """The last readings of S sensors."""

    def __init__(self, rows: int, places: int, width: int) -> None:
        self.places = places
        self.times = np.zeros((rows, places))
        self.facts = np.zeros((rows, places, width), dtype=np.float32)

    def resized(self, rows: int, places: int, counts: NDArray[np.int64]) -> _Ring:
        """Return a ring for more sensors, of as many places or fewer; counts (S,): readings so far."""
        new = _Ring(rows, places, self.facts.shape[2])
        old = np.arange(len(counts))[:, None]
        turns = counts[:, None] - 1 - np.arange(places)
        new.times[old, turns % places] = self.times[old, turns % self.places]
        new.facts[old, turns % places] = self.facts[old, turns % self.places]
        return new

    def put(
        self,
        rows: NDArray[np.intp],
        turns: NDArray[np.int64],
        times: NDArray[np.float64],
        facts: NDArray[np.float32],
    ) -> None:
        """Take readings in, each at its place in turn; of those at one place the last stays."""
        self.times[rows, turns % self.places] = times
        self.facts[rows, turns % self.places] = facts

    def of(self, row: int, count: int) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Return the readings of a sensor that has sent so many, oldest first."""
        order = np.arange(max(count - self.places, 0), count) % self.places
        return self.times[row, order], self.facts[row, order]


class _Rings:
    """Both rings of one detector's sensors."""

    def __init__(self, width: int) -> None:
        self.width = width
        self._rows: dict[str, int] = {}
        self._turns = np.zeros(_FIRST, dtype=np.int64)  # readings so far
        self._latest, self._sparse = _Ring(_FIRST, LATEST, width), _Ring(_FIRST, SPARSE, width)

    def put(self, sensors: Sequence[str], times: NDArray[np.float64], facts: NDArray[np.float32]) -> None:
        """Take readings in, in the order in which they came."""
        found = self._places(sensors)
        rows = np.array(found, dtype=np.intp)
        if rows.min() < 0:
            there = rows >= 0
            rows, times, facts = rows[there], times[there], facts[there]
        turns = self._turns[rows]
        if len(set(found)) < len(found):
            turns += _ranks(rows)
        self._turns[rows] = turns + 1  # of several of a sensor the last, which is the largest
        self._latest.put(rows, turns, times, facts)
        tenth = np.flatnonzero(turns % EVERY == 0)
        if len(tenth):
            self._sparse.put(rows[tenth], turns[tenth] // EVERY, times[tenth], facts[tenth])

    def of(self, sensor: str) -> Around | None:
        """Return the kept readings of a sensor."""
        row = self._rows.get(sensor)
        if row is None:
            return None
        turns = int(self._turns[row])
        times, facts = self._latest.of(row, turns)
        older, earlier = self._sparse.of(row, -(-turns // EVERY))
        before = older < times.min(initial=np.inf)
        return around_of(np.concatenate([older[before], times]), np.concatenate([earlier[before], facts]))

    def _places(self, sensors: Sequence[str]) -> list[int]:
        """Return the row of each; -1 without one."""
        found = list(map(self._rows.get, sensors))
        if None in found:
            self._add(dict.fromkeys(sensors))
            return [self._rows.get(sensor, -1) for sensor in sensors]
        return found  # type: ignore[return-value]  # none of them is None

    def _add(self, sensors: Iterable[str]) -> None:
        for sensor in sensors:
            if sensor not in self._rows:
                if len(self._rows) == len(self._turns) and not self._grow():
                    return
                self._rows[sensor] = len(self._rows)

    def _grow(self) -> bool:
        """Make room for twice as many sensors; False if that takes too much."""
        rows, share = 2 * len(self._turns), 1
        longest = rows * (LATEST + SPARSE) * (8 + 4 * self.width)
        while share < LEAST_SHARE and longest > share * BUDGET:
            share *= 2
        if longest > share * STRETCH * BUDGET:
            return False
        turns = self._turns
        self._latest = self._latest.resized(rows, LATEST // share, turns)
        self._sparse = self._sparse.resized(rows, SPARSE // share, -(-turns // EVERY))
        self._turns = np.concatenate([turns, np.zeros_like(turns)])
        return True


class Trail:
    """The latest readings of the sensors of all detectors; written on the main thread, read on any."""

    def __init__(self, *, keeps: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with nothing.

        Args:
            keeps: true if the readings around each edge of an incident are kept until somebody takes them.
            clock: monotonic seconds.
        """
        self._keeps, self._clock = keeps, clock
        self._lock = threading.Lock()  # held for microseconds
        self._rings: dict[str, _Rings] = {}
        self._kept: defaultdict[tuple[str, str], list[Around]] = defaultdict(list)
        self._left, self._seen = float(BURST), clock()

    def observe(self, found: Iterable[tuple[str, Verdicts]]) -> None:
        """Take in the judged readings, by detector."""
        with self._lock:
            for detector, verdicts in found:
                if len(verdicts):
                    self._put(detector, verdicts)
                if self._keeps:
                    for sensor in {one.sensor for one in verdicts.transitions}:
                        self._keep(detector, sensor)

    def around(self, detector: str, sensor: str) -> Around | None:
        """Return the latest readings of a sensor; None if none are known."""
        with self._lock:
            return self._of(detector, sensor)

    def take(self, detector: str, sensor: str) -> list[Around]:
        """Return the readings around the edges of a sensor's incidents since the last call, or now.

        Empty in a flood of incidents: then nobody looks at each.
        """
        with self._lock:
            if (detector, sensor) not in self._kept:
                self._keep(detector, sensor)
            return self._kept.pop((detector, sensor), [])

    def _put(self, detector: str, verdicts: Verdicts) -> None:
        columns = [*(getattr(verdicts, name) for name in BANDED), verdicts.scores[:, None]]
        facts = np.concatenate(columns, axis=1).astype(np.float32)
        rings = self._rings.get(detector)
        if rings is None or rings.width != facts.shape[1]:  # a bundle of other features
            rings = self._rings[detector] = _Rings(facts.shape[1])
        rings.put(verdicts.sensors, verdicts.times, facts)

    def _of(self, detector: str, sensor: str) -> Around | None:
        rings = self._rings.get(detector)
        return None if rings is None else rings.of(sensor)

    def _keep(self, detector: str, sensor: str) -> None:
        now = self._clock()
        self._left = min(self._left + A_SECOND * (now - self._seen), BURST)
        self._seen = now
        around = self._of(detector, sensor) if self._left >= 1 and len(self._kept) < BURST else None
        if around is not None:
            self._left -= 1
            self._kept[detector, sensor].append(around)


def _ranks(rows: NDArray[np.intp]) -> NDArray[np.int64]:
    """Count the earlier readings of the same sensor for each, (N,)."""
    order = rows.argsort(kind="stable")
    ordered = rows[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    ranks = np.empty(len(rows), dtype=np.int64)
    ranks[order] = np.arange(len(rows)) - np.repeat(starts, np.diff(starts, append=len(rows)))
    return ranks
