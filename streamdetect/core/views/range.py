"""The value against the range of all its past."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .base import View

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..columns import Rows
    from ..moments import Floats
    from ..rules import RuleColumns
    from .base import Lesson, Stretch

MARGIN = 0.1
"""Of the range, by which the value may leave it,"""
GROWTH, GROWTH_MEMORY = 1.5, 3.0
"""or so much of what the range has grown by in about as many of the last blocks: a value that wanders leaves
its range again and again."""
LEAST_WIDTH = 1e-12


class Range(View):
    """How far the mean of a few values is outside of all its past, in margins.

    What was seen in an incident belongs to the range afterwards if it passed as a spike does.
    """

    name = "range"

    low: Floats  # (S, F) in force
    high: Floats
    growth: Floats  # (S, F) shares by which the range grew in each of the last blocks, added up and fading
    new_low: Floats  # (S, F) of this block
    new_high: Floats
    inner_low: Floats  # (S, F) of the open incident
    inner_high: Floats

    def __init__(self, rules: RuleColumns, features: int) -> None:
        super().__init__()
        self.rules = rules
        for name in ("low", "new_low", "inner_low"):
            self.column(name, np.float64, np.inf, (features,))
        for name in ("high", "new_high", "inner_high"):
            self.column(name, np.float64, -np.inf, (features,))
        self.column("growth", np.float64, shape=(features,))

    def scores(self, stretch: Stretch) -> Floats:
        """See View; feature by feature."""
        low, high, margin = (part[:, None] for part in self._in_force(stretch.rows))
        above, below = stretch.level - high, low - stretch.level
        if self.rules.one_sided:
            side = self.rules.side[stretch.rows][:, None]
            above, below = np.where(side < 0, -np.inf, above), np.where(side > 0, -np.inf, below)
        score: Floats = np.maximum(above, below) / margin
        return np.where(stretch.warming[:, :, None] | (high < low), np.nan, score)

    def bounds(self, rows: Rows) -> tuple[Floats, Floats]:
        """Where the score is 1, (U, F) each; infinite where nothing is known."""
        low, high, margin = self._in_force(rows)
        return np.where(high < low, -np.inf, low - margin), np.where(high < low, np.inf, high + margin)

    def restart(self, rows: Rows) -> None:
        """See View: whether a value wanders is a matter of the sensor, not of its regime."""
        growth = self.growth[rows]
        self.clear(rows)
        self.growth[rows] = growth

    def _in_force(self, rows: Rows) -> tuple[Floats, Floats, Floats]:
        """Low, high and margin, (U, F) each."""
        low, high = self.low.take(rows, axis=0), self.high.take(rows, axis=0)
        width = np.maximum(high - low, LEAST_WIDTH)
        return low, high, np.maximum(MARGIN, GROWTH * self.growth.take(rows, axis=0)) * width

    def learn(self, stretch: Stretch, lesson: Lesson) -> None:
        """See View."""
        rows, level = stretch.rows, stretch.level
        taken = lesson.calm[:, :, None]
        low = np.minimum.reduce(np.where(taken, level, np.inf), axis=1)
        high = np.maximum.reduce(np.where(taken, level, -np.inf), axis=1)
        self.new_low[rows] = np.minimum(self.new_low.take(rows, axis=0), low)
        self.new_high[rows] = np.maximum(self.new_high.take(rows, axis=0), high)
        for lines, place in lesson.through_incidents():
            self._in_incident(rows[lines], level[lines, place], lesson, (lines, place))

    def refresh(self, rows: Rows, full: NDArray[np.bool_]) -> None:
        """See View."""
        low, high = (
            np.minimum(self.low[rows], self.new_low[rows]),
            np.maximum(self.high[rows], self.new_high[rows]),
        )
        self._grow(rows[full], (high - low)[full])
        self.low[rows], self.high[rows] = low, high
        self.new_low[rows], self.new_high[rows] = np.inf, -np.inf

    def _grow(self, rows: Rows, width: Floats) -> None:
        """Count by how much of itself the range grew in a block; width (U, F) after it."""
        before = np.maximum(self.high[rows] - self.low[rows], 0.0)
        grew = width > 0
        share = np.where(grew, 1.0 - before / np.where(grew, width, 1.0), 0.0)
        growth = self.growth[rows]
        self.growth[rows] = np.where(grew, growth * (1.0 - 1.0 / GROWTH_MEMORY) + share, growth)

    def _in_incident(self, rows: Rows, level: Floats, lesson: Lesson, at: tuple[Rows, int]) -> None:
        """One reading (U, F) each of rows that have an incident open, or had until now."""
        fresh, over = rows[lesson.opened[at]], rows[lesson.passed[at]]
        self.new_low[over] = np.minimum(self.new_low[over], self.inner_low[over])
        self.new_high[over] = np.maximum(self.new_high[over], self.inner_high[over])
        self.inner_low[fresh], self.inner_high[fresh] = np.inf, -np.inf
        held = lesson.open[at]
        rows, level = rows[held], level[held]
        self.inner_low[rows] = np.minimum(self.inner_low[rows], level)
        self.inner_high[rows] = np.maximum(self.inner_high[rows], level)
