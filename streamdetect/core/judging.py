"""Readings and errors to verdicts: look in every view, judge against the past, then remember."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .columns import Columns
from .drift import ErrorDrift
from .faults import CHECKS
from .incidents import Incidents, Scored
from .moments import Moments
from .rules import VIEWS
from .smoothing import Smoother
from .views import Lesson, Stretch
from .views.baselines import Baselines, Traits
from .views.bounds import FixedThreshold, Limits, Rate
from .views.profile import Profile, SlowProfile, slot_of
from .views.range import Range
from .views.rhythm import Rhythm
from .views.signals import LEAST_ERROR, Level, Reconstruction, Trend
from .views.silence import Silence
from .views.stuck import Stuck
from .views.worst_feature import WorstFeature
from .warmup import Warmup

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .columns import Rows
    from .grid import Grid
    from .incidents import Edge, IncidentSettings, Stepped
    from .moments import Floats
    from .rules import RuleColumns
    from .views.base import View
    from .views.baselines import Known, Looked
    from .views.signals import Signal

RECONSTRUCTION, LEVEL, PROFILE, RANGE = map(VIEWS.index, ("reconstruction", "level", "profile", "range"))
GRADUAL = np.array([view not in CHECKS for view in VIEWS])
"""Views (W,) that a sensor can be made more or less sensitive in; the others have fixed limits."""
LEAST_LIMIT = 2.0
"""On the deviations of a value from its mean, in standard deviations."""


@dataclass(frozen=True, slots=True)
class JudgeSettings:
    """How readings are judged. Counts are in readings."""

    sigma: float = 2.0  # least limit on a reconstruction error, in standard deviations above its mean
    level: float | None = None  # a fixed limit on it instead; None = learnt
    history: int = 10_000  # that a baseline remembers
    min_count: int = 100  # that it needs
    block: int = 120  # after which what a sensor is held against is found anew,
    early: tuple[int, ...] = (16, 32, 64)  # and at these
    warmup: int = 3000  # that are learnt whatever happens,
    warmup_seconds: float = 172_800.0  # or those of so long, whichever is the sooner
    level_of: int = 3  # values whose mean is the level
    trend_of: int = 30  # values whose mean is the trend
    calm_cycles: float = 0.6  # of a sensor's rhythm that have to be calm before an incident closes
    calm_most: float = 7200.0  # s, and never longer
    daily: float = 43_200.0  # s; a rhythm as slow as this is a daily one, and asks for no longer calm
    short: int = 60  # an incident of fewer readings passed as a spike does,
    short_cycles: float = 0.5  # or of fewer cycles

    @property
    def shape(self) -> tuple[object, ...]:
        """Those on which the meaning of what is remembered rests."""
        return self.block, self.early, self.level_of, self.trend_of, self.level is None


class Seen(NamedTuple):
    """A batch of N accepted readings, in arrival order."""

    times: Floats  # (N,) Unix seconds
    values: Floats  # (N, F)
    pauses: Floats  # (N,) s since the sensor's reading before; NaN = none, or not all of it was listened to
    unheard: Floats  # (N,) s since then that it was listened to and not heard of; NaN = no reading before
    errors: Floats  # (N,) reconstruction error; NaN = no window was due
    feature_errors: Floats  # (N, F)


class Waits(NamedTuple):
    """What was waited for each reading of a stretch, (U, L) each; see Seen."""

    pauses: Floats
    unheard: Floats


class Ruling(NamedTuple):
    """What was found of each reading of a batch, in arrival order or laid out (U, L)."""

    score: Floats  # the largest of all views; NaN = none can tell yet
    view: NDArray[np.int64]  # whose it is
    views: Floats  # (…, W) of each view
    means: Floats  # of the reconstruction error; NaN = not known yet
    sigmas: Floats
    thresholds: Floats
    expected: Floats  # (…, F) of the value; NaN = not known yet
    lower: Floats  # (…, F) where the score is 1
    upper: Floats


class Judge(Columns):
    """Looks at each sensor's readings in several views, and keeps its incidents.

    A sensor's readings are taken block by block. Within a block all that a score rests on stands still, so a
    stretch of it is scored at once; only its incidents are taken through it reading by reading, because what
    may be learnt of the stretch depends on them.
    """

    readings: NDArray[np.int64]  # (S,) since the start or the last change of regime
    begun: Floats  # (S,) Unix seconds of the first of them; NaN before it
    score: Floats  # (S,) of the last verdict; NaN before the first
    scores: Floats  # (S, W) of each view
    error: Floats  # (S,)
    threshold: Floats
    expected: Floats  # (S, F)
    lower: Floats
    upper: Floats
    sensitivity: Floats  # (S,) what scores are multiplied by, beside what the rules say

    def __init__(
        self, settings: JudgeSettings, incidents: IncidentSettings, features: int, rules: RuleColumns
    ) -> None:
        super().__init__()
        self.settings, self.features, self.rules = settings, features, rules
        self.column("readings", np.int64)
        self.column("sensitivity", np.float64, 1.0)
        for name in ("begun", "score", "error", "threshold"):
            self.column(name, np.float64, np.nan)
        for name in ("expected", "lower", "upper"):
            self.column(name, np.float64, np.nan, (features,))
        self.column("scores", np.float64, np.nan, (len(VIEWS),))
        self.recent = Smoother(settings.trend_of, features)
        self.warmup = Warmup(settings.min_count, settings.warmup, settings.warmup_seconds)
        self.profile = Profile(features, self.warmup)
        self.silence, self.range = Silence(rules), Range(rules, features)
        self.stuck = Stuck(features, self.range)
        views = (self.range, self.stuck, Limits(rules), Rate(rules, features))
        values = (Level(), Trend(), self.profile, SlowProfile(features, self.profile, self.silence))
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
        self._by_day = "profile" in rules.used
        """Whether the time of day is looked at: it is a fifth of what judging costs."""
        daily = () if self._by_day else (Profile, SlowProfile)
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
        self._slow_to_judge = np.repeat([not signal.judges_cold for signal in self.signals], widths)
        self.rhythm = Rhythm(features, self.baselines, self._places["level"], self.silence)
        self.views += (self.rhythm,)
        self._learners = [part for part in (*self.signals, *self.views) if not isinstance(part, daily)]
        self.incidents = Incidents(incidents, features, VIEWS)
        self.drift = ErrorDrift()

    def judge(self, grid: Grid, seen: Seen) -> tuple[Ruling, list[Edge]]:
        """Judge a batch laid out by `grid`, and remember it.

        Returns:
            The rulings in arrival order, and the edges of incidents, whose line is the place of their reading
            in that order.
        """
        # NaN and infinity stand for what is not known, and what is past a line's end means nothing.
        with np.errstate(divide="ignore", invalid="ignore"):
            return self._judge(grid, seen)

    def _judge(self, grid: Grid, seen: Seen) -> tuple[Ruling, list[Edge]]:
        laid = Seen(*(grid.lay(part) for part in seen))
        edges: list[Edge] = []
        if not len(grid.rows):
            return self._blank((0,)), edges
        if grid.width == 1:  # the usual case live
            if self._by_day:
                self.profile.enter(grid.rows, slot_of(seen.times))
            ruling, _, edges = self._look(*self._begin(grid.rows, grid.counts, laid))
            return Ruling._make(part[:, 0] for part in ruling), edges
        order = grid.lay(np.arange(len(seen.times)))
        whole = self._blank(laid.times.shape)
        done = np.zeros_like(grid.counts)
        while len(lines := np.flatnonzero(done < grid.counts)):
            start = done[lines]
            stretch, waits = self._stretch(grid, laid, lines, start)
            ruling, counts, found = self._look(stretch, waits)
            line, place = np.nonzero(stretch.within(counts))
            for part, one in zip(whole, ruling, strict=True):
                part[lines[line], start[line] + place] = one[line, place]
            edges += [
                edge._replace(line=int(order[lines[edge.line], start[edge.line] + edge.place]))
                for edge in found
            ]
            done[lines] += counts
        edges.sort(key=lambda edge: edge.line)
        return Ruling._make(map(grid.read, whole)), edges

    def deadlines(self, rows: Rows, last: Floats) -> Floats:
        """When rows (U,) heard of at these times will be silent for too long; infinite: they are already."""
        return np.where(self.incidents.silent[rows], np.inf, last + self.silence.limit(rows))

    def allow(self, rows: Rows) -> None:
        """Let what the last incident of these rows reached be normal: there was nothing wrong."""
        self.baselines.allow(rows)
        self.range.allow(rows)

    def restart(self, rows: Rows) -> None:
        """Forget the past of these rows: they have a new normal."""
        for part in (*self.signals, *self.views):
            part.restart(rows)
        self.baselines.clear(rows)
        self.readings[rows], self.begun[rows] = 0, np.nan

    def forget_errors(self, rows: Rows) -> None:
        """Forget what was learnt of reconstruction errors: another model makes others."""
        for signal in self.signals:
            if signal.view == "reconstruction":
                signal.clear(rows)
                self.baselines.clear(rows, self._places[signal.name])
        self.drift.clear(rows)
        self.error[rows] = self.threshold[rows] = np.nan
        self.scores[rows, RECONSTRUCTION] = np.nan

    def warming_up(self, rows: Rows) -> NDArray[np.bool_]:
        """Rows (U,) whose values are not held against a past of their own yet."""
        known: NDArray[np.bool_] = np.isnan(self.baselines.mean[rows, self._places["level"].start])
        return known

    def readings_to_go(self, rows: Rows) -> NDArray[np.int64]:
        """About how many readings (U,) until rows are held against a past of their own; 0 = they are."""
        settings = self.settings
        ends = [end for end in settings.early if end >= settings.min_count]
        ends.append(-(-settings.min_count // settings.block) * settings.block)
        return np.where(self.warming_up(rows), np.maximum(ends[0] - self.readings[rows], 1), 0)

    def _floor(self, signal: Signal) -> float:
        """The least limit on a signal, in standard deviations."""
        return self.settings.sigma if signal.view == "reconstruction" else LEAST_LIMIT

    def _blank(self, shape: tuple[int, ...]) -> Ruling:
        wide = (*shape, self.features)
        views = (*shape, len(VIEWS))
        shapes = (shape, shape, views, shape, shape, shape, wide, wide, wide)
        made = [np.full(of, np.nan) for of in shapes]
        return Ruling._make(made)._replace(view=np.zeros(shape, dtype=np.int64))

    def _stretch(self, grid: Grid, laid: Seen, lines: Rows, start: Rows) -> tuple[Stretch, Waits]:
        """The next readings of these lines, up to the end of a block or of a half hour; and the waits."""
        rows = grid.rows[lines]
        counts = np.minimum(grid.counts[lines] - start, self._room(rows))
        places = np.minimum(start[:, None] + np.arange(counts.max()), grid.width - 1)
        at = lines[:, None], places
        if self._by_day:
            slots = slot_of(laid.times[at])
            self.profile.enter(rows, slots[:, 0])
            other = slots != slots[:, :1]
            if np.count_nonzero(other):
                np.minimum(counts, np.where(other.any(axis=1), other.argmax(axis=1), counts), out=counts)
                at = lines[:, None], places[:, : counts.max()]
        return self._begin(rows, counts, Seen(*(part[at] for part in laid)))

    def _begin(self, rows: Rows, counts: Rows, laid: Seen) -> tuple[Stretch, Waits]:
        """A stretch of readings (U, L) that lie within a block and a half hour."""
        values, times, begun = laid.values, laid.times, self.begun[rows]
        begun = np.where(np.isnan(begun), times[:, 0], begun)
        self.begun[rows] = begun
        recent = self.recent.run(rows, values)
        stretch = Stretch(
            rows=rows,
            counts=counts,
            times=times,
            values=values,
            level=recent.mean(self.settings.level_of),
            trend=recent.mean(self.settings.trend_of),
            recent=recent,
            daily=self.profile.daily(rows, times, values) if self._by_day else None,
            errors=laid.errors,
            feature_errors=laid.feature_errors,
            warming=self.warmup.lasts(self.readings[rows], begun, times),
        )
        return stretch, Waits(laid.pauses, laid.unheard)

    def _room(self, rows: Rows) -> Rows:
        """Readings (U,) up to the end of the block."""
        count = self.readings[rows]
        end = self.settings.block - count % self.settings.block
        for early in reversed(self.settings.early):
            end = np.where(count < early, early - count, end)
        return end

    def _look(self, stretch: Stretch, waits: Waits) -> tuple[Ruling, Rows, list[Edge]]:
        """Judge a stretch; returns the ruling (U, L), the readings taken of each line (U,), and edges."""
        rows = stretch.rows
        signals = np.concatenate([signal.of(stretch) for signal in self.signals], axis=2)
        looked = self._hold(stretch, signals)
        expected = self._expected(rows, looked.known)
        views, which, by_feature = self._views(stretch, looked.scores, expected)
        score = np.fmax.reduce(views, axis=2)
        limit = self.silence.limit(rows)
        scored = Scored(
            rows=rows,
            counts=stretch.counts,
            times=stretch.times,
            values=stretch.values,
            before=self.stuck.before(stretch),
            errors=stretch.errors,
            views=views,
            score=np.fmax(score, 0.0),
            feature=by_feature,
            deviation=self._deviation(looked.z, by_feature),
            sigma=looked.known.sigma[:, self._places["level"]],
            departure=self._departure(stretch.values, looked.known, by_feature),
            over=looked.over,
            blame=self._blame(stretch),
            silences=waits.unheard / limit[:, None],
            deadlines=stretch.times - waits.unheard + limit[:, None],
            usual=self._interval(rows),
        )
        stepped = self.incidents.step(scored, lambda: self._patience(rows))
        stepped.edges[:] = [self._explained(edge, scored.usual) for edge in stepped.edges]
        self._learn(stretch, scored, stepped, looked)
        self.silence.learn(stretch, waits.pauses, stepped.counts, limit)
        ruling = self._ruling(stretch, score, which, views, looked.known, expected)
        self._keep_last(stretch, stepped.counts, ruling, views)
        self._end_blocks(stretch, stepped)
        return ruling, stepped.counts, stepped.edges

    def _hold(self, stretch: Stretch, signals: Floats) -> Looked:
        """Hold the signals (U, L, V) against their baselines; the profile cannot tell before it is warm."""
        warming = np.empty(signals.shape, dtype=bool)
        for signal in self.signals:
            warming[:, :, self._places[signal.name]] = signal.warming(stretch)[:, :, None]
        near = signals.copy()
        for signal in self.signals:
            if (closer := signal.near(stretch)) is not None:
                near[:, :, self._places[signal.name]] = closer
        mute = warming & self._slow_to_judge
        side = self._side(stretch.rows) if self.rules.one_sided else None
        return self.baselines.look(stretch.rows, signals, near, warming, mute, side)

    def _side(self, rows: Rows) -> Floats:
        """On which side each signal (U, V) counts, see Rule: so the other side teaches no limit either."""
        side = np.zeros((len(rows), len(self._slow_to_judge)))
        for signal in self.signals:
            if signal.two_sided:
                side[:, self._places[signal.name]] = self.rules.side[rows]
        return side

    def _views(
        self, stretch: Stretch, signal_scores: Floats, expected: Floats
    ) -> tuple[Floats, NDArray[np.int64], NDArray[np.int64]]:
        """The score of each view (U, L, W), the view (U, L) of the largest, and its feature.

        Args:
            stretch: the readings.
            signal_scores: (U, L, V) of the signals.
            expected: (U, F) of the values.
        """
        shape = stretch.times.shape
        # A view lies beside the next: numpy finds the largest of a few that lie together ten times as slowly.
        views = np.moveaxis(np.full((len(VIEWS), *shape), np.nan), 0, 2)
        features = np.zeros((*shape, len(VIEWS)), dtype=np.int64) if self.features > 1 else None
        parts = [(signal.view, signal_scores[:, :, self._places[signal.name]]) for signal in self.signals]
        parts += [(view.name, view.scores(stretch)) for view in self.views if view.looks]
        choosy = self.rules.choosy
        counts = self.rules.count(stretch.rows, stretch.values, expected) if choosy else None
        for name, part in parts:
            at = VIEWS.index(name)
            some = part if counts is None or not GRADUAL[at] else _of_those_that_count(part, counts)
            largest = some[:, :, 0] if some.shape[2] == 1 else np.fmax.reduce(some, axis=2)
            np.fmax(views[:, :, at], largest, out=views[:, :, at])
            if features is not None and some.shape[2] > 1:
                features[:, :, at] = np.fmax(some, -np.inf).argmax(axis=2)
        sensitivity = self.rules.sensitivity[stretch.rows] * self.sensitivity[stretch.rows]
        if np.count_nonzero(sensitivity != 1.0):
            views *= np.where(GRADUAL, sensitivity[:, None, None], 1.0)
        if self.rules.chosen:
            views[~np.broadcast_to(self.rules.views[stretch.rows][:, None], views.shape)] = np.nan
        best = np.fmax(views, -np.inf).argmax(axis=2)
        if features is None:
            return views, best, np.zeros_like(best)
        return views, best, np.take_along_axis(features, best[:, :, None], axis=2)[:, :, 0]

    def _deviation(self, z: Floats, feature: NDArray[np.int64]) -> Floats:
        """How far the level of a feature (U, L) is from its mean, in standard deviations; 0 = not known."""
        level = z[:, :, self._places["level"]]
        if self.features > 1:
            level = np.take_along_axis(level, feature[:, :, None], axis=2)
        level = level[:, :, 0]
        return np.where(np.isnan(level), 0.0, level)

    def _departure(self, values: Floats, known: Known, feature: NDArray[np.int64]) -> Floats:
        """How far a feature (U, L) is from its mean level, in standard deviations of it; 0 = not known.

        The value and not its level: a step that is smoothed looks like a rise.
        """
        level = self._places["level"]
        z = (values - known.mean[:, None, level]) / known.sigma[:, None, level]
        if self.features > 1:
            z = np.take_along_axis(z, feature[:, :, None], axis=2)
        z = z[:, :, 0]
        return np.where(np.isnan(z), 0.0, z)

    def silent_for(self, edge: Edge) -> Edge:
        """An edge of a sensor that is or was silent, with how long, and how long at most before."""
        row = edge.row
        limit, most = float(self.silence.limit(np.array([row]))[0]), float(self.silence.longest[row])
        alone = edge.last_value or set(edge.views) == {"silent"}
        lasted = limit + (edge.time - edge.started if edge.kind == "closed" else 0.0)
        return edge._replace(held=lasted if alone else np.nan, most=most or np.nan)

    def _explained(self, edge: Edge, usual: Floats) -> Edge:
        """An edge with how long the value has been the same, nothing was heard, or the limit it is beyond.

        Args:
            edge: whose line is one of the stretch looked at last.
            usual: (U,) s between readings.
        """
        if edge.fault == "silent":
            return self.silent_for(edge)
        if edge.fault == "limit":
            low, high = (part[edge.row, edge.feature] for part in (self.rules.low, self.rules.high))
            return edge._replace(limit=float(high if edge.peak_value[edge.feature] > high else low))
        if edge.fault != "stuck" or edge.kind == "closed":
            return edge
        run, most = self.stuck.lasting(edge.line, edge.place, edge.row, edge.feature)
        return edge._replace(held=run * usual[edge.line], most=most * usual[edge.line])

    def _interval(self, rows: Rows) -> Floats:
        """Seconds (U,) between readings; infinite where that is not known yet."""
        usual = self.silence.usual[rows]
        return np.where(usual > 0, usual, np.inf)

    def _blame(self, stretch: Stretch) -> Floats:
        """How far (U, L, F) each feature's reconstruction error is above its mean; 0 = not known."""
        worst = self.signals[-1]
        if not isinstance(worst, WorstFeature):
            return np.zeros(stretch.values.shape)
        return np.nan_to_num(worst.deviations(stretch))

    def _patience(self, rows: Rows) -> tuple[Rows, Rows]:
        """Calm readings (U,) that close an incident, and of how many at most it passed as a spike does."""
        settings, least = self.settings, self.incidents.settings.close_after
        period, usual = np.nan_to_num(self.rhythm.period[rows]), self.silence.usual[rows]
        period[period * usual >= settings.daily] = 0.0
        most = np.maximum(settings.calm_most / usual, least)
        calm = np.clip(settings.calm_cycles * period, least, most)
        short = np.maximum(settings.short_cycles * period, settings.short)
        return np.ceil(calm).astype(np.int64), np.ceil(short).astype(np.int64)

    def _learn(
        self,
        stretch: Stretch,
        scored: Scored,
        stepped: Stepped,
        looked: Looked,
    ) -> None:
        """Remember what was normal."""
        rows, counts = stretch.rows, stepped.counts
        kept = stretch.within(counts) & (~stepped.open | stretch.warming)
        kept[stepped.changed] = False
        lesson = Lesson(
            counts=counts,
            open=stepped.open,
            kept=kept,
            calm=kept & ((scored.score <= 1.0) | stretch.warming),
            opened=stepped.opened,
            closed=stepped.closed,
            learns=~stepped.changed,
            passed=stepped.passed,
        )
        self.baselines.learn(stretch, lesson, looked)
        self.baselines.armed[rows] &= ~stepped.disarmed
        for part in self._learners:
            part.learn(stretch, lesson)
        self.recent.keep(rows, stretch.recent, counts)

    def _ruling(
        self,
        stretch: Stretch,
        score: Floats,
        view: NDArray[np.int64],
        views: Floats,
        known: Known,
        expected: Floats,
    ) -> Ruling:
        size = stretch.times.shape[1]
        limits = self._error_limits(known)
        band = (part[:, None] for part in (expected, *self._band(stretch.rows, known, expected)))
        still = (part if size == 1 else part.repeat(size, axis=1) for part in (*limits, *band))
        return Ruling(score, view, views, *still)

    def _error_limits(self, known: Known) -> tuple[Floats, Floats, Floats]:
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

    def _expected(self, rows: Rows, known: Known) -> Floats:
        """What is expected of the values of a stretch, (U, F); NaN = not known yet."""
        mean = known.mean[:, self._places["level"]]
        usual = self.profile.expected.take(rows, axis=0) + known.mean[:, self._places["profile"]]
        if self.rules.chosen:
            usual[~self.rules.views[rows, PROFILE]] = np.nan
        return np.where(np.isnan(usual), mean, usual)

    def _band(self, rows: Rows, known: Known, expected: Floats) -> tuple[Floats, Floats]:
        """Within what the values of a stretch are usual, (U, F) each; NaN = not known, or no bound.

        A single value spreads more than the mean of n by which its level is judged: by the root of n, if one
        does not depend on the other.
        """
        where = self._places["level"]
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

    def _keep_last(self, stretch: Stretch, counts: Rows, ruling: Ruling, views: Floats) -> None:
        """Set what is known of the last verdict of each row."""
        kept = (
            (self.score, ruling.score),
            (self.scores, views),
            (self.error, stretch.errors),
            (self.threshold, ruling.thresholds),
            (self.expected, ruling.expected),
            (self.lower, ruling.lower),
            (self.upper, ruling.upper),
        )
        for column, part in kept:
            column[stretch.rows] = stretch.at_end(part, counts)

    def _end_blocks(self, stretch: Stretch, stepped: Stepped) -> None:
        """Count the readings, and let what was learnt be in force where a block ends."""
        rows, counts = stretch.rows, stepped.counts
        times = stretch.times[stretch.lines, counts - 1]
        if np.count_nonzero(stepped.changed):
            self.restart(rows[stepped.changed])
            stayed = ~stepped.changed
            rows, counts, times = rows[stayed], counts[stayed], times[stayed]
        count = self.readings[rows] + counts
        self.readings[rows] = count
        full = count % self.settings.block == 0
        ends = full.copy()
        for early in self.settings.early:
            ends |= count == early
        if not np.count_nonzero(ends):
            return
        rows, full = rows[ends], full[ends]
        self._watch_drift(rows, times[ends])
        self.baselines.refresh(rows, full)
        for part in (*self.signals, *self.views):
            part.refresh(rows, full)
        self.silence.refresh(rows)

    def _watch_drift(self, rows: Rows, times: Floats) -> None:
        """Hold the errors of blocks that end at these times (U,) against those of the sensors' first week."""
        where = self._places.get("reconstruction")
        if where is not None:
            block = self.baselines.block.moments(rows)
            errors = Moments(*(part[:, where.start] for part in block))
            self.drift.learn(rows, errors, times, self.silence.usual[rows])


def _of_those_that_count(scores: Floats, counts: NDArray[np.bool_]) -> Floats:
    """Scores (U, L, F or 1), at most 0 where no value that they are of counts, (U, L, F)."""
    some = counts if scores.shape[2] > 1 else counts.any(axis=2, keepdims=True)
    return np.where(some, scores, np.minimum(scores, 0.0))
