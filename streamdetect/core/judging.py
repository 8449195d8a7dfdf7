"""Errors to verdicts: smooth, judge against the past, then remember what is normal."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .columns import Columns
from .grid import Grid
from .moments import Accumulator, sum_in_order
from .streaks import follow
from .thresholds import Limits, make_threshold

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .columns import Rows
    from .moments import Floats
    from .thresholds import ThresholdSettings, TrainingError


NEVER = 2**62
"""Windows; what is added to it still fits an int64."""
LOOK, LEAST_LOOK = 1024, 16
"""Errors looked over in a round, of all sensors and of one: what follows an anomalous one is for nothing."""


class Ruling(NamedTuple):
    """What was found of each error of a batch: in arrival order (M,), or laid out (U, L)."""

    errors: Floats  # smoothed, what was judged
    means: Floats
    sigmas: Floats
    thresholds: Floats  # NaN = not known yet
    anomalous: NDArray[np.bool_]
    regime_changed: NDArray[np.bool_]


class Judge(Columns):
    """Holds each sensor's errors against its threshold.

    An anomalous error is remembered as no more than mean + `guard` σ, or it would raise the threshold that
    has to catch the next one. It is not dropped altogether: at mean + 2σ, a few of a hundred normal errors
    are above the threshold, and a history without its upper tail flags more and more of them.
    The escape: a sensor that stays anomalous for `regime_change_after` windows has a new normal, and its
    history restarts from those windows. `calm_after` normal windows in a row end such a streak.

    Live, a batch has one error of each sensor as a rule, which needs no looking ahead. Where a sensor has
    several, one look ahead does if all of them are remembered as they are; otherwise the batch is taken in
    rounds, each up to the first error of every sensor that is not, or as far as the threshold can look.
    """

    error: Floats  # (S,) of the last verdict; NaN before the first
    mean: Floats
    sigma: Floats
    limit: Floats
    anomalous: NDArray[np.bool_]
    raw: Floats  # (S, smoothing - 1) errors as scored, newest last
    scored: NDArray[np.int64]  # (S,)
    calm: NDArray[np.int64]  # (S,) normal errors in a row

    def __init__(self, settings: ThresholdSettings, training: TrainingError, calm_after: int) -> None:
        super().__init__()
        self.smoothing, self.calm_after, self.guard = settings.smoothing, calm_after, settings.guard
        for name in ("error", "mean", "sigma", "limit"):
            self.column(name, np.float64, np.nan)
        self.column("anomalous", np.bool_)
        self.column("raw", np.float64, shape=(settings.smoothing - 1,))
        self.column("scored", np.int64)
        self.column("calm", np.int64)
        self.threshold = make_threshold(settings, training)
        escapes = self.threshold.adapts and settings.regime_change_after
        self.regime_after = settings.regime_change_after if escapes else NEVER
        self.streak = Accumulator()

    def judge(self, grid: Grid, errors: Floats) -> Ruling:
        """Judge the errors (M,) of a batch laid out by `grid`, and remember them; in arrival order."""
        if grid.width == 1:
            ruling = self._judge_one(grid.rows, errors)
            self._keep_last(grid.rows, ruling)
            return ruling
        laid = self._judge_all(grid, errors)
        last = np.arange(len(grid.rows)), grid.counts - 1
        self._keep_last(grid.rows, Ruling._make(part[last] for part in laid))
        return Ruling._make(map(grid.read, laid))

    def _keep_last(self, rows: Rows, last: Ruling) -> None:
        """Set what is known of the last verdict of each row, (U,) each."""
        self.error[rows], self.mean[rows], self.sigma[rows] = last.errors, last.means, last.sigmas
        self.limit[rows], self.anomalous[rows] = last.thresholds, last.anomalous

    def _judge_one(self, rows: Rows, errors: Floats) -> Ruling:
        """One error (U,) of each row, which needs no looking ahead."""
        errors = self._smooth_one(rows, errors)
        limits = self.threshold.now(rows)
        anomalous = errors > limits.threshold
        changed = np.zeros(len(rows), dtype=bool)
        self._calm(rows, ~anomalous)
        if not np.count_nonzero(anomalous):
            self.threshold.append(rows, errors)
            return Ruling(errors, *limits, anomalous, changed)
        if self.guard:
            self.threshold.append(rows, np.where(anomalous, self._guarded(errors, limits), errors))
        else:
            self.threshold.append(rows[~anomalous], errors[~anomalous])
        changed[anomalous] = self._go_on(rows[anomalous], errors[anomalous])
        return Ruling(errors, *limits, anomalous, changed)

    def _judge_all(self, grid: Grid, errors: Floats) -> Ruling:
        """Any number of errors of each row, in rounds."""
        smooth = self._smooth(grid, errors)
        if (ruling := self._judge_at_once(grid, smooth)) is not None:
            return ruling
        blank = np.full(smooth.shape, np.nan)
        no = np.zeros(smooth.shape, dtype=bool)
        ruling = Ruling(smooth, blank, blank.copy(), blank.copy(), no, no.copy())
        done = np.zeros_like(grid.counts)
        while len(lines := np.flatnonzero(done < grid.counts)):
            done[lines] = self._round(grid, ruling, lines, done[lines])
        return ruling

    def _judge_at_once(self, grid: Grid, smooth: Floats) -> Ruling | None:
        """The same in one look ahead; None, and nothing is done, where it takes more.

        A round would do it too, at the price of all that it has for what is not normal.
        """
        rows, counts = grid.rows, grid.counts
        most = max(LOOK // len(rows), LEAST_LOOK)
        if grid.width > most or np.count_nonzero(self.threshold.room(rows) < counts):
            return None
        limits, sums = self.threshold.ahead(rows, smooth)
        above = smooth > limits.threshold
        if np.count_nonzero(self._as_it_comes(rows, smooth, limits, above, counts) < counts):
            return None
        self.threshold.remember(rows, counts, sums)
        self._follow(rows, smooth, above, counts)
        return Ruling(smooth, *limits, above, np.zeros_like(above))

    def _smooth_one(self, rows: Rows, errors: Floats) -> Floats:
        """The mean of the last n errors of each row, of which these (U,) are the newest, or of all there are.

        They are added up one by one, oldest first: the sum does not depend on how the batch is cut.
        """
        most = self.smoothing
        seen = self.scored[rows] + 1
        self.scored[rows] = seen
        if most == 1:
            return errors
        past = self.raw.take(rows, axis=0)
        newest = np.empty_like(past)
        newest[:, :-1], newest[:, -1] = past[:, 1:], errors
        self.raw[rows] = newest
        total = sum_in_order(past.T)
        total += errors
        total /= np.minimum(seen, most)
        return total

    def _smooth(self, grid: Grid, errors: Floats) -> Floats:
        """The same for any number of errors of each row, (U, L)."""
        laid: Floats = grid.lay(errors, np.nan)
        rows, most = grid.rows, self.smoothing
        seen = self.scored[rows][:, None] + np.arange(1, grid.width + 1)
        self.scored[rows] += grid.counts
        if most == 1:
            return laid
        joined = np.concatenate([self.raw.take(rows, axis=0), laid], axis=1)
        windows = joined.take(np.arange(most)[:, None] + np.arange(grid.width), axis=1)  # (U, n, L)
        total = sum_in_order(windows.swapaxes(0, 1))
        newest = grid.counts[:, None] + np.arange(most - 1)
        self.raw[rows] = joined[np.arange(len(rows))[:, None], newest]
        total /= np.minimum(seen, most)
        return total

    def _round(self, grid: Grid, ruling: Ruling, lines: Rows, start: Rows) -> Rows:
        """One look ahead from `start` on these lines; returns how far each has come."""
        rows = grid.rows[lines]
        take = np.minimum(grid.counts[lines] - start, self.threshold.room(rows))
        np.minimum(take, max(LOOK // len(lines), LEAST_LOOK), out=take)
        ahead = np.arange(take.max())
        places = np.minimum(start[:, None] + ahead, grid.width - 1)
        errors = ruling.errors[lines[:, None], places]
        limits, sums = self.threshold.ahead(rows, errors)
        above = (errors > limits.threshold) & (ahead < take[:, None])
        plain = self._as_it_comes(rows, errors, limits, above, take)
        self.threshold.remember(rows, plain, sums)
        self._follow(rows, errors, above & (ahead < plain[:, None]), plain)
        end: Rows = take.copy()
        hit = np.flatnonzero(plain < take)
        if len(hit):
            end[hit] = plain[hit] + 1
            here = hit, plain[hit]
            if self.guard:
                known = Limits(*(part[here] for part in limits))
                self.threshold.append(rows[hit], self._guarded(errors[here], known))
            changed = hit[self._go_on(rows[hit], errors[here])]
            ruling.regime_changed[lines[changed], (start + plain)[changed]] = True
        written = ahead < end[:, None]
        at = np.broadcast_to(lines[:, None], places.shape)[written], places[written]
        ruling.means[at], ruling.sigmas[at], ruling.thresholds[at] = (part[written] for part in limits)
        ruling.anomalous[at] = above[written]
        reached: Rows = start + end
        return reached

    def _as_it_comes(
        self, rows: Rows, errors: Floats, limits: Limits, above: NDArray[np.bool_], counts: Rows
    ) -> Rows:
        """How many of the first counts[u] errors of (U, L) are remembered as they are, up to one that is not.

        Anomalous ones are, but past the guard, or where there is none, or when they may change the regime.
        """
        if not np.count_nonzero(above):
            return counts
        apart = above
        if self.guard:
            many = self.streak.count[rows] + np.count_nonzero(above, axis=1) >= self.regime_after
            apart = above & ((errors > self._most(limits)) | many[:, None])
        return _first(apart, counts)

    def _follow(self, rows: Rows, errors: Floats, above: NDArray[np.bool_], counts: Rows) -> None:
        """Take the streaks of rows through the first counts[u] errors (U, L), none of which ends a regime."""
        hit = np.flatnonzero(above.any(axis=1))
        if len(hit) < len(rows):
            calm = np.ones(len(rows), dtype=bool)
            calm[hit] = False
            self._calm(rows[calm], counts[calm])
        if not len(hit):
            return
        struck = rows[hit]
        lasting, restarted, calm_since = follow(above[hit], counts[hit], self.calm[struck], self.calm_after)
        self.streak.clear(struck[restarted])
        grid = Grid(lasting.nonzero()[0])  # each line has some: its last anomalous one
        self.streak.add(struck, grid.lay(errors[hit][lasting]), grid.counts)
        self.calm[struck] = 0
        self._calm(struck, calm_since)

    def _calm(self, rows: Rows, normal: Rows | NDArray[np.bool_]) -> None:
        """Count normal errors in a row, and end the streaks that they end."""
        calm = self.calm[rows] + normal
        self.calm[rows] = calm
        streak = self.streak.count[rows]
        if np.count_nonzero(streak):
            self.streak.clear(rows[(calm >= self.calm_after) & (streak > 0)])

    def _guarded(self, errors: Floats, limits: Limits) -> Floats:
        """What may be remembered of anomalous errors."""
        return np.minimum(errors, self._most(limits))

    def _most(self, limits: Limits) -> Floats:
        """The largest error that is remembered as it is."""
        return limits.mean + self.guard * limits.sigma

    def _go_on(self, rows: Rows, errors: Floats) -> NDArray[np.bool_]:
        """Go on with the streaks of rows with one anomalous error (U,) each; returns whose regime changes."""
        self.calm[rows] = 0
        changed: NDArray[np.bool_] = self.streak.append(rows, errors) >= self.regime_after
        if np.count_nonzero(changed):
            self.threshold.restart(rows[changed], self.streak)
            self.streak.clear(rows[changed])
        return changed


def _first(which: NDArray[np.bool_], otherwise: Rows) -> Rows:
    """The first True of each line of (U, R), or `otherwise` (U,) where there is none."""
    return np.where(which.any(axis=1), which.argmax(axis=1), otherwise)
