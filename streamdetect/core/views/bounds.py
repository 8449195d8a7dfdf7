"""Limits given in the unit of the value: where it may be, and how fast it may change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .base import View

if TYPE_CHECKING:
    from ..columns import Rows
    from ..moments import Floats
    from ..rules import RuleColumns
    from .base import Lesson, Stretch

BEYOND = 2.0
"""The least score of a value that is beyond a limit, however little."""


class FixedThreshold(View):
    """A reconstruction error against a fixed limit."""

    name = "reconstruction"

    def __init__(self, level: float) -> None:
        super().__init__()
        self.level = level

    def scores(self, stretch: Stretch) -> Floats:
        """See View; one a reading."""
        score: Floats = stretch.errors / self.level
        return score[:, :, None]


class Limits(View):
    """Scores how near a value is to the nearer of two limits: at least `BEYOND` past it, NaN without any."""

    name = "limits"

    def __init__(self, rules: RuleColumns) -> None:
        super().__init__()
        self.rules = rules

    @property
    def looks(self) -> bool:
        """See View."""
        return self.rules.bounded

    def scores(self, stretch: Stretch) -> Floats:
        """See View; feature by feature."""
        values = stretch.values
        low, high = self.rules.low[stretch.rows][:, None], self.rules.high[stretch.rows][:, None]
        half = (high - low) / 2.0
        inside = np.where(np.isfinite(half), np.abs(values - (low + high) / 2.0) / half, 0.0)
        beyond = (values < low) | (values > high)
        score = np.where(beyond, np.maximum(inside, BEYOND), np.minimum(inside, 1.0))
        return np.where(np.isfinite(low) | np.isfinite(high), score, np.nan)


class Rate(View):
    """Scores how fast the value changes, against the fastest change allowed."""

    name = "rate"

    time: Floats  # (S,) time of the last reading, Unix seconds

    def __init__(self, rules: RuleColumns) -> None:
        super().__init__()
        self.rules = rules
        self.column("time", np.float64, np.nan)

    @property
    def looks(self) -> bool:
        """See View."""
        return self.rules.rated

    def scores(self, stretch: Stretch) -> Floats:
        """See View; feature by feature."""
        rows = stretch.rows
        times = np.concatenate([self.time[rows][:, None], stretch.times], axis=1)
        change: Floats = np.abs(stretch.values - stretch.before) / np.diff(times, axis=1)[:, :, None]
        most = self.rules.rate[rows][:, None]
        score = change / most
        score = np.where(score > 1.0, np.maximum(score, BEYOND), score)
        return np.where(np.isfinite(most), score, np.nan)

    def learn(self, stretch: Stretch, lesson: Lesson) -> None:
        """See View."""
        if self.looks:
            self.time[stretch.rows] = stretch.at_end(stretch.times, lesson.counts)

    def restart(self, rows: Rows) -> None:
        """See View: the last reading is still the last one."""
