"""Turn readings and errors into verdicts: look in every view, judge against the past, then remember."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .columns import Columns
from .incidents import Incidents
from .panel import Panel
from .rules import VIEWS
from .smoothing import run_of
from .views import Lesson, Stretch
from .views.profile import slot_of
from .walking import Details, Scored, step
from .warmup import Warmup

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .columns import Rows
    from .grid import Grid
    from .incidents import Edge, IncidentSettings
    from .judge_settings import JudgeSettings
    from .moments import Counts, Floats, Singles
    from .rules import RuleColumns
    from .views.baselines import Known, Looked
    from .walking import Stepped

RECONSTRUCTION = VIEWS.index("reconstruction")


class Seen(NamedTuple):
    """A batch of N accepted readings, in arrival order."""

    times: Floats  # (N,) Unix seconds
    values: Floats  # (N, F)
    pauses: Floats  # (N,) s since the sensor's reading before; NaN = none, or not all of it was listened to
    unheard: Floats  # (N,) s of these in which the daemon listened; NaN = no reading before
    errors: Floats  # (N,) reconstruction error; NaN = no window was due
    feature_errors: Floats  # (N, F) reconstruction error of each feature


class Waits(NamedTuple):
    """The seconds that each reading of a stretch was waited for, (U, L) each; see Seen."""

    pauses: Floats
    unheard: Floats


class Ruling(NamedTuple):
    """The scores and bands of the readings of a batch, in arrival order or laid out (U, L)."""

    score: Floats  # the largest of all views; NaN = none can tell yet
    view: NDArray[np.int64]  # the view that gave it
    views: Floats  # (…, W) score of each view
    means: Floats  # mean of past reconstruction errors; NaN = not known yet
    sigmas: Floats
    thresholds: Floats
    expected: Floats  # (…, F) value that is expected; NaN = not known yet
    lower: Floats  # (…, F) value below which the score is above 1
    upper: Floats


class Judge(Columns):
    """Looks at each sensor's readings in several views, and keeps its incidents.

    A sensor's readings are taken block by block. Within a block nothing changes that a score depends on, so a
    stretch of it is scored at once. Only the incidents go through it reading by reading, because what may be
    learnt of the stretch depends on them.
    """

    seen: NDArray[np.int32]  # (S,) readings ever
    readings: NDArray[np.int32]  # (S,) since the start or the last change of regime
    begun: Floats  # (S,) Unix seconds of the first of them; NaN before it
    score: Floats  # (S,) score of the last verdict; NaN before the first
    scores: Singles  # (S, W) score of each view
    error: Floats  # (S,) reconstruction error
    threshold: Floats
    expected: Floats  # (S, F) value that is expected
    lower: Floats
    upper: Floats

    def __init__(
        self, settings: JudgeSettings, incidents: IncidentSettings, features: int, rules: RuleColumns
    ) -> None:
        super().__init__()
        self.settings, self.features, self.rules = settings, features, rules
        for name in ("seen", "readings"):
            self.column(name, np.int32)
        for name in ("begun", "score", "error", "threshold"):
            self.column(name, np.float64, np.nan)
        for name in ("expected", "lower", "upper"):
            self.column(name, np.float64, np.nan, (features,))
        self.column("scores", np.float32, np.nan, (len(VIEWS),))
        self.warmup = Warmup(settings.min_count, settings.warmup, settings.warmup_seconds)
        self.panel = Panel(settings, features, rules, self.warmup)
        self.incidents = Incidents(incidents, features, VIEWS)

    def judge(self, grid: Grid, seen: Seen, joined: Floats) -> tuple[Ruling, list[Edge]]:
        """Judge a batch laid out by `grid`, and remember it.

        Args:
            grid: of U lines and L places.
            seen: the batch.
            joined: (U, K + L, F) the values of each line after the last K of its sensor, K ≥ `trend_of` - 1.

        Returns:
            The rulings in arrival order, and the edges of incidents, whose line is the place of their reading
            in that order.
        """
        # NaN and infinity stand for what is not known, and what is past a line's end means nothing.
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return self._judge(grid, seen, joined[:, 1 - self.settings.trend_of - grid.width :])

    def _judge(self, grid: Grid, seen: Seen, joined: Floats) -> tuple[Ruling, list[Edge]]:
        laid = Seen(*(grid.lay(part) for part in seen))
        edges: list[Edge] = []
        if not len(grid.rows):
            return self._blank((0,)), edges
        if grid.width == 1:  # the usual case live
            if self.panel.by_day:
                self.panel.profile.enter(grid.rows, slot_of(seen.times))
            ruling, _, edges = self._look(*self._begin(grid.rows, grid.counts, laid, joined))
            return Ruling._make(part[:, 0] for part in ruling), edges
        order = grid.lay(np.arange(len(seen.times)))
        whole = self._blank(laid.times.shape)
        done = np.zeros_like(grid.counts)
        while len(lines := np.flatnonzero(done < grid.counts)):
            start = done[lines]
            stretch, waits = self._stretch(grid, laid, joined, lines, start)
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
        """Return when rows (U,) last heard of at these times become silent; infinite if they are already."""
        return np.where(self.incidents.silent[rows], np.inf, last + self.panel.silence.limit(rows))

    def restart(self, rows: Rows) -> None:
        """Forget the past of these rows: they have a new normal."""
        self.panel.restart(rows)
        self.readings[rows], self.begun[rows] = 0, np.nan

    def forget_errors(self, rows: Rows) -> None:
        """Forget what was learnt of reconstruction errors: another model has other errors."""
        self.panel.forget_errors(rows)
        self.error[rows] = self.threshold[rows] = np.nan
        self.scores[rows, RECONSTRUCTION] = np.nan

    def warming_up(self, rows: Rows) -> NDArray[np.bool_]:
        """Rows (U,) whose values are not held against a past of their own yet."""
        return ~self.panel.known(rows)

    def readings_to_go(self, rows: Rows) -> NDArray[np.int64]:
        """About how many readings (U,) until rows are held against a past of their own; 0 = they are."""
        settings = self.settings
        ends = [end for end in settings.early if end >= settings.min_count]
        ends.append(-(-settings.min_count // settings.block) * settings.block)
        return np.where(self.warming_up(rows), np.maximum(ends[0] - self.readings[rows], 1), 0)

    def _blank(self, shape: tuple[int, ...]) -> Ruling:
        wide = (*shape, self.features)
        views = (*shape, len(VIEWS))
        shapes = (shape, shape, views, shape, shape, shape, wide, wide, wide)
        made = [np.full(of, np.nan) for of in shapes]
        return Ruling._make(made)._replace(view=np.zeros(shape, dtype=np.int64))

    def _stretch(
        self, grid: Grid, laid: Seen, joined: Floats, lines: Rows, start: Rows
    ) -> tuple[Stretch, Waits]:
        """The next readings of these lines, up to the end of a block or of a half hour; and the waits."""
        rows = grid.rows[lines]
        counts = np.minimum(grid.counts[lines] - start, self._room(rows))
        places = np.minimum(start[:, None] + np.arange(counts.max()), grid.width - 1)
        at = lines[:, None], places
        if self.panel.by_day:
            slots = slot_of(laid.times[at])
            self.panel.profile.enter(rows, slots[:, 0])
            other = slots != slots[:, :1]
            if np.count_nonzero(other):
                np.minimum(counts, np.where(other.any(axis=1), other.argmax(axis=1), counts), out=counts)
                at = lines[:, None], places[:, : counts.max()]
        steps = start[:, None] + np.arange(at[1].shape[1] + self.settings.trend_of - 1)
        here = joined[at[0], np.minimum(steps, joined.shape[1] - 1)]
        return self._begin(rows, counts, Seen(*(part[at] for part in laid)), here)

    def _begin(self, rows: Rows, counts: Rows, laid: Seen, joined: Floats) -> tuple[Stretch, Waits]:
        """A stretch of readings (U, L) that lie within a block and a half hour."""
        values, times, begun = laid.values, laid.times, self.begun[rows]
        begun = np.where(np.isnan(begun), times[:, 0], begun)
        self.begun[rows] = begun
        recent = run_of(joined, self.seen[rows], values.shape[1])
        stretch = Stretch(
            rows=rows,
            counts=counts,
            times=times,
            values=values,
            before=recent.previous(),
            level=recent.mean(self.settings.level_of),
            trend=recent.mean(self.settings.trend_of),
            daily=self.panel.profile.daily(rows, times, values) if self.panel.by_day else None,
            errors=laid.errors,
            feature_errors=laid.feature_errors,
            warming=self.warmup.lasts(self.readings[rows], begun, times),
        )
        return stretch, Waits(laid.pauses, laid.unheard)

    def _room(self, rows: Rows) -> Counts:
        """Readings (U,) up to the end of the block."""
        count = self.readings[rows]
        end = self.settings.block - count % self.settings.block
        for early in reversed(self.settings.early):
            end = np.where(count < early, early - count, end)
        return end

    def _look(self, stretch: Stretch, waits: Waits) -> tuple[Ruling, Rows, list[Edge]]:
        """Judge a stretch; returns the ruling (U, L), the readings taken of each line (U,), and edges."""
        rows, panel = stretch.rows, self.panel
        looked = panel.hold(stretch)
        expected = panel.expected(rows, looked.known)
        views, which, by_feature = panel.views_of(stretch, looked.scores, expected)
        score = np.fmax.reduce(views, axis=2)
        limit = panel.silence.limit(rows)
        scored = Scored(
            rows=rows,
            counts=stretch.counts,
            times=stretch.times,
            values=stretch.values,
            before=stretch.before,
            errors=stretch.errors,
            views=views,
            score=np.fmax(score, 0.0),
            feature=by_feature,
            over=looked.over,
            silences=waits.unheard / limit[:, None],
            usual=self._interval(rows),
        )
        deadlines = stretch.times - waits.unheard + limit[:, None]
        stepped = step(self.incidents, scored, lambda: self._details(stretch, looked, by_feature, deadlines))
        stepped.edges[:] = [self._explained(edge, scored.usual) for edge in stepped.edges]
        self._learn(stretch, scored, stepped, looked)
        panel.silence.learn(stretch, waits.pauses, stepped.counts, limit)
        ruling = self._ruling(stretch, score, which, views, looked.known, expected)
        self._keep_last(stretch, stepped.counts, ruling, views)
        self._end_blocks(stretch, stepped)
        return ruling, stepped.counts, stepped.edges

    def silent_for(self, edge: Edge) -> Edge:
        """Add to an edge of silence how long the sensor was silent, and how long at most before."""
        silence, row = self.panel.silence, edge.row
        limit, most = float(silence.limit(np.array([row]))[0]), float(silence.longest[row])
        alone = edge.last_value or set(edge.views) == {"silent"}
        lasted = limit + (edge.time - edge.started if edge.kind == "closed" else 0.0)
        return edge._replace(held=lasted if alone else np.nan, most=most or np.nan)

    def _explained(self, edge: Edge, usual: Floats) -> Edge:
        """Add to an edge how long the value was the same, nothing was heard or a cycle took, or the limit.

        Args:
            edge: whose line is one of the stretch looked at last.
            usual: (U,) s between readings.
        """
        if edge.fault == "silent":
            return self.silent_for(edge)
        if edge.fault == "limit":
            low, high = (part[edge.row, edge.feature] for part in (self.rules.low, self.rules.high))
            return edge._replace(limit=float(high if edge.peak_value[edge.feature] > high else low))
        if edge.fault not in ("stuck", "rhythm") or edge.kind == "closed":
            return edge
        if edge.fault == "stuck":
            run, most = self.panel.stuck.lasting(edge.line, edge.place, edge.row, edge.feature)
        else:
            run, most = self.panel.rhythm.lasting(edge.line, edge.place, edge.row)
        return edge._replace(held=run * usual[edge.line], most=most * usual[edge.line])

    def _interval(self, rows: Rows) -> Floats:
        """Seconds (U,) between readings; infinite where that is not known yet."""
        usual = self.panel.silence.usual[rows]
        return np.where(usual > 0, usual, np.inf)

    def _details(
        self, stretch: Stretch, looked: Looked, feature: NDArray[np.int64], deadlines: Floats
    ) -> Details:
        panel, known = self.panel, looked.known
        close_after, short = self._patience(stretch.rows)
        return Details(
            deviation=panel.deviation(looked.z, feature),
            departure=panel.departure(stretch.values, known, feature),
            sigma=known.sigma[:, panel.levels],
            blame=panel.blame(stretch),
            deadlines=deadlines,
            close_after=close_after,
            short=short,
        )

    def _patience(self, rows: Rows) -> tuple[Rows, Rows]:
        """Calm readings (U,) that close an incident, and the length below which it passed as a spike does."""
        settings, least = self.settings, self.incidents.settings.close_after
        period, usual = np.nan_to_num(self.panel.rhythm.period[rows]), self.panel.silence.usual[rows]
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
        self.panel.learn(stretch, lesson, looked, stepped.disarmed)
        self.seen[rows] += counts

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
        limits = self.panel.error_limits(known)
        band = (part[:, None] for part in (expected, *self.panel.band(stretch.rows, known, expected)))
        still = (part if size == 1 else part.repeat(size, axis=1) for part in (*limits, *band))
        return Ruling(score, view, views, *still)

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
        """Count the readings, and bring into force what was learnt where a block ends."""
        rows, counts = stretch.rows, stepped.counts
        times = stretch.at_end(stretch.times, counts)
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
        self.panel.refresh(rows, full, times[ends])
