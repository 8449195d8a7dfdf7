"""mean + kσ of the past K remembered errors of each sensor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..blocks import BlockHistory
from .base import Limits, Threshold

if TYPE_CHECKING:
    from ..blocks import Stretch
    from ..columns import Rows
    from ..moments import Accumulator, Floats, Moments, Sums
    from .settings import ThresholdSettings, TrainingError


class RollingThreshold(Threshold):
    """mean + kσ of the past K remembered errors, K to within a block of K/16."""

    def __init__(self, settings: ThresholdSettings, training: TrainingError) -> None:
        super().__init__(settings, training)
        self.history = BlockHistory(settings.history)

    def now(self, rows: Rows) -> Limits:
        """See Threshold."""
        return self._limits(self.history.moments(rows))

    def append(self, rows: Rows, errors: Floats) -> None:
        """See Threshold."""
        self.history.append(rows, errors)

    def room(self, rows: Rows) -> Rows:
        """Up to a whole history."""
        return self.history.room(rows)

    def ahead(self, rows: Rows, errors: Floats) -> tuple[Limits, Sums | Stretch]:
        """See Threshold."""
        moments, sums = self.history.ahead(rows, errors)
        return self._limits(moments), sums

    def remember(self, rows: Rows, counts: Rows, looked: Sums | Stretch) -> None:
        """See Threshold."""
        self.history.remember(rows, counts, looked)

    def restart(self, rows: Rows, streak: Accumulator) -> None:
        """See Threshold; the streak becomes the first block."""
        self.history.clear(rows)
        self.history.seal(rows, streak.moments(rows))

    def remembered(self, rows: Rows) -> Floats:
        """See Threshold."""
        return self.history.count(rows)

    def _limits(self, past: Moments) -> Limits:
        mean, sigma = past.mean, np.maximum(past.sigma(), self.floor)
        unknown = past.n < self.settings.min_count
        if np.count_nonzero(unknown):
            mean = np.where(unknown, self.training_mean, mean)
            sigma = np.where(unknown, self.training_sigma, sigma)
        return Limits(mean, sigma, mean + self.settings.sigma * sigma)
