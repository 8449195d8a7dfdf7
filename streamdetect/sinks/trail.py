"""The readings before an incident, for a picture of it: what each sensor has sent of late, in memory.

There are two rings a sensor: its latest readings, and every tenth of more of them. They are kept of a bounded
number of sensors, and only where somebody wants pictures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from streamdetect.core.verdicts import Verdicts

LATEST, SPARSE = 120, 240
"""Places of the two rings."""
EVERY: Final = 10
"""Of so many readings one is in the second ring: at a reading a minute it reaches back by 40 h."""
MOST_SENSORS = 1000
"""About 7 kB each of one feature."""
_FACTS = ("values", "lower", "upper")


class Around(NamedTuple):
    """Readings of one sensor, oldest first; NaN = not known."""

    times: NDArray[np.float64]  # (N,) Unix seconds
    values: NDArray[np.float32]  # (N, F)
    lower: NDArray[np.float32]  # (N, F) within which they were usual
    upper: NDArray[np.float32]


class _Ring:
    """The last readings of S sensors."""

    def __init__(self, places: int, features: int) -> None:
        self.places = places
        self.times = np.empty((0, places))
        self.facts = np.empty((0, places, len(_FACTS) * features), dtype=np.float32)
        self.count = np.empty(0, dtype=np.int64)  # (S,) readings so far

    def resize(self, rows: int) -> None:
        """Make room for so many sensors."""
        for name in ("times", "facts", "count"):
            old = getattr(self, name)
            new = np.zeros((rows, *old.shape[1:]), dtype=old.dtype)
            new[: len(old)] = old
            setattr(self, name, new)

    def put(
        self,
        rows: NDArray[np.intp],
        turns: NDArray[np.int64],
        times: NDArray[np.float64],
        facts: NDArray[np.float32],
    ) -> None:
        """Take readings in, each at the place of its turn; of those at one place the last stays."""
        self.times[rows, turns % self.places] = times
        self.facts[rows, turns % self.places] = facts
        np.maximum.at(self.count, rows, turns + 1)

    def of(self, row: int) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """The readings of one sensor, oldest first."""
        count = int(self.count[row])
        order = np.arange(max(count - self.places, 0), count) % self.places
        return self.times[row, order], self.facts[row, order]


class _Rings:
    """Both rings of one detector's sensors."""

    def __init__(self, features: int) -> None:
        self.rows: dict[str, int] = {}
        self._latest, self._sparse = _Ring(LATEST, features), _Ring(SPARSE, features)
        self._turns = np.empty(0, dtype=np.int64)

    def put(self, sensors: list[str], times: NDArray[np.float64], facts: NDArray[np.float32]) -> None:
        """Take readings in, in the order in which they came."""
        rows = np.array([self._row(sensor) for sensor in sensors], dtype=np.intp)
        kept = rows >= 0
        rows, times, facts = rows[kept], times[kept], facts[kept]
        turns = self._turns[rows] + _ranks(rows)
        np.maximum.at(self._turns, rows, turns + 1)
        self._latest.put(rows, turns, times, facts)
        tenth = turns % EVERY == 0
        self._sparse.put(rows[tenth], turns[tenth] // EVERY, times[tenth], facts[tenth])

    def of(self, row: int) -> Around:
        """What is known of one sensor."""
        times, facts = self._latest.of(row)
        older, earlier = self._sparse.of(row)
        before = older < times.min(initial=np.inf)
        values, lower, upper = np.split(np.concatenate([earlier[before], facts]), len(_FACTS), axis=1)
        return Around(np.concatenate([older[before], times]), values, lower, upper)

    def _row(self, sensor: str) -> int:
        row = self.rows.get(sensor, -1)
        if row < 0 and len(self.rows) < MOST_SENSORS:
            row = self.rows[sensor] = len(self.rows)
            if row == len(self._turns):
                size = max(2 * row, 16)
                self._latest.resize(size)
                self._sparse.resize(size)
                self._turns = np.concatenate([self._turns, np.zeros(size - row, dtype=np.int64)])
        return row


class Trail:
    """What the sensors of all detectors have sent of late; written on the main thread, read on any."""

    def __init__(self) -> None:
        self._rings: dict[str, _Rings] = {}

    def observe(self, found: Iterable[tuple[str, Verdicts]]) -> None:
        """Take in what was judged, by detector."""
        for detector, verdicts in found:
            facts = np.concatenate([getattr(verdicts, name) for name in _FACTS], axis=1).astype(np.float32)
            rings = self._rings.get(detector)
            if rings is None:
                rings = self._rings[detector] = _Rings(verdicts.values.shape[1])
            rings.put(verdicts.sensors, verdicts.times, facts)

    def around(self, detector: str, sensor: str) -> Around | None:
        """The latest readings of a sensor; None if none are known."""
        rings = self._rings.get(detector)
        row = None if rings is None else rings.rows.get(sensor)
        return None if rings is None or row is None else rings.of(row)


def _ranks(rows: NDArray[np.intp]) -> NDArray[np.int64]:
    """How many readings of the same sensor come before each, (N,)."""
    order = rows.argsort(kind="stable")
    ordered = rows[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    ranks = np.empty(len(rows), dtype=np.int64)
    ranks[order] = np.arange(len(rows)) - np.repeat(starts, np.diff(starts, append=len(rows)))
    return ranks
