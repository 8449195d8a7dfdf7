"""mean + kσ of the past K remembered errors of each sensor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..blocks import BlockHistory
from .base import Limits, Threshold

if TYPE_CHECKING:
    from ..blocks import Stretch
    from ..columns import Rows
    from ..moments import Accumulator, Floats, Sums
    from .settings import ThresholdSettings, TrainingError


class RollingThreshold(Threshold):
    """mean + kσ of the past K remembered errors, K to within a block of K/16."""

    def __init__(self, settings: ThresholdSettings, training: TrainingError) -> None:
        super().__init__(settings, training)
        self.history = BlockHistory(settings.history)

    def room(self, rows: Rows) -> Rows:
        """Up to a whole history."""
        return self.history.room(rows)

    def ahead(self, rows: Rows, errors: Floats) -> tuple[Limits, Sums | Stretch]:
        """See Threshold."""
        moments, sums = self.history.ahead(rows, errors)
        known = moments.n >= self.settings.min_count
        mean = np.where(known, moments.mean, self.training_mean)
        sigma = np.where(known, np.maximum(moments.sigma(), self.floor), self.training_sigma)
        return Limits(mean, sigma, mean + self.settings.sigma * sigma), sums

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
