"""Stuck: the value has not changed for far longer than it ever did."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .base import View

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..columns import Rows
    from ..moments import Floats
    from .base import Lesson, Stretch

FACTOR = 3.0
"""Times the longest run of equal values seen so far."""
LEAST_RUN = 20
GROWTH = 1.5
"""A run that was too long raises the limit by at most this factor."""
FIRM = 1.0
"""What is added to the score of a value that is stuck: it is not a matter of degree."""


class Stuck(View):
    """How long the value has not changed, against the longest that this was ever normal."""

    name = "stuck"

    last: Floats  # (S, F) value of the last reading
    run: NDArray[np.int64]  # (S, F) readings since then that were equal to it
    longest: Floats  # (S, F) readings, in force
    new_longest: Floats

    def __init__(self, features: int) -> None:
        super().__init__()
        self.column("last", np.float64, np.nan, (features,))
        self.column("run", np.int64, shape=(features,))
        for name in ("longest", "new_longest"):
            self.column(name, np.float64, shape=(features,))

    def limit(self, rows: Rows) -> Floats:
        """Readings (U, F) that a value may stay the same."""
        return np.maximum(FACTOR * self.longest[rows], LEAST_RUN)

    def scores(self, stretch: Stretch) -> Floats:
        """See View; feature by feature."""
        rows = stretch.rows
        score = self._runs(stretch) / self.limit(rows)[:, None]
        score = np.where(score > 1.0, score + FIRM, score)
        return np.where(stretch.warming[:, :, None], np.nan, score)

    def learn(self, stretch: Stretch, lesson: Lesson) -> None:
        """See View."""
        rows = stretch.rows
        runs = self._runs(stretch)
        most = np.where(stretch.warming[:, :, None], np.inf, GROWTH * self.limit(rows)[:, None] / FACTOR)
        counted = np.where(stretch.within(lesson.counts)[:, :, None], np.minimum(runs, most), 0.0).max(axis=1)
        self.new_longest[rows] = np.maximum(self.new_longest[rows], counted)
        newest = stretch.lines, lesson.counts - 1
        self.last[rows], self.run[rows] = stretch.values[newest], runs[newest]

    def refresh(self, rows: Rows, full: NDArray[np.bool_]) -> None:  # noqa: ARG002 - at early ends, too
        """See View."""
        self.longest[rows] = np.maximum(self.longest[rows], self.new_longest[rows])
        self.new_longest[rows] = 0.0

    def restart(self, rows: Rows) -> None:
        """See View: how long a value stays the same is a matter of the sensor, not of its regime."""

    def before(self, stretch: Stretch) -> Floats:
        """The values of the readings before each, (U, L, F); NaN before the first."""
        return np.concatenate([self.last[stretch.rows][:, None], stretch.values[:, :-1]], axis=1)

    def _runs(self, stretch: Stretch) -> NDArray[np.int64]:
        """Readings before each, (U, L, F), that were equal to it."""
        rows, values, before = stretch.rows, stretch.values, self.before(stretch)
        places = np.arange(values.shape[1])[:, None]
        changed = np.maximum.accumulate(np.where(values != before, places, -1), axis=1)
        return np.where(changed < 0, places + 1 + self.run[rows][:, None], places - changed)
