"""The value against its time of day: what is usual at six in the morning may not be usual at three."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..moments import added, over_places, sum_in_order
from ..smoothing import Smoother
from .base import Daily
from .signals import Signal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..columns import Rows
    from ..moments import Counts, Floats, Singles
    from ..warmup import Warmup
    from .base import Lesson, Stretch
    from .silence import Silence

DAY = 86_400.0  # s
SLOTS = 48
SLOT = DAY / SLOTS  # s
NEAR = 3
WEIGHT = 0.3
"""Weight of a new day in the mean of a slot."""


def slot_of(times: Floats) -> NDArray[np.int64]:
    """The half hour of the day, in UTC, of Unix seconds."""
    return (times % DAY // SLOT).astype(np.int64)


class Profile(Signal):
    """The value less the slow mean of its half hour and the neighbours' on earlier days, smoothed.

    The mean of a slot of today counts from two slots later on, so that a fault is not held against itself.
    The judge ends a stretch where the slot of a sensor changes, and calls `enter` then.
    """

    name = view = "profile"
    by_day = True
    spread = 2.5
    readings = 20

    slots: Singles  # (S, 48, F) mean of each slot on past days; NaN = not known
    slot: NDArray[np.int8]  # (S,) the present slot; -1 before the first reading
    count: NDArray[np.int32]  # (S,) readings in it so far
    total: Floats  # (S, F) sum of their values
    before: NDArray[np.int8]  # (S,) the slot before, which does not count yet; -1 = none
    before_mean: Singles  # (S, F) mean of the slot before
    expected: Singles  # (S, F) value that is expected in this slot; NaN = not known
    begun: Floats  # (S,) Unix seconds of the first difference; NaN before it
    seen: NDArray[np.int32]  # (S,) number of differences

    def __init__(self, features: int, warmup: Warmup) -> None:
        super().__init__()
        self.warmup = warmup
        self.column("slots", np.float32, np.nan, (SLOTS, features))
        self.column("expected", np.float32, np.nan, (features,))
        self.column("total", np.float64, shape=(features,))
        self.column("before_mean", np.float32, shape=(features,))
        for name in ("slot", "before"):
            self.column(name, np.int8, -1)
        for name in ("count", "seen"):
            self.column(name, np.int32)
        self.column("begun", np.float64, np.nan)
        self.smoother = Smoother(self.readings, features, np.float32)  # of the differences

    def enter(self, rows: Rows, slots: NDArray[np.int64]) -> None:
        """Go on to these slots (U,) where they have changed."""
        changed = slots != self.slot[rows]
        if not np.count_nonzero(changed):
            return
        rows, slots = rows[changed], slots[changed]
        self._fold(rows[self.before[rows] >= 0])
        whole = self.count[rows] > 0
        self.before[rows] = np.where(whole, self.slot[rows], -1)
        self.before_mean[rows] = self.total[rows] / np.maximum(self.count[rows], 1)[:, None]
        self.slot[rows], self.count[rows], self.total[rows] = slots, 0, 0.0
        near = self.slots[rows[:, None], (slots[:, None] + np.arange(-1, 2)) % SLOTS].astype(np.float64)
        known = ~np.isnan(near)
        self.expected[rows] = np.where(known, near, 0.0).sum(axis=1) / np.where(
            known.any(axis=1), known.sum(axis=1), np.nan
        )

    def daily(self, rows: Rows, times: Floats, values: Floats) -> Daily | None:
        """Hold values (U, L, F) against the time of day; None where nothing is known of any row yet.

        Args:
            rows: (U,).
            times: (U, L) Unix seconds.
            values: (U, L, F).
        """
        expected = self.expected.take(rows, axis=0)
        known = np.asarray(~np.isnan(expected).any(axis=1))
        if not (some := np.count_nonzero(known)):
            return None
        differences = _as_kept(values - expected[:, None])
        warming = self.warmup.lasts(self.seen[rows], self.begun[rows], times)
        if some == len(rows):
            run = self.smoother.run(rows, differences)
            return Daily(known, differences, run, run.mean(self.readings), run.mean(NEAR), warming)
        unknown = np.isnan(differences)
        run = self.smoother.run(rows, np.where(unknown, 0.0, differences))
        smooth, near = (np.where(unknown, np.nan, run.mean(last)) for last in (self.readings, NEAR))
        return Daily(known, np.where(unknown, 0.0, differences), run, smooth, near, warming, whole=False)

    def of(self, stretch: Stretch) -> Floats:
        """See Signal; width F."""
        return stretch.daily.smooth if stretch.daily else np.full(stretch.values.shape, np.nan)

    def near(self, stretch: Stretch) -> Floats | None:
        """See Signal."""
        return stretch.daily.near if stretch.daily else None

    def learn(self, stretch: Stretch, lesson: Lesson) -> None:
        """See Signal."""
        rows, counts, daily = stretch.rows, lesson.counts, stretch.daily
        self.count[rows] += over_places(np.add, lesson.kept)
        kept = np.where(lesson.kept[:, :, None], stretch.values, 0.0)
        self.total[rows] = added(self.total.take(rows, axis=0), kept)
        if daily and daily.whole:
            self.smoother.keep(rows, daily.run, counts)
            self._count(rows, stretch.times[:, 0], counts)
            return
        unknown = rows[~daily.known] if daily else rows
        some = self.smoother.seen[unknown] > 0
        if np.count_nonzero(some):
            self.smoother.clear(unknown[some])
        if daily:
            known = daily.known
            rows = rows[known]
            self.smoother.keep(rows, daily.run.of(known), counts[known])
            self._count(rows, stretch.times[known, 0], counts[known])

    def _count(self, rows: Rows, times: Floats, counts: Rows) -> None:
        """Count the differences of a stretch that began at these Unix seconds."""
        begun = self.begun[rows]
        self.begun[rows] = np.where(np.isnan(begun), times, begun)
        self.seen[rows] += counts

    def restart(self, rows: Rows) -> None:
        """See Signal; the time of day goes on."""
        slot = self.slot[rows]
        self.clear(rows)
        self.slot[rows] = slot

    def _fold(self, rows: Rows) -> None:
        """Count the slot before last."""
        at = rows, self.before[rows]
        old, new = self.slots[at], self.before_mean[rows]
        self.slots[at] = np.where(np.isnan(old), new, old + WEIGHT * (new - old))


class SlowProfile(Signal):
    """The profile over an hour and a half: the mean of the last means of ten differences.

    With a reading every 5 minutes it is the mean of 40 of them: all 90 would take 7 hours to show anything.
    """

    name = "slow_profile"
    view = "profile"
    by_day = True
    each, tens, least = 10, 9, 4
    seconds = 5400.0

    past: Singles  # (S, tens, F) means of ten, newest last; 0 before the first
    held: NDArray[np.int32]  # (S,) means of ten so far
    count: NDArray[np.int8]  # (S,) differences in the ten being filled
    total: Floats  # (S, F) sum of these differences

    def __init__(self, features: int, silence: Silence) -> None:
        super().__init__()
        self._silence = (silence,)  # another branch of the columns, not of these
        self._looked: _Tens | None = None
        self.column("past", np.float32, shape=(self.tens, features))
        self.column("held", np.int32)
        self.column("count", np.int8)
        self.column("total", np.float64, shape=(features,))

    def of(self, stretch: Stretch) -> Floats:
        """See Signal; width F."""
        daily = stretch.daily
        self._looked = daily and self._look(stretch.rows, daily.differences)
        if not daily or not self._looked:
            return np.full(stretch.values.shape, np.nan)
        means = self._looked.means
        return means if daily.whole else np.where(np.isnan(daily.smooth), np.nan, means)

    def near(self, stretch: Stretch) -> Floats | None:
        """See Signal."""
        return stretch.daily.smooth if stretch.daily else None

    def learn(self, stretch: Stretch, lesson: Lesson) -> None:
        """See Signal; of a stretch that `of` has just looked at."""
        rows, counts, looked = stretch.rows, lesson.counts, self._looked
        if stretch.daily is None or looked is None:
            self._forget(rows)
            return
        known = stretch.daily.known
        if not stretch.daily.whole:
            self._forget(rows[~known])
        (lines,) = known.nonzero()
        rows, last = rows[lines], counts[lines] - 1
        done = looked.done[lines, last]
        (grown,) = done.nonzero()
        at = lines[grown][:, None], done[grown][:, None] + np.arange(self.tens)
        self.past[rows[grown]] = looked.joined[at]
        self.total[rows] = looked.totals[lines, last]
        self.held[rows] += done
        self.count[rows] = (self.count[rows] + counts[lines]) % self.each

    def _forget(self, rows: Rows) -> None:
        """Begin anew with these rows, where there is anything to forget."""
        some = (self.count[rows] > 0) | (self.held[rows] > 0)
        if np.count_nonzero(some):
            self.clear(rows[some])

    def _wanted(self, rows: Rows) -> Rows:
        """Return how many means of ten make up the signal, (U,)."""
        (silence,) = self._silence
        usual = silence.usual[rows]
        wanted = np.ceil(self.seconds / (self.each * np.where(usual > 0, usual, 1.0)))
        return wanted.clip(self.least, self.tens).astype(np.int64)

    def _look(self, rows: Rows, differences: Floats) -> _Tens:
        """The means of ten up to the end of a stretch."""
        places: Counts = self.count[rows][:, None] + np.arange(1, differences.shape[1] + 1)
        done = places // self.each
        most = int(done.max())
        past, total = self.past.take(rows, axis=0).astype(np.float64), self.total.take(rows, axis=0)
        totals, complete = self._totals(total, differences, places, most)
        joined = np.concatenate([past, complete], axis=1) if most else past
        wanted = self._wanted(rows)
        held = np.minimum(self.held[rows][:, None] + np.arange(most + 1), wanted[:, None])
        held = np.where(held > 0, held, np.nan)
        steps = np.ascontiguousarray(joined.swapaxes(0, 1))
        old = np.arange(self.tens)[:, None] < self.tens - wanted  # (tens, U)
        some = np.count_nonzero(old) > 0
        parts = (steps[group : group + self.tens] for group in range(most + 1))
        sums = [sum_in_order(np.where(old[:, :, None], 0.0, part) if some else part) for part in parts]
        if not most:
            means = (sums[0] / held)[:, None].repeat(differences.shape[1], axis=1)
        else:
            means = (np.stack(sums, axis=1) / held[:, :, None])[np.arange(len(rows))[:, None], done]
        return _Tens(joined, done, totals, means)

    def _totals(self, total: Floats, differences: Floats, places: Counts, most: int) -> tuple[Floats, Floats]:
        """The sums (U, L, F) of the ten being filled after each, and the means (U, most, F) of ten."""
        if differences.shape[1] == 1:
            totals = total[:, None] + differences
            if not most:
                return totals, totals[:, :0]
            complete = _as_kept(totals / self.each)
            totals[places % self.each == 0] = 0.0
            return totals, complete
        totals, means = np.empty_like(differences), []
        for group in range(most + 1):
            within = ((places - 1) // self.each == group)[:, :, None]
            started = np.concatenate([total[:, None], np.where(within, differences, 0.0)], axis=1)
            running = np.cumsum(started, axis=1)[:, 1:]
            totals = np.where(within, running, totals)
            means.append(_as_kept(running[:, -1] / self.each))
            total = np.zeros_like(total)
        totals[places % self.each == 0] = 0.0
        return totals, np.stack(means, axis=1)[:, :most]


class _Tens(NamedTuple):
    """The means of ten up to the end of a stretch."""

    joined: Floats  # (U, tens + n, F) means of ten that are held, then those that the stretch completes
    done: Counts  # (U, L) how many the stretch has completed at each place
    totals: Floats  # (U, L, F) the sum of the ten being filled after each
    means: Floats  # (U, L, F) of the last means of ten; NaN before the first


def _as_kept(differences: Floats) -> Floats:
    """Differences as precise as they are remembered, so that the cuts between batches cannot be seen."""
    return differences.astype(np.float32).astype(np.float64)
