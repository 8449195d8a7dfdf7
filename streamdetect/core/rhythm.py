"""A sensor's own rhythm: how many readings one of its cycles takes, if it has any."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .columns import Columns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .columns import Rows
    from .moments import Floats

HYSTERESIS = 0.5
"""Standard deviations from the mean that a cycle has to reach on either side."""
GAPS, LEAST_GAPS = 8, 4
NEVER = -(2**40)
REGULAR = 1.5
"""The second largest gap over the second smallest, up to which it is a rhythm."""


class Rhythm(Columns):
    """The usual number of readings from one upward crossing of a value's mean to the next.

    Of several features the most regular one counts.
    """

    period: Floats  # (S,) readings, in force; NaN = no rhythm
    low: NDArray[np.bool_]  # (S, F) below the mean since the last crossing
    since: NDArray[np.int64]  # (S, F) readings since the last crossing; far below 0 before the first
    gaps: NDArray[np.float32]  # (S, F, GAPS) a ring; NaN = none yet
    crossings: NDArray[np.int64]  # (S, F)

    def __init__(self, features: int) -> None:
        super().__init__()
        self.column("period", np.float64, np.nan)
        self.column("low", np.bool_, shape=(features,))
        self.column("since", np.int64, NEVER, (features,))
        self.column("gaps", np.float32, np.nan, (features, GAPS))
        self.column("crossings", np.int64, shape=(features,))

    def learn(self, rows: Rows, z: Floats, counts: Rows) -> None:
        """Take in the first counts[u] deviations (U, L, F), in standard deviations from the mean."""
        if z.shape[1] == 1:
            self._learn_one(rows, z[:, 0])
            return
        places = np.arange(z.shape[1])[:, None]
        within = places < counts[:, None, None]
        below, above = (z < -HYSTERESIS) & within, (z > HYSTERESIS) & within
        came = np.maximum.accumulate(np.where(below | above, places, -1), axis=1)
        before = np.concatenate([np.full_like(came[:, :1], -1), came[:, :-1]], axis=1)
        was_low = np.where(
            before < 0, self.low[rows][:, None], np.take_along_axis(below, np.maximum(before, 0), axis=1)
        )
        crossing = above & was_low
        since = self.since[rows]
        for place in np.flatnonzero(crossing.any(axis=(0, 2))).tolist():
            line, feature = np.nonzero(crossing[:, place])
            self._cross(rows[line], feature, since[line, feature] + place + 1)
            # Counted from the start of the stretch, of which `place` + 1 readings are over.
            since[line, feature] = -place - 1
        self.since[rows] = since + counts[:, None]
        newest = came[:, -1]
        lows = np.take_along_axis(below, np.maximum(newest, 0)[:, None], axis=1)[:, 0]
        self.low[rows] = np.where(newest < 0, self.low[rows], lows)

    def _learn_one(self, rows: Rows, z: Floats) -> None:
        """The same for one reading of each row: deviations (U, F)."""
        low, since = self.low.take(rows, axis=0), self.since.take(rows, axis=0) + 1
        above = z > HYSTERESIS
        crossing = above & low
        if np.count_nonzero(crossing):
            line, feature = crossing.nonzero()
            self._cross(rows[line], feature, since[line, feature])
            since[crossing] = 0
        self.since[rows] = since
        self.low[rows] = (z < -HYSTERESIS) | low & ~above

    def refresh(self, rows: Rows) -> None:
        """Let what was learnt be in force."""
        gaps = np.sort(self.gaps[rows], axis=2)  # NaN last
        held = np.minimum(self.crossings[rows], GAPS)
        least, most = _at(gaps, np.ones_like(held)), _at(gaps, held - 2)
        spread = np.where(held >= LEAST_GAPS, most / least, np.inf)
        middle = (_at(gaps, (held - 1) // 2) + _at(gaps, held // 2)) / 2.0
        best = spread.argmin(axis=1)
        lines = np.arange(len(rows))
        regular = spread[lines, best] <= REGULAR
        self.period[rows] = np.where(regular, middle[lines, best], np.nan)

    def _cross(self, rows: Rows, features: Rows, gaps: Rows) -> None:
        """Note an upward crossing of each of these features, and the readings since the one before."""
        known = gaps > 0
        rows, features, gaps = rows[known], features[known], gaps[known]
        turn = self.crossings[rows, features]
        self.gaps[rows, features, turn % GAPS] = gaps
        self.crossings[rows, features] = turn + 1


def _at(ordered: NDArray[np.float32], places: Rows) -> Floats:
    """The number at a place of each line (U, F, GAPS); NaN where the place is before the first."""
    taken = np.take_along_axis(ordered, np.maximum(places, 0)[:, :, None], axis=2)[:, :, 0]
    return np.where(places >= 0, taken.astype(np.float64), np.nan)
