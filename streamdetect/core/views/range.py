"""The value against the range of all its past."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..moments import over_places
from .base import View

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..columns import Rows
    from ..moments import Floats, Singles
    from ..rules import RuleColumns
    from .base import Lesson, Stretch

MARGIN = 0.1
"""Share of the range by which the value may leave it,"""
GROWTH, GROWTH_MEMORY = 1.5, 3.0
"""or so many times the growth of the range in about so many of the last blocks: a value that wanders leaves
its range again and again."""
LEAST_WIDTH = 1e-12
DAY = 0.95 * 86_400.0
"""The least seconds of a day: the end of a block does not come at the same second of each day."""
LEAST_DAYS, DAYS = 5.0, 100.0
"""Days that tell how far the lowest and highest values differ from day to day, at least and at most."""
SPREAD = 2.5
"""Standard deviations from the mean of the days' highest values, within which a day's highest is usual. This
removes a sixth of the false alarms on quiet rooms, whose range grows with the seasons."""


class Range(View):
    """Scores how far the mean of a few values is outside the range of all its past, in margins.

    The margin is a share of the range, or as far as the highest and lowest values of single days reach.

    The values of an incident belong to the range afterwards if it passed as a spike does.
    """

    name = "range"

    low: Floats  # (S, F) lowest normal value, in force
    high: Floats  # (S, F) highest normal value, in force
    below: Singles  # (S, F) margin below it
    above: Singles  # (S, F) margin above it
    growth: Singles  # (S, F) sum of the shares by which the range grew in past blocks; older ones fade
    new_low: Floats  # (S, F) lowest value of this block
    new_high: Floats
    inner_low: Floats  # (S, F) lowest value of the open incident
    inner_high: Floats
    time: Floats  # (S,) Unix seconds of the newest reading
    dawn: Floats  # (S,) Unix seconds at which its day began; NaN = not yet
    day_low: Floats  # (S, F) lowest value of this day
    day_high: Floats
    days: Singles  # (S, F) days that count
    lows: Floats  # (S, F) mean of the lowest values of these days
    lows_variance: Singles  # (S, F) their variance
    highs: Floats
    highs_variance: Singles

    def __init__(self, rules: RuleColumns, features: int) -> None:
        super().__init__()
        self.rules = rules
        for name in ("low", "new_low", "inner_low", "day_low"):
            self.column(name, np.float64, np.inf, (features,))
        for name in ("high", "new_high", "inner_high", "day_high"):
            self.column(name, np.float64, -np.inf, (features,))
        for name in ("lows", "highs"):
            self.column(name, np.float64, shape=(features,))
        for name in ("below", "above", "growth", "days", "lows_variance", "highs_variance"):
            self.column(name, np.float32, shape=(features,))
        for name in ("time", "dawn"):
            self.column(name, np.float64, np.nan)

    def scores(self, stretch: Stretch) -> Floats:
        """See View; feature by feature."""
        low, high, below, above = (part[:, None] for part in self._in_force(stretch.rows))
        up, down = (stretch.level - high) / above, (low - stretch.level) / below
        if self.rules.one_sided:
            side = self.rules.side[stretch.rows][:, None]
            up, down = np.where(side < 0, -np.inf, up), np.where(side > 0, -np.inf, down)
        score: Floats = np.maximum(up, down)
        return np.where(stretch.warming[:, :, None] | (high < low), np.nan, score)

    def bounds(self, rows: Rows) -> tuple[Floats, Floats]:
        """Return the values at which the score is 1, (U, F) each; infinite where nothing is known."""
        low, high, below, above = self._in_force(rows)
        return np.where(high < low, -np.inf, low - below), np.where(high < low, np.inf, high + above)

    def allow(self, rows: Rows) -> None:
        """Count what was seen in the last incident of these rows as part of their range."""
        self.low[rows] = np.minimum(self.low[rows], self.inner_low[rows])
        self.high[rows] = np.maximum(self.high[rows], self.inner_high[rows])

    def restart(self, rows: Rows) -> None:
        """See View: whether a value wanders is a matter of the sensor, not of its regime."""
        growth = self.growth[rows]
        self.clear(rows)
        self.growth[rows] = growth

    def _in_force(self, rows: Rows) -> tuple[Floats, Floats, Singles, Singles]:
        """Low, high, and the margins below and above, (U, F) each."""
        low, high, below, above = self.low, self.high, self.below, self.above
        return low.take(rows, 0), high.take(rows, 0), below.take(rows, 0), above.take(rows, 0)

    def learn(self, stretch: Stretch, lesson: Lesson) -> None:
        """See View."""
        rows, level = stretch.rows, stretch.level
        taken = lesson.calm[:, :, None]
        low = over_places(np.minimum, np.where(taken, level, np.inf))
        high = over_places(np.maximum, np.where(taken, level, -np.inf))
        self.new_low[rows] = np.minimum(self.new_low.take(rows, axis=0), low)
        self.new_high[rows] = np.maximum(self.new_high.take(rows, axis=0), high)
        for lines, place in lesson.through_incidents():
            self._in_incident(rows[lines], level[lines, place], lesson, (lines, place))
        self.time[rows] = stretch.at_end(stretch.times, lesson.counts)

    def refresh(self, rows: Rows, full: NDArray[np.bool_]) -> None:
        """See View."""
        low, high = (
            np.minimum(self.low[rows], self.new_low[rows]),
            np.maximum(self.high[rows], self.new_high[rows]),
        )
        self._grow(rows[full], (high - low)[full])
        self.day_low[rows] = np.minimum(self.day_low[rows], self.new_low[rows])
        self.day_high[rows] = np.maximum(self.day_high[rows], self.new_high[rows])
        self._end_day(rows[self.time[rows] - self.dawn[rows] >= DAY])
        self.dawn[rows] = np.fmin(self.dawn[rows], self.time[rows])
        self.low[rows], self.high[rows] = low, high
        self.new_low[rows], self.new_high[rows] = np.inf, -np.inf
        self._find_margins(rows)

    def _find_margins(self, rows: Rows) -> None:
        low, high = self.low[rows], self.high[rows]
        margin = np.maximum(MARGIN, GROWTH * self.growth[rows]) * np.maximum(high - low, LEAST_WIDTH)
        spread = np.where(self.days[rows] >= LEAST_DAYS, SPREAD, np.nan)
        lowest = self.lows[rows] - spread * np.sqrt(self.lows_variance[rows])
        highest = self.highs[rows] + spread * np.sqrt(self.highs_variance[rows])
        self.below[rows], self.above[rows] = np.fmax(margin, low - lowest), np.fmax(margin, highest - high)

    def _end_day(self, rows: Rows) -> None:
        """Count the lowest and the highest value of a day, and begin another."""
        low, high = self.day_low[rows], self.day_high[rows]
        some = low <= high
        days = np.where(some, np.minimum(self.days[rows], DAYS) + 1.0, self.days[rows])
        self.days[rows] = days
        for mean, variance, value in (
            (self.lows, self.lows_variance, low),
            (self.highs, self.highs_variance, high),
        ):
            off = np.where(some, value - mean[rows], 0.0)
            step = off / np.maximum(days, 1.0)
            mean[rows] += step
            faded = (1.0 - 1.0 / np.maximum(days, 1.0)) * (variance[rows] + off * step)
            variance[rows] = np.where(some, faded, variance[rows])
        self.day_low[rows], self.day_high[rows] = np.inf, -np.inf
        self.dawn[rows] = self.time[rows]

    def _grow(self, rows: Rows, width: Floats) -> None:
        """Count by how much of itself the range grew in a block; width (U, F) after it."""
        before = np.maximum(self.high[rows] - self.low[rows], 0.0)
        grew = width > 0
        share = np.where(grew, 1.0 - before / np.where(grew, width, 1.0), 0.0)
        growth = self.growth[rows]
        self.growth[rows] = np.where(grew, growth * (1.0 - 1.0 / GROWTH_MEMORY) + share, growth)

    def _in_incident(self, rows: Rows, level: Floats, lesson: Lesson, at: tuple[Rows, int]) -> None:
        """Take one reading (U, F) each of rows that have an incident open, or had until now."""
        fresh, over = rows[lesson.opened[at]], rows[lesson.passed[at]]
        self.new_low[over] = np.minimum(self.new_low[over], self.inner_low[over])
        self.new_high[over] = np.maximum(self.new_high[over], self.inner_high[over])
        self.inner_low[fresh], self.inner_high[fresh] = np.inf, -np.inf
        held = lesson.open[at]
        rows, level = rows[held], level[held]
        self.inner_low[rows] = np.minimum(self.inner_low[rows], level)
        self.inner_high[rows] = np.maximum(self.inner_high[rows], level)
