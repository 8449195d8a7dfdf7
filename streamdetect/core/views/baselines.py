"""Baselines: mean, standard deviation and limit of many signals, each from its own past.

How far above its mean a signal gets when all is well differs from sensor to sensor: the z that one normal
window in 200 exceeds goes from 1.8 to 23. So the limit on z comes from the largest z of each past block:
their mean and some of their standard deviations, and never less than 2, mean + 2σ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..columns import Columns
from ..moments import Accumulator, Moments, merge, over_places

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..columns import Rows
    from ..moments import Floats, Singles
    from .base import Lesson, Stretch

MAXIMA = 100.0
"""Block maxima that count, exponentially weighted."""
PRIOR, PRIOR_VARIANCE, PRIORS = 3.0, 0.25, 3.0
"""Assumed block maxima to begin with: their mean, variance and number."""
FIRST_LIMIT = 4.0
ALLOWED = 1.1
"""When somebody says that an incident was none, its limits rise to so many times what it reached."""
LEAST_SIGMA = 1e-12
VARIES = 1e-9
"""A signal whose standard deviation is a smaller share of its mean has never varied but by rounding."""
STILL_THERE = 0.4
"""Share of the deviation of a long mean by which the last readings must still be off."""


class Known(NamedTuple):
    """The baselines of signals, (U, V) each; NaN where they are not known yet."""

    mean: Floats
    sigma: Floats
    limit: Floats  # of z


class Traits(NamedTuple):
    """The traits of V signals, (V,) each."""

    two_sided: NDArray[np.bool_]  # too low is as anomalous as too high
    spread: Floats  # standard deviations of the block maxima by which the limit is above their mean
    floor: Floats  # the least limit
    cap: Floats  # the largest block maximum that counts, as a multiple of the limit


class Looked(NamedTuple):
    """The signals of a stretch, and how they look against their baselines, (U, L, V) each."""

    signals: Floats  # NaN where a signal has no value yet
    z: Floats  # standard deviations above the mean; NaN where nothing can be told yet
    sided: Floats  # z on the side that counts
    scores: Floats
    over: NDArray[np.bool_]  # the signal is over its limit, whether it may score or not
    armed: NDArray[np.bool_]  # the signal may score
    warming: NDArray[np.bool_]  # where a signal is learnt whatever happens
    known: Known


class Baselines(Columns):
    """The baselines of V signals of each sensor."""

    centre: Floats  # (S, V) mean of the past
    m2: Singles
    count: Singles  # (S, V) readings in the past
    sigma: Singles  # (S, V) in force; NaN = too few readings yet
    limit: Singles  # (S, V) in force
    maxima: Singles  # (S, V) block maxima that count
    maxima_mean: Singles
    maxima_variance: Singles
    top: Singles  # (S, V) largest z of this block that may be learnt; NaN = none
    worst: Singles  # (S, V) largest z of the open incident
    armed: NDArray[np.bool_]  # (S, V) the signal has been within its limit since an incident closed

    def __init__(self, traits: Traits, *, memory: float, least: int) -> None:
        """Begin.

        Args:
            traits: what the signals are like.
            memory: values that count.
            least: values needed before a baseline is in force.
        """
        super().__init__()
        self.two_sided, self.spread, self.floor, self.cap = traits
        self.memory, self.least = memory, least
        signals = traits.two_sided.shape
        self.column("centre", np.float64, shape=signals)
        for name in ("m2", "count"):
            self.column(name, np.float32, shape=signals)
        self.column("limit", np.float32, FIRST_LIMIT, signals)
        for name, fill in (("maxima", PRIORS), ("maxima_mean", PRIOR), ("maxima_variance", PRIOR_VARIANCE)):
            self.column(name, np.float32, fill, signals)
        for name in ("sigma", "top", "worst"):
            self.column(name, np.float32, np.nan, signals)
        self.column("armed", np.bool_, True, signals)  # noqa: FBT003 - what a row starts as
        self.block = Accumulator(signals)

    def known(self, rows: Rows) -> Known:
        """Return the baselines in force."""
        sigma, limit = (part.take(rows, axis=0).astype(np.float64) for part in (self.sigma, self.limit))
        mean = self.centre.take(rows, axis=0)
        mean[np.isnan(sigma)] = np.nan
        return Known(mean, sigma, limit)

    def look(
        self,
        rows: Rows,
        signals: Floats,
        near: Floats,
        warming: NDArray[np.bool_],
        mute: NDArray[np.bool_],
        side: Floats | None = None,
    ) -> Looked:
        """Hold signals against what is in force, (U, L, V) each.

        Args:
            rows: (U,).
            signals: NaN where there is none yet.
            near: the same over fewer readings; the signals themselves where they are short.
            warming: where a signal is learnt whatever happens.
            mute: where it cannot tell yet.
            side: (U, V) 1 = of a two-sided signal only what is too high counts, -1 = too low, 0 = either.
        """
        known = self.known(rows)
        mean, limit = known.mean[:, None], known.limit[:, None]
        z = (signals - mean) / known.sigma[:, None]
        np.copyto(z, np.nan, where=mute)
        sided = np.where(self.two_sided, np.abs(z), z)
        if side is not None:
            sided = np.where(side[:, None] == 0, sided, side[:, None] * z)
        over = sided > limit
        armed = sided <= limit
        if armed.shape[1] > 1:
            np.logical_or.accumulate(armed, axis=1, out=armed)
        armed |= self.armed.take(rows, axis=0)[:, None]
        far, now = signals - mean, near - mean
        there = (now * far > 0.0) & (np.abs(now) >= STILL_THERE * np.abs(far))
        scores = np.where(armed & (there | ~self.two_sided), sided, np.minimum(sided, 0.0)) / limit
        return Looked(signals, z, sided, scores, over, armed, warming, known)

    def learn(
        self,
        stretch: Stretch,
        lesson: Lesson,
        looked: Looked,
    ) -> None:
        """Take in the signals of a stretch, capped at their limits once they have varied."""
        rows, known, z = stretch.rows, looked.known, looked.sided
        frozen = lesson.open[:, :, None] & ~looked.warming
        here = stretch.within(lesson.counts)[:, :, None] & ~frozen & lesson.learns[:, None, None]
        reach = (np.maximum(known.limit, self.floor) * known.sigma)[:, None]
        # Capped by what never varied, the first opening of a door would leave no trace, and each one alarm.
        varied = known.sigma > VARIES * np.abs(known.mean) + 2.0 * LEAST_SIGMA
        judged = ~np.isnan(z) & varied[:, None]
        least = np.where(self.two_sided & judged, known.mean[:, None] - reach, -np.inf)
        most = np.where(judged, known.mean[:, None] + reach, np.inf)
        self.block.add(rows, looked.signals.clip(least, most), here & ~np.isnan(looked.signals))
        capped = np.minimum(z, self.cap * known.limit[:, None])
        seen = over_places(np.fmax, np.where(here, capped, np.nan))
        self.top[rows] = np.fmax(self.top.take(rows, axis=0), seen)
        self.armed[rows] = stretch.at_end(looked.armed, lesson.counts)
        for lines, place in lesson.through_incidents():
            at = lines, place
            worst = np.where(frozen[at], capped[at], np.nan)
            self._in_incident(rows[lines], worst, known.limit[lines], lesson, at)

    def refresh(self, rows: Rows, full: NDArray[np.bool_]) -> None:
        """Bring into force what was learnt, and end the blocks that are full."""
        count, m2 = (part[rows].astype(np.float64) for part in (self.count, self.m2))
        past = Moments(count, self.centre[rows], m2).fading(self.memory)
        block = self.block.moments(rows)
        some = block.n > 0
        pooled = merge(past, block)
        at = np.where(some, pooled.n, count)
        self.centre[rows] = np.where(some, pooled.mean, self.centre[rows])
        self.m2[rows] = np.where(some, pooled.m2, self.m2[rows])
        self.count[rows] = at
        self.block.clear(rows)
        self._limit(rows[full])
        enough = at >= self.least
        sigma = np.maximum(np.sqrt(self.m2[rows] / np.maximum(at, 1.0)), LEAST_SIGMA)
        self.sigma[rows] = np.where(enough, sigma, np.nan)

    def allow(self, rows: Rows) -> None:
        """Raise the limits of these rows above what their last incident reached; they fade as ever.

        The variance of the block maxima is set so that it gives this limit.
        """
        reached = ALLOWED * self.worst[rows]
        over = reached > self.limit[rows]
        spread = (reached - self.maxima_mean[rows]) / self.spread
        self.limit[rows] = np.where(over, reached, self.limit[rows])
        self.maxima_variance[rows] = np.where(over, spread * spread, self.maxima_variance[rows])

    def _limit(self, rows: Rows) -> None:
        """Count the largest z of the block, and find the limits anew."""
        if not len(rows):
            return
        top = self.top[rows]
        seen = ~np.isnan(top)
        self.top[rows] = np.nan
        count = np.minimum(self.maxima[rows], MAXIMA) + 1.0
        mean, variance = (part[rows].astype(np.float64) for part in (self.maxima_mean, self.maxima_variance))
        delta = top - mean
        mean, variance = mean + delta / count, (1.0 - 1.0 / count) * (variance + delta * delta / count)
        limit = np.maximum(mean + self.spread * np.sqrt(variance), self.floor)
        for column, new in (
            (self.maxima, count),
            (self.maxima_mean, mean),
            (self.maxima_variance, variance),
            (self.limit, limit),
        ):
            column[rows] = np.where(seen, new, column[rows])

    def _in_incident(
        self, rows: Rows, z: Floats, limit: Floats, lesson: Lesson, at: tuple[Rows, int]
    ) -> None:
        """Take one reading (U, V) each of rows that have an incident open, or had until now.

        The peak of an incident counts once, when it closes: as it is if the incident passed as a spike does,
        for this sensor has such spikes, or else as its limit at most.
        """
        fresh, closed = rows[lesson.opened[at]], lesson.closed[at]
        most = np.where(lesson.passed[at][closed][:, None], np.inf, limit[closed])
        over = rows[closed]
        self.top[over] = np.fmax(self.top[over], np.minimum(self.worst[over], most))
        self.worst[fresh] = np.nan
        self.worst[rows] = np.fmax(self.worst[rows], z)
