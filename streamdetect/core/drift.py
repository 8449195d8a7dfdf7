"""Drift: a model fits a sensor worse than before, by its usual error against that of the first week.

Anomalous readings enter no baseline, but slow changes do: the threshold climbs along with them, and nothing
is reported until the model is useless. So the mean error of a whole week, with its weekdays and its Sunday,
is compared with the mean of the sensor's first week.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .columns import Columns
from .views.signals import LEAST_ERROR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .columns import Rows
    from .moments import Floats, Moments, Singles

WEEK = 604_800.0  # s
LIMIT, BACK = 1.5, 1.25
"""Times the usual error of the first week: from `LIMIT` a model fits worse, until it is down to `BACK`.

Of 31 sensors of five rooms over 89 days, in which spring became summer, the largest is 1.31, of 24 pairs of
made sensors and models over 42 days 1.20. With means of three days they are 1.82 and 1.42: weekends differ.
"""
MOST_PACE = 2.0
"""A reading counts for at most this many usual intervals: a pause says nothing about the model."""


class Drifted(NamedTuple):
    """A sensor whose model fits worse from now on."""

    sensor: str
    time: float  # Unix seconds
    since: float  # Unix seconds of the first reading that counts
    error: float  # the usual reconstruction error now
    first: float  # the usual one in the sensor's first week

    @property
    def ratio(self) -> float:
        """The usual error now, as a multiple of that of the first week."""
        return (self.error + LEAST_ERROR) / (self.first + LEAST_ERROR)


class ErrorDrift(Columns):
    """The mean logarithm of each sensor's normal reconstruction errors, of its first week and of the last."""

    began: Floats  # (S,) Unix seconds; NaN before the first block
    until: Floats  # (S,) Unix seconds of the end of the last block
    age: Singles  # (S,) s that readings stand for
    recent: Singles  # (S,) mean error, weighted exponentially over a week, or over all readings before
    first: Singles  # (S,) mean error of the first week; NaN until that is over
    drifting: NDArray[np.bool_]  # (S,) the model fits worse than it did

    def __init__(self) -> None:
        super().__init__()
        for name in ("began", "until"):
            self.column(name, np.float64, np.nan)
        self.column("first", np.float32, np.nan)
        for name in ("age", "recent"):
            self.column(name, np.float32)
        self.column("drifting", np.bool_)
        self._news: list[tuple[int, float, float, float, float]] = []  # row, and as in Drifted

    def ratio(self, rows: Rows) -> Floats:
        """Return the usual errors (U,) as multiples of those of the first week; NaN before that is over."""
        return np.exp(self.recent[rows].astype(np.float64) - self.first[rows])

    def learn(self, rows: Rows, block: Moments, times: Floats, usual: Floats) -> None:
        """Take in blocks of normal readings.

        Args:
            rows: (U,).
            block: of the logarithms of their errors, (U,) each.
            times: (U,) of the last readings.
            usual: (U,) s between readings.
        """
        some = block.n > 0
        rows, times, mean = rows[some], times[some], block.mean[some]
        length = block.n[some] * usual[some]
        began = self.began[rows]
        self.began[rows] = np.where(np.isnan(began), times - length, began)
        passed = np.fmin(times - self.until[rows], MOST_PACE * length)
        self.until[rows] = times
        age = self.age[rows] + passed
        share = np.where(age < WEEK, passed / np.maximum(age, 1e-9), -np.expm1(-passed / WEEK))
        self.age[rows] = age
        recent = self.recent[rows] + share * (mean - self.recent[rows])
        self.recent[rows] = recent
        first = self.first[rows]
        self.first[rows] = np.where(np.isnan(first) & (age >= WEEK), recent, first)
        self._watch(rows, times)

    def _watch(self, rows: Rows, times: Floats) -> None:
        ratio, drifting = self.ratio(rows), self.drifting[rows]
        begins = ~drifting & (ratio >= LIMIT)
        (at,) = begins.nonzero()
        rows_at = rows[at]
        errors = (np.exp(part[rows_at]) - LEAST_ERROR for part in (self.recent, self.first))
        facts = (rows_at, times[at], self.began[rows_at], *errors)
        self._news += zip(*(part.tolist() for part in facts), strict=True)
        self.drifting[rows] = begins | drifting & ~(ratio <= BACK)

    def news(self, sensors: list[str | None]) -> list[Drifted]:
        """The sensors that have begun to drift since the last call; `sensors` are the ids of all rows."""
        news, self._news = self._news, []
        return [Drifted(sensors[row] or "", *facts) for row, *facts in news]
