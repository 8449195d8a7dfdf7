"""Thresholds from the past K errors themselves: robust, quantile and peaks over threshold.

They keep K numbers a sensor, and find their limit anew after each K/16 remembered errors.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .base import Limits, Threshold

if TYPE_CHECKING:
    from ..columns import Rows
    from ..moments import Accumulator, Floats
    from .settings import ThresholdSettings, TrainingError

REFRESHES = 16  # per history
MAD_TO_SIGMA = 1.482602218505602  # 1 / Φ⁻¹(3/4): the standard deviation of a normal distribution by its MAD
PEAK_QUANTILE = 0.98
LEAST_PEAKS = 10


class Sample(NamedTuple):
    """Sorted errors, (U, K), NaN behind the first n of each row, and n, (U,)."""

    errors: Floats
    n: Rows

    def quantile(self, share: float) -> Floats:
        """With linear interpolation, as numpy.quantile."""
        place = share * (self.n - 1)
        low = np.floor(place).astype(np.intp)
        lines = np.arange(len(self.n))
        below, above = self.errors[lines, low], self.errors[lines, np.minimum(low + 1, self.n - 1)]
        between: Floats = below + (above - below) * (place - low)
        return between


class SampledThreshold(Threshold):
    """A limit found from the sorted past errors; after a change of regime, first from the streak."""

    errors: Floats  # (S, K) a ring
    count: Floats  # (S,) remembered since the start or the last change of regime
    centre: Floats  # (S,) in force
    spread: Floats
    limit: Floats

    def __init__(self, settings: ThresholdSettings, training: TrainingError) -> None:
        super().__init__(settings, training)
        self.every = max(settings.history // REFRESHES, 1)
        self.column("errors", np.float64, np.nan, (settings.history,))
        self.column("count", np.float64)
        self.column("centre", np.float64, self.training_mean)
        self.column("spread", np.float64, self.training_sigma)
        self.column("limit", np.float64, self.training_mean + settings.sigma * self.training_sigma)

    @abstractmethod
    def find(self, sample: Sample, centre: Floats, spread: Floats) -> Floats:
        """The limit, (U,); centre and spread are the median and the floored, scaled MAD."""

    def now(self, rows: Rows) -> Limits:
        """See Threshold; it stands still up to the next refresh."""
        return Limits(self.centre[rows], self.spread[rows], self.limit[rows])

    def append(self, rows: Rows, errors: Floats) -> None:
        """See Threshold."""
        count = self.count[rows]
        self.errors[rows, count.astype(np.intp) % self.settings.history] = errors
        self._count_up(rows, count + 1.0)

    def room(self, rows: Rows) -> Rows:
        """Up to the next refresh."""
        past = self.count[rows] - self.settings.min_count
        room = np.where(past < 0, -past, self.every - past % self.every)
        return np.asarray(np.minimum(room, self.settings.history), dtype=np.intp)

    def ahead(self, rows: Rows, errors: Floats) -> tuple[Limits, Floats]:
        """See Threshold."""
        return Limits(*(np.broadcast_to(one[:, None], errors.shape) for one in self.now(rows))), errors

    def remember(self, rows: Rows, counts: Rows, looked: Floats) -> None:
        """See Threshold."""
        place = np.arange(looked.shape[1])
        line, at = np.nonzero(place < counts[:, None])
        ring = (self.count[rows[line]].astype(np.intp) + at) % self.settings.history
        self.errors[rows[line], ring] = looked[line, at]
        more = counts > 0
        self._count_up(rows[more], self.count[rows[more]] + counts[more])

    def restart(self, rows: Rows, streak: Accumulator) -> None:
        """See Threshold."""
        held = streak.moments(rows)
        self.errors[rows], self.count[rows] = np.nan, 0
        self.centre[rows], self.spread[rows] = held.mean, np.maximum(held.sigma(), self.floor)
        self.limit[rows] = self.centre[rows] + self.settings.sigma * self.spread[rows]

    def remembered(self, rows: Rows) -> Floats:
        """See Threshold."""
        return np.minimum(self.count[rows], float(self.settings.history))

    def _count_up(self, rows: Rows, count: Floats) -> None:
        """Set what has been remembered of each row, and find its limit anew where that is due."""
        self.count[rows] = count
        past = count - self.settings.min_count
        due = (past >= 0) & (past % self.every == 0)
        if np.count_nonzero(due):
            self._refresh(rows[due])

    def _refresh(self, rows: Rows) -> None:
        n = self.remembered(rows).astype(np.intp)
        sample = Sample(np.sort(self.errors[rows], axis=1), n)
        centre = sample.quantile(0.5)
        deviations = Sample(np.sort(np.abs(sample.errors - centre[:, None]), axis=1), n)
        spread = np.maximum(MAD_TO_SIGMA * deviations.quantile(0.5), self.floor)
        self.centre[rows], self.spread[rows] = centre, spread
        self.limit[rows] = self.find(sample, centre, spread)


class RobustThreshold(SampledThreshold):
    """median + k · 1.4826 · MAD."""

    def find(self, sample: Sample, centre: Floats, spread: Floats) -> Floats:  # noqa: ARG002 - not needed
        """See SampledThreshold."""
        return centre + self.settings.sigma * spread


class QuantileThreshold(SampledThreshold):
    """A quantile of the past errors, and at least the floor above their median."""

    def find(self, sample: Sample, centre: Floats, spread: Floats) -> Floats:  # noqa: ARG002 - not needed
        """See SampledThreshold."""
        return np.maximum(sample.quantile(self.settings.quantile), centre + self.floor)


class PotThreshold(SampledThreshold):
    """Peaks over threshold: the error that a new one exceeds with probability `risk`.

    Siffer et al., "Anomaly Detection in Streams with Extreme Value Theory" (KDD 2017), equation 1, with the
    generalised Pareto distribution of the peaks fitted by probability-weighted moments: Hosking and Wallis,
    "Parameter and Quantile Estimation for the Generalized Pareto Distribution" (Technometrics 29, 1987).
    With fewer than 10 peaks, or peaks all alike, it is the largest error so far and the floor.
    """

    def find(self, sample: Sample, centre: Floats, spread: Floats) -> Floats:  # noqa: ARG002 - not needed
        """See SampledThreshold."""
        start = sample.quantile(PEAK_QUANTILE)
        peak = sample.errors > start[:, None]
        count = peak.sum(axis=1)
        most = np.maximum(count, 1)
        rank = np.cumsum(peak, axis=1)  # sorted errors: peaks are ranked from the smallest
        excess = np.where(peak, sample.errors - start[:, None], 0.0)
        weight = 1.0 - (rank - 0.35) / most[:, None]
        first, second = excess.sum(axis=1) / most, (weight * excess).sum(axis=1) / most
        tail = first - 2.0 * second
        usable = (count >= LEAST_PEAKS) & (tail > 0)
        tail = np.where(usable, tail, 1.0)
        shape, scale = 2.0 - first / tail, 2.0 * first * second / tail
        ratio = self.settings.risk * sample.n / most
        flat = np.abs(shape) < 1e-8  # noqa: PLR2004 - there the formula's limit is the exponential one
        bent = np.where(flat, 1.0, shape)
        above = np.where(flat, -scale * np.log(ratio), scale / bent * (ratio**-bent - 1.0))
        largest = sample.errors[np.arange(len(count)), sample.n - 1] + self.floor
        return np.where(usable, start + np.maximum(above, 0.0), largest)
