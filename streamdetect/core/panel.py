"""All views of a sensor side by side: how they score a stretch, and what they learn from it.

Signals, which are held against baselines, have a place each in one array (U, L, V); the other views give
scores of their own. The largest score of all is the verdict, see `judging.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .columns import Columns
from .drift import ErrorDrift
from .faults import CHECKS
from .moments import Moments
from .rules import VIEWS
from .views.baselines import Baselines, Traits
from .views.bounds import FixedThreshold, Limits, Rate
from .views.profile import Profile, SlowProfile
from .views.range import Range
from .views.rhythm import Rhythm
from .views.signals import LEAST_ERROR, Level, Reconstruction, Trend
from .views.silence import Silence
from .views.stuck import Stuck
from .views.worst_feature import WorstFeature

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .columns import Rows
    from .judge_settings import JudgeSettings
    from .moments import Floats
    from .rules import RuleColumns
    from .views import Lesson, Stretch
    from .views.base import View
    from .views.baselines import Known, Looked
    from .views.signals import Signal
    from .warmup import Warmup

LEVEL, PROFILE, RANGE = map(VIEWS.index, ("level", "profile", "range"))
PLACES: dict[str, int] = {view: at for at, view in enumerate(VIEWS)}
GRADUAL = np.array([view not in CHECKS for view in VIEWS])
"""Views (W,) in which a sensor can be made more or less sensitive; the others have fixed limits."""
LEAST_LIMIT = 2.0
"""The least limit on the deviation of a value from its mean, in standard deviations."""
MOST_SCORE = 1000.0
"""Larger scores say nothing more: rain after a dry week is 10¹² deviations of nothing from its mean."""


class Panel(Columns):
    """The views of all sensors, with everything that they have learnt."""

    sensitivity: Floats  # (S,) what scores are multiplied by, beside what the rules say

    def __init__(self, settings: JudgeSettings, features: int, rules: RuleColumns, warmup: Warmup) -> None:
        super().__init__()
        self.settings, self.features, self.rules = settings, features, rules
        self.column("sensitivity", np.float64, 1.0)
        self.profile = Profile(features, warmup)
        self.silence, self.range = Silence(rules), Range(rules, features)
        self.stuck = Stuck(features, self.range)
        views = (self.range, self.stuck, Limits(rules), Rate(rules))
        values = (Level(), Trend(), self.profile, SlowProfile(features, self.silence))
        if settings.level is None:
            self.signals: tuple[Signal, ...] = (Reconstruction(), *values)
            self.views: tuple[View, ...] = views
            if features > 1:
                memory = {"memory": settings.history, "least": settings.min_count}
                self.signals += (WorstFeature(features, **memory),)
        else:
            self.signals, self.views = values, (FixedThreshold(settings.level), *views)
        for part in (*self.signals, *self.views):
            setattr(self, part.name, part)  # a branch of the columns
        self.by_day = "profile" in rules.used
        """True if a view looks at the time of day, which is a fifth of the cost of judging."""
        daily = () if self.by_day else (Profile, SlowProfile)
        widths = [1 if signal.view == "reconstruction" else features for signal in self.signals]
        traits = Traits(
            np.repeat([signal.two_sided for signal in self.signals], widths),
            np.repeat([signal.spread for signal in self.signals], widths),
            np.repeat([self._floor(signal) for signal in self.signals], widths),
            np.repeat([signal.cap for signal in self.signals], widths),
        )
        self.baselines = Baselines(traits, memory=settings.history, least=settings.min_count)
        ends = np.cumsum(widths).tolist()
        self._places = {
            signal.name: slice(end - width, end)
            for signal, end, width in zip(self.signals, ends, widths, strict=True)
        }
        self.levels = self._places["level"]
        self._daily = np.repeat([signal.by_day for signal in self.signals], widths)
        self.rhythm = Rhythm(features, self.baselines, self.levels, self.silence)
        self.views += (self.rhythm,)
        self._learners = [part for part in (*self.signals, *self.views) if not isinstance(part, daily)]
        self.drift = ErrorDrift()

    def known(self, rows: Rows) -> NDArray[np.bool_]:
        """Rows (U,) whose values are held against a past of their own."""
        known: NDArray[np.bool_] = ~np.isnan(self.baselines.sigma[rows, self.levels.start])
        return known

    def learn(self, stretch: Stretch, lesson: Lesson, looked: Looked, disarmed: NDArray[np.bool_]) -> None:
        """Remember what was normal; disarmed (U, V) signals do not score until they are back."""
        self.baselines.learn(stretch, lesson, looked)
        self.baselines.armed[stretch.rows] &= ~disarmed
        for part in self._learners:
            part.learn(stretch, lesson)

    def refresh(self, rows: Rows, full: NDArray[np.bool_], times: Floats) -> None:
        """Bring into force what was learnt: a block of these rows (U,), whole or not, ends at these times."""
        self._watch_drift(rows, times)
        self.baselines.refresh(rows, full)
        for part in (*self.signals, *self.views):
            part.refresh(rows, full)
        self.silence.refresh(rows)

    def restart(self, rows: Rows) -> None:
        """Forget the past of these rows: they have a new normal."""
        for part in (*self.signals, *self.views):
            part.restart(rows)
        self.baselines.clear(rows)

    def allow(self, rows: Rows) -> None:
        """Count the values that the last incident of these rows reached as normal: nothing was wrong."""
        self.baselines.allow(rows)
        self.range.allow(rows)

    def forget_errors(self, rows: Rows) -> None:
        """Forget what was learnt of reconstruction errors: another model has other errors."""
        for signal in self.signals:
            if signal.view == "reconstruction":
                signal.clear(rows)
                self.baselines.clear(rows, self._places[signal.name])
        self.drift.clear(rows)

    def hold(self, stretch: Stretch) -> Looked:
        """Hold the signals of a stretch against their baselines; a profile cannot tell before it is warm."""
        parts = [signal.of(stretch) for signal in self.signals]
        short = [signal.near(stretch) for signal in self.signals]
        signals = np.concatenate(parts, axis=2)
        near = np.concatenate(
            [part if one is None else one for part, one in zip(parts, short, strict=True)], axis=2
        )
        young = stretch.warming[:, :, None]
        warming = np.where(self._daily, stretch.daily.warming[:, :, None] if stretch.daily else young, young)
        side = self._side(stretch.rows) if self.rules.one_sided else None
        return self.baselines.look(stretch.rows, signals, near, warming, warming & self._daily, side)

    def _side(self, rows: Rows) -> Floats:
        """Return the side on which each signal (U, V) counts, see Rule; the other teaches no limit either."""
        side = np.zeros((len(rows), len(self._daily)))
        for signal in self.signals:
            if signal.two_sided:
                side[:, self._places[signal.name]] = self.rules.side[rows]
        return side

    def views_of(
        self, stretch: Stretch, signal_scores: Floats, expected: Floats
    ) -> tuple[Floats, NDArray[np.int64], NDArray[np.int64]]:
        """The score of each view (U, L, W), the view (U, L) of the largest, and its feature.

        Args:
            stretch: the readings.
            signal_scores: (U, L, V) of the signals.
            expected: (U, F) of the values.
        """
        shape = stretch.times.shape
        # The views are the outer axis: numpy takes ten times as long over the maxima of a short inner one.
        views = np.full((len(VIEWS), *shape), np.nan).transpose(1, 2, 0)
        features = np.zeros((*shape, len(VIEWS)), dtype=np.int64) if self.features > 1 else None
        parts = [(signal.view, signal_scores[:, :, self._places[signal.name]]) for signal in self.signals]
        parts += [(view.name, view.scores(stretch)) for view in self.views if view.looks]
        choosy = self.rules.choosy
        counts = self.rules.count(stretch.rows, stretch.values, expected) if choosy else None
        for name, part in parts:
            at = PLACES[name]
            some = part if counts is None or not GRADUAL[at] else _of_those_that_count(part, counts)
            largest = some[:, :, 0] if some.shape[2] == 1 else np.fmax.reduce(some, axis=2)
            np.fmax(views[:, :, at], largest, out=views[:, :, at])
            if features is not None and some.shape[2] > 1:
                features[:, :, at] = np.fmax(some, -np.inf).argmax(axis=2)
        np.minimum(views, MOST_SCORE, out=views)
        sensitivity = self.sensitivity[stretch.rows]
        if self.rules.sensitive:
            sensitivity *= self.rules.sensitivity[stretch.rows]
        if np.count_nonzero(sensitivity != 1.0):
            views *= np.where(GRADUAL, sensitivity[:, None, None], 1.0)
        if self.rules.chosen:
            views[~np.broadcast_to(self.rules.views[stretch.rows][:, None], views.shape)] = np.nan
        best = np.fmax(views, -np.inf).argmax(axis=2)
        if features is None:
            return views, best, np.zeros_like(best)
        return views, best, np.take_along_axis(features, best[:, :, None], axis=2)[:, :, 0]

    def deviation(self, z: Floats, feature: NDArray[np.int64]) -> Floats:
        """Return how far a feature's level (U, L) is from its mean, in standard deviations; 0 = not known."""
        level = z[:, :, self.levels]
        if self.features > 1:
            level = np.take_along_axis(level, feature[:, :, None], axis=2)
        level = level[:, :, 0]
        return np.where(np.isnan(level), 0.0, level)

    def departure(self, values: Floats, known: Known, feature: NDArray[np.int64]) -> Floats:
        """Return how far a feature (U, L) is from its mean level, in its standard deviations; 0 = not known.

        It takes the value and not its level, because a step that is smoothed looks like a rise.
        """
        level = self.levels
        z = (values - known.mean[:, None, level]) / known.sigma[:, None, level]
        if self.features > 1:
            z = np.take_along_axis(z, feature[:, :, None], axis=2)
        z = z[:, :, 0]
        return np.where(np.isnan(z), 0.0, z)

    def blame(self, stretch: Stretch) -> Floats:
        """Return how far (U, L, F) each feature's reconstruction error is above its mean; 0 = not known."""
        worst = self.signals[-1]
        if not isinstance(worst, WorstFeature):
            return np.zeros(stretch.values.shape)
        return np.nan_to_num(worst.deviations(stretch))

    def error_limits(self, known: Known) -> tuple[Floats, Floats, Floats]:
        """Mean, deviation and threshold (U, 1) of reconstruction errors, which are judged by their logarithm.

        The deviation is how far one standard deviation of the logarithm is above the mean.
        """
        where = self._places.get("reconstruction")
        if where is None:
            nothing = np.full((len(known.mean), 1), np.nan)
            return nothing, nothing, np.full_like(nothing, self.settings.level)
        mean, sigma, limit = (part[:, where] for part in known)
        centre = np.exp(mean)
        return centre - LEAST_ERROR, np.exp(mean + sigma) - centre, np.exp(mean + limit * sigma) - LEAST_ERROR

    def expected(self, rows: Rows, known: Known) -> Floats:
        """Return the expected values of a stretch, (U, F); NaN = not known yet."""
        mean = known.mean[:, self.levels]
        usual = self.profile.expected.take(rows, axis=0) + known.mean[:, self._places["profile"]]
        if self.rules.chosen:
            usual[~self.rules.views[rows, PROFILE]] = np.nan
        return np.where(np.isnan(usual), mean, usual)

    def band(self, rows: Rows, known: Known, expected: Floats) -> tuple[Floats, Floats]:
        """Return the bounds of usual values in a stretch, (U, F) each; NaN = not known, or none.

        A single value spreads more than the mean of n by which its level is judged: by the root of n, if
        the values are independent.
        """
        where = self.levels
        mean, reach = known.mean[:, where], known.limit[:, where] * known.sigma[:, where]
        reach = reach * np.sqrt(self.settings.level_of)
        lower, upper = mean - reach, mean + reach
        low, high = self.range.bounds(rows)
        if self.rules.chosen:
            off = ~self.rules.views[rows]
            lower[off[:, LEVEL]] = upper[off[:, LEVEL]] = np.nan
            low[off[:, RANGE]] = high[off[:, RANGE]] = np.nan
        lower, upper = np.fmax(lower, low), np.fmin(upper, high)
        if self.rules.choosy:
            lower, upper = self.rules.widen(rows, expected, lower, upper)
        if self.rules.bounded:
            lower, upper = np.fmax(lower, self.rules.low[rows]), np.fmin(upper, self.rules.high[rows])
        return np.where(np.isinf(lower), np.nan, lower), np.where(np.isinf(upper), np.nan, upper)

    def _floor(self, signal: Signal) -> float:
        """The least limit on a signal, in standard deviations."""
        return self.settings.sigma if signal.view == "reconstruction" else LEAST_LIMIT

    def _watch_drift(self, rows: Rows, times: Floats) -> None:
        """Compare the errors of blocks that end at these times (U,) with those of the sensors' first week."""
        where = self._places.get("reconstruction")
        if where is not None:
            block = self.baselines.block.moments(rows)
            errors = Moments(*(part[:, where.start] for part in block))
            self.drift.learn(rows, errors, times, self.silence.usual[rows])


def _of_those_that_count(scores: Floats, counts: NDArray[np.bool_]) -> Floats:
    """Limit scores (U, L, F or 1) to 0 where no value behind them counts, (U, L, F)."""
    some = counts if scores.shape[2] > 1 else counts.any(axis=2, keepdims=True)
    return np.where(some, scores, np.minimum(scores, 0.0))
