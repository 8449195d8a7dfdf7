"""A sensor's own rhythm: how many readings one of its cycles takes, if it has any, and whether it is late."""

from __future__ import annotations

from math import isinf, nan
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .base import View

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..columns import Rows
    from ..moments import Counts, Floats, Singles
    from .base import Lesson, Stretch
    from .baselines import Baselines
    from .silence import Silence

HYSTERESIS = 0.5
"""Standard deviations from the mean that a cycle has to reach on either side."""
GAPS, LEAST_GAPS = 8, 4
NEVER = -(2**31)
REGULAR = 1.5
"""The second largest gap over the second smallest; up to this it is a rhythm."""
EVEN = 1.3
"""The largest gap of the last days over the smallest; up to this a cycle can be overdue."""
MEMORY = 3 * 86_400.0
"""Seconds in which what a gap stood out by fades to a third: a heating has longer cycles at night, and
eight of an afternoon are even."""
OVERDUE = 1.2
"""A cycle of more than so many times the largest gap is too long. At 1.15 a house has false alarms, at 1.3
most slow machines are missed."""
LEAST_PERIOD = 40
"""Readings. A crossing is known to a reading or two; in a shorter cycle that is too much of the fifth by
which it may be late: on servers it gives 0.7 false alarms a day."""
DAILY = 43_200.0
"""Seconds from which a cycle is the day's: a weekend is not overdue."""


class Crossings(NamedTuple):
    """The places where values rise through their mean, (U, L, F)."""

    here: NDArray[np.bool_]
    low: NDArray[np.bool_]  # below the mean since the last time, after each reading
    gaps: Counts  # readings since the crossing before; far below 0 at the first; only where one is
    last: NDArray[np.int64]  # place of the last crossing; -1 = before the stretch


