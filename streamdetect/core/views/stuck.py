"""Stuck: the value has not changed for far longer than ever before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..moments import over_places
from .base import View

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..columns import Rows
    from ..moments import Floats, Singles
    from .base import Lesson, Stretch
    from .range import Range

FACTOR = 3.0
"""Times the longest run of equal values seen so far."""
LEAST_RUN = 20
AT_AN_END = 3.0
"""Times as long, where the value is the lowest or the highest that there ever was: it is dark all night, a
tank stays full, what is off draws nothing. This removes 6 of 34 false alarms on quiet recordings."""
GROWTH = 1.5
"""A run that was too long raises the limit by at most this factor."""
FIRM = 1.0
"""Added to the score of a stuck value, however little too long it has been stuck."""


class Stuck(View):
    """Scores how long the value has not changed, against the longest time that was ever normal."""

    name = "stuck"

    run: NDArray[np.int32]  # (S, F) readings in a row with that value
    longest: Singles  # (S, F) longest run of equal values that is normal, in readings
    new_longest: Singles

    def __init__(self, features: int, ends: Range) -> None:
        super().__init__()
        self._range = (ends,)  # in a tuple, because it is another branch of the columns and not one of these
        self.column("run", np.int32, shape=(features,))
        for name in ("longest", "new_longest"):
            self.column(name, np.float32, shape=(features,))
        self._runs = np.empty((0, 0, features), dtype=np.int64)  # of the stretch looked at last

    def limit(self, rows: Rows) -> Floats:
        """Readings (U, F) that a value may stay the same."""
        return np.maximum(FACTOR * self.longest.take(rows, axis=0).astype(np.float64), LEAST_RUN)

    def scores(self, stretch: Stretch) -> Floats:
        """See View; feature by feature."""
        rows = stretch.rows
        self._runs = self._count(stretch)
        score = self._runs / (self.limit(rows)[:, None] * self._longer(stretch))
        score = np.where(score > 1.0, score + FIRM, score)
        return np.where(stretch.warming[:, :, None], np.nan, score)

    def learn(self, stretch: Stretch, lesson: Lesson) -> None:
        """See View."""
        rows, runs = stretch.rows, self._runs
        self.run[rows] = stretch.at_end(runs, lesson.counts)
        if not np.count_nonzero(runs):
            return
        most = np.where(stretch.warming[:, :, None], np.inf, GROWTH * self.limit(rows)[:, None] / FACTOR)
        counted = np.where(stretch.within(lesson.counts)[:, :, None], np.minimum(runs, most), 0.0)
        longest = over_places(np.maximum, counted)
        self.new_longest[rows] = np.maximum(self.new_longest.take(rows, axis=0), longest)

    def refresh(self, rows: Rows, full: NDArray[np.bool_]) -> None:  # noqa: ARG002 - at early ends, too
        """See View."""
        self.longest[rows] = np.maximum(self.longest[rows], self.new_longest[rows])
        self.new_longest[rows] = 0.0

    def restart(self, rows: Rows) -> None:
        """See View: how long a value stays the same is a matter of the sensor, not of its regime."""

    def lasting(self, line: int, place: int, row: int, feature: int) -> tuple[float, float]:
        """Readings for which a value of the last stretch has been the same, and the most ever before."""
        return float(self._runs[line, place, feature]), max(float(self.longest[row, feature]), 1.0)

    def _longer(self, stretch: Stretch) -> Floats:
        """Return the factor by which each value (U, L, F) may stay the same for longer."""
        (ends,) = self._range
        low, high = ends.low.take(stretch.rows, 0)[:, None], ends.high.take(stretch.rows, 0)[:, None]
        return np.where((stretch.values <= low) | (stretch.values >= high), AT_AN_END, 1.0)

    def _count(self, stretch: Stretch) -> NDArray[np.int64]:
        """Readings before each, (U, L, F), that were equal to it."""
        values, before = stretch.values, stretch.before
        run = self.run.take(stretch.rows, axis=0)[:, None]
        if values.shape[1] == 1:
            return np.where(values != before, 0, run + 1)
        places = np.arange(values.shape[1])[:, None]
        changed = np.maximum.accumulate(np.where(values != before, places, -1), axis=1)
        return np.where(changed < 0, places + 1 + run, places - changed)
