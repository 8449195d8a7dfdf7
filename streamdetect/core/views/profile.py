"""The value against its time of day: what is usual at six in the morning need not be so at three."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..moments import added, sum_in_order
from ..smoothing import Smoother
from .signals import Signal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..columns import Rows
    from ..moments import Floats
    from ..warmup import Warmup
    from .base import Lesson, Stretch

DAY = 86_400.0  # s
SLOTS = 48
SLOT = DAY / SLOTS  # s
NEAR = 3
WEIGHT = 0.3
"""Of a new day in the mean of a slot."""


def slot_of(times: Floats) -> NDArray[np.int64]:
    """The half hour of the day, in UTC, of Unix seconds."""
    return (times % DAY // SLOT).astype(np.int64)


class Profile(Signal):
    """The value less the slow mean of its half hour and the neighbours' on earlier days, smoothed.

    The mean of a slot of today counts from two slots later on, so that a fault is not held against itself.
    The judge ends a stretch where the slot of a sensor changes, and calls `enter` then.
    """

    name = view = "profile"
    judges_cold = False
    spread = 2.5
    readings = 20

    slots: NDArray[np.float32]  # (S, 48, F) mean of each slot on past days; NaN = not known
    slot: NDArray[np.int64]  # (S,) the slot that it is; -1 before the first reading
    count: NDArray[np.int64]  # (S,) readings of it so far
    total: Floats  # (S, F) and their sum
    before: NDArray[np.int64]  # (S,) the slot before, which does not count yet; -1 = none
    before_mean: Floats  # (S, F)
    expected: Floats  # (S, F) in this slot; NaN = not known
    begun: Floats  # (S,) Unix seconds of the first difference; NaN before it
    seen: NDArray[np.int64]  # (S,) differences

    def __init__(self, features: int, warmup: Warmup) -> None:
        super().__init__()
        self.warmup = warmup
        self.column("slots", np.float32, np.nan, (SLOTS, features))
        self.column("expected", np.float64, np.nan, (features,))
        for name in ("total", "before_mean"):
            self.column(name, np.float64, shape=(features,))
        for name, fill in (("slot", -1), ("before", -1), ("count", 0), ("seen", 0)):
            self.column(name, np.int64, fill)
        self.column("begun", np.float64, np.nan)
        self.smoother = Smoother(self.readings, features)  # of the differences

    def enter(self, rows: Rows, slots: NDArray[np.int64]) -> None:
        """Go on to these slots (U,) where they are others."""
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

    def warming(self, stretch: Stretch) -> NDArray[np.bool_]:
        """See Signal: its own begins with the first difference, on the second day."""
        return self.warmup.lasts(self.seen[stretch.rows], self.begun[stretch.rows], stretch.times)

    def of(self, stretch: Stretch) -> Floats:
        """See Signal; width F."""
        return self._smooth(stretch, self.readings)

    def near(self, stretch: Stretch) -> Floats:
        """See Signal."""
        return self._smooth(stretch, NEAR)

    def differences(self, stretch: Stretch) -> Floats:
        """The values less what is expected at this time of day, (U, L, F); NaN = not known."""
        return stretch.values - self.expected[stretch.rows][:, None]

    def learn(self, stretch: Stretch, lesson: Lesson) -> None:
        """See Signal."""
        rows = stretch.rows
        self.count[rows] += lesson.kept.sum(axis=1)
        kept = np.where(lesson.kept[:, :, None], stretch.values, 0.0)
        self.total[rows] = added(self.total[rows], kept)
        known = self.known(rows)
        some = np.count_nonzero(known)
        if some < len(rows):
            self.smoother.clear(rows[~known])
        if some:
            rows = rows[known]
            self.smoother.push(rows, self.differences(stretch)[known], lesson.counts[known])
            begun = self.begun[rows]
            self.begun[rows] = np.where(np.isnan(begun), stretch.times[known, 0], begun)
            self.seen[rows] += lesson.counts[known]

    def known(self, rows: Rows) -> NDArray[np.bool_]:
        """Rows (U,) of which it is known what to expect at this time of day."""
        return np.asarray(~np.isnan(self.expected[rows]).any(axis=1))

    def restart(self, rows: Rows) -> None:
        """See Signal; the time of day goes on."""
        slot = self.slot[rows]
        self.clear(rows)
        self.slot[rows] = slot

    def _smooth(self, stretch: Stretch, last: int) -> Floats:
        """The mean of the last differences (U, L, F)."""
        if not np.count_nonzero(self.known(stretch.rows)):
            return np.full(stretch.values.shape, np.nan)
        differences = self.differences(stretch)
        mean = self.smoother.of(stretch.rows, np.nan_to_num(differences), last)
        return np.where(np.isnan(differences), np.nan, mean)

    def _fold(self, rows: Rows) -> None:
        """Let the slot before last count."""
        at = rows, self.before[rows]
        old, new = self.slots[at], self.before_mean[rows]
        self.slots[at] = np.where(np.isnan(old), new, old + WEIGHT * (new - old))


class SlowProfile(Signal):
    """The same over hours: the mean of the last means of ten differences."""

    name = "slow_profile"
    view = "profile"
    judges_cold = False
    each, tens = 10, 9

    past: Floats  # (S, tens, F) means of ten, newest last; 0 before the first
    held: NDArray[np.int64]  # (S,) means of ten so far
    count: NDArray[np.int64]  # (S,) differences of the ten being filled
    total: Floats  # (S, F) and their sum

    def __init__(self, features: int, profile: Profile) -> None:
        super().__init__()
        self._profile = (profile,)  # another branch of the columns, not of these
        self.column("past", np.float64, shape=(self.tens, features))
        for name in ("held", "count"):
            self.column(name, np.int64)
        self.column("total", np.float64, shape=(features,))

    def warming(self, stretch: Stretch) -> NDArray[np.bool_]:
        """See Signal."""
        return self._profile[0].warming(stretch)

    def of(self, stretch: Stretch) -> Floats:
        """See Signal; width F."""
        (profile,) = self._profile
        if not np.count_nonzero(profile.known(stretch.rows)):
            return np.full(stretch.values.shape, np.nan)
        differences = profile.differences(stretch)
        joined, done, _ = self._tens(stretch, np.nan_to_num(differences))
        most = joined.shape[1] - self.tens
        windows = joined[:, np.arange(self.tens)[:, None] + np.arange(most + 1)]  # (U, tens, n, F)
        held = np.minimum(self.held[stretch.rows][:, None] + np.arange(most + 1), self.tens)
        means = sum_in_order(windows.swapaxes(0, 1)) / np.where(held > 0, held, np.nan)[:, :, None]
        return np.where(np.isnan(differences), np.nan, means[stretch.lines[:, None], done])

    def near(self, stretch: Stretch) -> Floats:
        """See Signal."""
        return self._profile[0].of(stretch)

    def learn(self, stretch: Stretch, lesson: Lesson) -> None:
        """See Signal; the profile has learnt of this stretch already."""
        (profile,) = self._profile
        known = profile.known(stretch.rows)
        self.clear(stretch.rows[~known])
        joined, done, totals = self._tens(stretch, np.nan_to_num(profile.differences(stretch)))
        lines, last = stretch.lines[known], lesson.counts[known] - 1
        rows, done = stretch.rows[known], done[lines, last]
        self.past[rows] = joined[lines[:, None], done[:, None] + np.arange(self.tens)]
        self.total[rows] = totals[lines, last]
        self.held[rows] += done
        self.count[rows] = (self.count[rows] + lesson.counts[known]) % self.each

    def _tens(self, stretch: Stretch, differences: Floats) -> tuple[Floats, NDArray[np.int64], Floats]:
        """The means of ten up to the end of a stretch.

        Returns:
            Those held and those that it completes, (U, tens + n, F); how many it has completed at each place,
            (U, L); and the sum of the ten being filled after each, (U, L, F).
        """
        rows = stretch.rows
        places = self.count[rows][:, None] + np.arange(1, differences.shape[1] + 1)
        done, left = divmod(places, self.each)
        totals = np.empty_like(differences)
        total, complete = self.total[rows], []
        for group in range(int(done.max()) + 1):
            within = ((places - 1) // self.each == group)[:, :, None]
            started = np.concatenate([total[:, None], np.where(within, differences, 0.0)], axis=1)
            running = np.cumsum(started, axis=1)[:, 1:]
            totals = np.where(within, running, totals)
            complete.append(running[:, -1] / self.each)
            total = np.zeros_like(total)
        totals[left == 0] = 0.0
        means = np.stack(complete, axis=1)[:, : int(done.max())]
        return np.concatenate([self.past[rows], means], axis=1), done, totals
