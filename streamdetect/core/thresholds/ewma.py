"""mean + kσ of the past errors, exponentially weighted."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .base import Limits, Threshold

if TYPE_CHECKING:
    from ..columns import Rows
    from ..moments import Accumulator, Floats
    from .settings import ThresholdSettings, TrainingError

LOOK = 64  # errors looked over at once; they are taken one by one, so more would gain nothing


class _Looked(NamedTuple):
    """Mean and variance (U, R + 1) before each error and after the last."""

    mean: Floats
    variance: Floats


class EwmaThreshold(Threshold):
    """Mean and variance with weight α = 2 / (K + 1) on the newest error, and 1/n while n is small.

    Finch, "Incremental calculation of weighted mean and variance" (2009), equations 124 and 143.
    """

    count: Floats  # (S,)
    mean: Floats
    variance: Floats

    def __init__(self, settings: ThresholdSettings, training: TrainingError) -> None:
        super().__init__(settings, training)
        self.alpha = 2.0 / (settings.history + 1.0)
        for name in ("count", "mean", "variance"):
            self.column(name, np.float64)

    def now(self, rows: Rows) -> Limits:
        """See Threshold."""
        return self._limits(self.count[rows], self.mean[rows], self.variance[rows])

    def append(self, rows: Rows, errors: Floats) -> None:
        """See Threshold."""
        past = self.count[rows], self.mean[rows], self.variance[rows]
        self.mean[rows], self.variance[rows] = self._after(*past, errors)
        self.count[rows] += 1.0

    def room(self, rows: Rows) -> Rows:
        """A fixed number."""
        return np.full(len(rows), LOOK)

    def ahead(self, rows: Rows, errors: Floats) -> tuple[Limits, _Looked]:
        """See Threshold."""
        size = errors.shape[1]
        means, variances = np.empty((len(rows), size + 1)), np.empty((len(rows), size + 1))
        mean, variance, count = self.mean[rows], self.variance[rows], self.count[rows]
        means[:, 0], variances[:, 0] = mean, variance
        for at in range(size):
            mean, variance = self._after(count + at, mean, variance, errors[:, at])
            means[:, at + 1], variances[:, at + 1] = mean, variance
        limits = self._limits(count[:, None] + np.arange(size), means[:, :-1], variances[:, :-1])
        return limits, _Looked(means, variances)

    def remember(self, rows: Rows, counts: Rows, looked: _Looked) -> None:
        """See Threshold."""
        lines = np.arange(len(rows))
        self.count[rows] += counts
        self.mean[rows], self.variance[rows] = looked.mean[lines, counts], looked.variance[lines, counts]

    def restart(self, rows: Rows, streak: Accumulator) -> None:
        """See Threshold."""
        held = streak.moments(rows)
        self.count[rows], self.mean[rows], self.variance[rows] = held.n, held.mean, held.sigma() ** 2

    def remembered(self, rows: Rows) -> Floats:
        """See Threshold."""
        return self.count[rows]

    def _after(self, count: Floats, mean: Floats, variance: Floats, errors: Floats) -> tuple[Floats, Floats]:
        """Mean and variance with one more error (U,) of each row."""
        alpha = np.maximum(self.alpha, 1.0 / (count + 1.0))
        delta = errors - mean
        return mean + alpha * delta, (1.0 - alpha) * (variance + alpha * delta * delta)

    def _limits(self, count: Floats, mean: Floats, variance: Floats) -> Limits:
        known = count >= self.settings.min_count
        centre = np.where(known, mean, self.training_mean)
        sigma = np.where(known, np.maximum(np.sqrt(variance), self.floor), self.training_sigma)
        return Limits(centre, sigma, centre + self.settings.sigma * sigma)