class Rhythm(View):
    """The readings from one upward crossing of a value's mean to the next, and whether they are too many.

    Of several features the most regular one counts. A cycle that took too long is not learnt, unless as many
    in a row as are remembered did: then that is how it is.
    """

    name = "rhythm"

    period: Singles  # (S,) readings, in force; NaN = no rhythm
    limit: Singles  # (S, F) readings that a cycle may take, in force; infinite = not known
    low: NDArray[np.bool_]  # (S, F) below the mean since the last crossing
    since: NDArray[np.int32]  # (S, F) readings since the last crossing; far below 0 before the first
    gaps: Singles  # (S, F, GAPS) a ring; NaN = none yet
    least: Singles  # (S, F) the smallest gap of the last days; NaN = none yet
    most: Singles  # (S, F) and the largest
    crossings: NDArray[np.int32]  # (S, F)
    late: NDArray[np.int32]  # (S, F) readings of the last cycle if it took too long, or 0
    lates: NDArray[np.int8]  # (S, F) cycles in a row that did

    def __init__(self, features: int, baselines: Baselines, level: slice, silence: Silence) -> None:
        super().__init__()
        self._others = (baselines, silence)  # other branches of the columns, not of these
        self._level = level
        self._found: Crossings  # of the stretch that `scores` has looked at
        self._took: Floats  # readings that its cycles took, or have taken so far
        self.column("period", np.float32, np.nan)
        self.column("limit", np.float32, np.inf, (features,))
        self.column("low", np.bool_, shape=(features,))
        self.column("since", np.int32, NEVER, (features,))
        self.column("gaps", np.float32, np.nan, (features, GAPS))
        for name in ("least", "most"):
            self.column(name, np.float32, np.nan, (features,))
        for name in ("crossings", "late"):
            self.column(name, np.int32, shape=(features,))
        self.column("lates", np.int8, shape=(features,))

    def scores(self, stretch: Stretch) -> Floats:
        """See View; feature by feature."""
        rows = stretch.rows
        self._found = found = self._crossings(stretch)
        limit = self.limit.take(rows, axis=0)[:, None]
        known = np.isfinite(limit)
        if not np.count_nonzero(known):
            return np.full(stretch.values.shape, np.nan)
        places = np.arange(stretch.values.shape[1])[:, None]
        before = found.last < 0
        since = np.where(before, self.since[rows][:, None] + places + 1, places - found.last)
        one = found.gaps.shape[1] == 1
        ended = found.gaps if one else np.take_along_axis(found.gaps, np.maximum(found.last, 0), axis=1)
        held = np.where(before, self.late[rows][:, None], np.where(ended > limit, ended, 0))
        self._took = np.maximum(since, held)
        score = np.maximum(self._took / limit, 0.0)
        return np.where(known & ~stretch.warming[:, :, None], score, np.nan)

    def lasting(self, line: int, place: int, row: int) -> tuple[float, float]:
        """Readings that a cycle of the last stretch took so far, and the most that one took before.

        Both are NaN where that is not known.
        """
        feature = int(self.limit[row].argmin())  # of the others no limit is known
        most = float(self.limit[row, feature]) / OVERDUE
        if isinf(most):
            return nan, nan
        return float(self._took[line, place, feature]), most

    def learn(self, stretch: Stretch, lesson: Lesson) -> None:
        """See View; also of what is anomalous, for a cycle goes on."""
        rows, counts, found = stretch.rows, lesson.counts, self._found
        if np.count_nonzero(found.here):
            self._cross_all(stretch, counts)
        last, since = stretch.at_end(found.last, counts), self.since.take(rows, axis=0) + counts[:, None]
        self.since[rows] = np.where(last < 0, since, (counts - 1)[:, None] - last)
        self.low[rows] = stretch.at_end(found.low, counts)

    def _cross_all(self, stretch: Stretch, counts: Rows) -> None:
        """Take in the crossings among the first counts[u] readings of a stretch, place by place."""
        found = self._found
        crossed = found.here & stretch.within(counts)[:, :, None]
        for place in np.flatnonzero(crossed.any(axis=(0, 2))).tolist():
            line, feature = np.nonzero(crossed[:, place])
            warming = stretch.warming[line, place]
            self._cross(stretch.rows[line], feature, found.gaps[line, place, feature], warming)

    def refresh(self, rows: Rows, full: NDArray[np.bool_]) -> None:  # noqa: ARG002 - at early ends, too
        """See View."""
        gaps = np.sort(self.gaps[rows], axis=2)  # NaN last
        held = np.minimum(self.crossings[rows], GAPS)
        least, most = _at(gaps, np.ones_like(held)), _at(gaps, held - 2)
        spread = np.where(held >= LEAST_GAPS, most / least, np.inf)
        middle = (_at(gaps, (held - 1) // 2) + _at(gaps, held // 2)) / 2.0
        best = spread.argmin(axis=1)
        lines = np.arange(len(rows))
        regular = spread[lines, best] <= REGULAR
        self.period[rows] = np.where(regular, middle[lines, best], np.nan)
        self._limit(rows, held == GAPS)

    def restart(self, rows: Rows) -> None:
        """See View: how long a cycle takes is a matter of the sensor, not of its regime."""

    def _limit(self, rows: Rows, enough: NDArray[np.bool_]) -> None:
        """Set the limit of the feature with the most even gaps, where there are enough of them, (U, F)."""
        _, silence = self._others
        least, most = self.least[rows].astype(np.float64), self.most[rows].astype(np.float64)
        spread = np.where(enough, most / least, np.inf)
        best = spread.argmin(axis=1)
        lines = np.arange(len(rows))
        longest = most[lines, best]
        even = (spread[lines, best] <= EVEN) & (longest >= LEAST_PERIOD)
        even &= longest * silence.usual[rows] < DAILY
        self.limit[rows] = np.inf
        self.limit[rows[even], best[even]] = OVERDUE * longest[even]

    def _crossings(self, stretch: Stretch) -> Crossings:
        """Find the upward crossings of a stretch."""
        baselines, _ = self._others
        rows, values = stretch.rows, stretch.values
        mean, sigma = (
            part.take(rows, axis=0)[:, None, self._level] for part in (baselines.centre, baselines.sigma)
        )
        z = (values - mean) / sigma
        below, above = z < -HYSTERESIS, z > HYSTERESIS
        was_low, since = self.low.take(rows, axis=0)[:, None], self.since.take(rows, axis=0)[:, None] + 1
        if z.shape[1] == 1:  # the usual case live
            here = above & was_low
            return Crossings(here, below | was_low & ~above, since, np.where(here, 0, -1))
        places = np.arange(z.shape[1])[:, None]
        came = np.maximum.accumulate(np.where(below | above, places, -1), axis=1)
        low = np.where(came < 0, was_low, np.take_along_axis(below, np.maximum(came, 0), axis=1))
        here = above & np.concatenate([was_low, low[:, :-1]], axis=1)
        last = np.maximum.accumulate(np.where(here, places, -1), axis=1)
        before = np.concatenate([np.full_like(last[:, :1], -1), last[:, :-1]], axis=1)
        return Crossings(here, low, np.where(before < 0, since + places, places - before), last)

    def _cross(self, rows: Rows, features: Rows, gaps: Rows, warming: NDArray[np.bool_]) -> None:
        """Count an upward crossing of each of these features, so many readings after the one before."""
        known = gaps > 0
        rows, features, gaps, warming = rows[known], features[known], gaps[known], warming[known]
        late = (gaps > self.limit[rows, features]) & ~warming
        self.late[rows, features] = np.where(late, gaps, 0)
        self.lates[rows, features] = np.where(late, self.lates[rows, features] + 1, 0)
        self._remember(rows[~late], features[~late], gaps[~late])
        over = self.lates[rows, features] >= GAPS
        self._forget(rows[over], features[over])

    def _remember(self, rows: Rows, features: Rows, gaps: Rows) -> None:
        turn = self.crossings[rows, features]
        self.gaps[rows, features, turn % GAPS] = gaps
        self.crossings[rows, features] = turn + 1
        _, silence = self._others
        left = np.exp(-gaps * silence.usual[rows] / MEMORY)
        least, most = self.least[rows, features], self.most[rows, features]
        self.least[rows, features] = np.fmin(gaps, gaps + (least - gaps) * left)
        self.most[rows, features] = np.fmax(gaps, gaps + (most - gaps) * left)

    def _forget(self, rows: Rows, features: Rows) -> None:
        """Learn anew: this is how long cycles take now. The limit stands still up to the end of the block."""
        self.gaps[rows, features] = self.least[rows, features] = self.most[rows, features] = np.nan
        self.crossings[rows, features] = self.lates[rows, features] = 0


def _at(ordered: Singles, places: Rows) -> Floats:
    """The number at a place of each line (U, F, GAPS); NaN where the place is before the first."""
    taken = np.take_along_axis(ordered, np.maximum(places, 0)[:, :, None], axis=2)[:, :, 0]
    return np.where(places >= 0, taken.astype(np.float64), np.nan)
