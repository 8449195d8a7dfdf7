"""The interface of a view: score a stretch of readings, then remember what was normal in it.

Whatever a score depends on stays the same within a block of a sensor's readings and is found anew at its
end. So a block can be looked at in one go, and the cuts between batches cannot be seen.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from ..columns import Columns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ..columns import Rows
    from ..moments import Floats
    from ..smoothing import Run


class Daily(NamedTuple):
    """The values of a stretch against their time of day."""

    known: NDArray[np.bool_]  # (U,) whether what to expect is known
    differences: Floats  # (U, L, F) of the values from what is expected; 0 where that is not known
    run: Run  # of the differences
    smooth: Floats  # (U, L, F) mean of many differences; NaN where it is not known
    near: Floats  # (U, L, F) mean of a few differences
    warming: NDArray[np.bool_]  # (U, L) so little is known yet that every reading is learnt
    whole: bool = True  # what to expect is known for all rows


class Stretch(NamedTuple):
    """Readings of U sensors that lie within one block of each, L places a line, filled from the left."""

    rows: Rows  # (U,)
    counts: Rows  # (U,) readings of each line
    times: Floats  # (U, L) Unix seconds
    values: Floats  # (U, L, F)
    before: Floats  # (U, L, F) the values of the readings before; NaN before the first
    level: Floats  # (U, L, F) the mean of the last few values
    trend: Floats  # (U, L, F) mean of many values
    daily: Daily | None  # the values against their time of day; None while nothing is known of it
    errors: Floats  # (U, L) reconstruction error; NaN where no window was due
    feature_errors: Floats  # (U, L, F) reconstruction error of each feature
    warming: NDArray[np.bool_]  # (U, L) so little is known yet that every reading is learnt

    @property
    def lines(self) -> Rows:
        """(U,) numbers of the lines."""
        return np.arange(len(self.rows))

    def within(self, counts: Rows) -> NDArray[np.bool_]:
        """Tell which places (U, L) are among the first counts[u] of their line."""
        if self.times.shape[1] == 1:  # the usual case live
            return counts[:, None] > 0
        return np.arange(self.times.shape[1]) < counts[:, None]

    def at_end(self, part: NDArray[Any], counts: Rows) -> NDArray[Any]:
        """Return a part (U, L, …) at the last of the first counts[u] places of each line, (U, …)."""
        return part[:, 0] if part.shape[1] == 1 else part[self.lines, counts - 1]


class Lesson(NamedTuple):
    """The readings of a stretch that may be learnt, once it is judged."""

    counts: Rows  # (U,) readings taken; a change of regime ends the stretch of its sensor
    open: NDArray[np.bool_]  # (U, L) an incident is open
    kept: NDArray[np.bool_]  # (U, L) no incident is open, or the sensor is warming up
    calm: NDArray[
        np.bool_
    ]  # (U, L) of the kept ones, those that no view found anomalous, or all in a warm-up
    opened: NDArray[np.bool_]  # (U, L) an incident opened here
    learns: NDArray[np.bool_]  # (U,) whether anything is learnt; not from a regime that has just ended
    closed: NDArray[np.bool_]  # (U, L) an incident closed here
    passed: NDArray[np.bool_]  # (U, L) an incident closed here that was as short as a spike

    def through_incidents(self) -> Iterator[tuple[Rows, int]]:
        """Yield, place by place, the lines with an incident that is open at a place or closed there."""
        busy = self.open | self.closed
        if not np.count_nonzero(busy):
            return
        for place in np.flatnonzero(busy.any(axis=0)).tolist():
            yield np.flatnonzero(busy[:, place]), place


class Learner(Columns):
    """Learns from stretches; what it learnt comes into force at the ends of blocks."""

    def learn(self, stretch: Stretch, lesson: Lesson) -> None:
        """Take in what was normal in the stretch looked at last, and what the next stretch needs."""

    def refresh(self, rows: Rows, full: NDArray[np.bool_]) -> None:
        """Bring into force what was learnt; `full` (U,) tells the ends of blocks from the early ones."""

    def restart(self, rows: Rows) -> None:
        """Forget the past of these rows: they have a new normal."""
        self.clear(rows)


class View(Learner, ABC):
    """One way of looking at a sensor: a score, of which 1 is the limit."""

    name: ClassVar[str]

    @property
    def looks(self) -> bool:
        """True if the view can score any sensor."""
        return True

    @abstractmethod
    def scores(self, stretch: Stretch) -> Floats:
        """The scores (U, L, F) of each feature, or (U, L, 1) of all; NaN where the view cannot tell yet."""
