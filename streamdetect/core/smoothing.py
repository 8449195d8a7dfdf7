"""The mean of the last few values, the same to the last bit however they are cut into calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .columns import Columns
from .moments import sum_in_order

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .columns import Rows
    from .moments import Counts, Floats


class Run(NamedTuple):
    """The values of a stretch after those before it."""

    joined: Floats  # (U, n - 1 + L, F) oldest first; 0 before the first
    steps: Floats  # (n - 1 + L, U, F) the same values, step by step
    seen: Counts  # (U,) values before the stretch
    size: int  # L

    def mean(self, last: int) -> Floats:
        """The mean (U, L, F) of each value and those before it, `last` of at most n in all.

        They are added up oldest first, and what is not there yet is 0, which changes no sum.
        """
        size, first = self.size, len(self.steps) - self.size - last + 1
        if size == 1:  # the usual case live
            total = sum_in_order(self.steps[first:])
            return (total / np.minimum(self.seen + 1, last)[:, None])[:, None]
        totals = self.steps[first : first + size].copy()
        for step in range(first + 1, first + last):
            totals += self.steps[step : step + size]
        held = np.minimum(self.seen + np.arange(1, size + 1)[:, None], last)
        return np.ascontiguousarray((totals / held[:, :, None]).swapaxes(0, 1))

    def previous(self) -> Floats:
        """Return the value before each, (U, L, F); NaN before the first."""
        before = self.joined[:, -self.size - 1 : -1]
        first = self.seen == 0
        if np.count_nonzero(first):
            before = before.copy()
            before[first, 0] = np.nan
        return before

    def of(self, lines: NDArray[np.bool_]) -> Run:
        """Return the values of these lines (U,) only."""
        return Run(self.joined[lines], self.steps[:, lines], self.seen[lines], self.size)

    def before(self, counts: Rows) -> Floats:
        """The last n - 1 values (U, n - 1, F) once counts[u] of the stretch have come."""
        if self.size == 1:
            return self.joined[:, 1:]
        most = len(self.steps) - self.size
        left: Floats = self.joined[np.arange(len(counts))[:, None], counts[:, None] + np.arange(most)]
        return left


def run_of(joined: Floats, seen: Counts, size: int) -> Run:
    """Make a run of the last `size` of values (U, n - 1 + size, F), with so many (U,) ever before them."""
    return Run(joined, np.ascontiguousarray(joined.swapaxes(0, 1)), seen, size)


class Smoother(Columns):
    """The mean of the last n values of each row and feature, or of all there are."""

    past: Floats  # (S, n - 1, F) newest last; 0 before the first
    seen: NDArray[np.int32]  # (S,)

    def __init__(self, readings: int, features: int, dtype: type[np.floating] = np.float64) -> None:
        """Begin; values must be exact in this type."""
        super().__init__()
        self.column("past", dtype, shape=(readings - 1, features))
        self.column("seen", np.int32)

    def run(self, rows: Rows, values: Floats) -> Run:
        """These values (U, L, F) after those that are remembered; remembers none of them."""
        joined = np.concatenate([self.past.take(rows, axis=0), values], axis=1)
        return run_of(joined, self.seen[rows], values.shape[1])

    def keep(self, rows: Rows, run: Run, counts: Rows) -> None:
        """Remember the first counts[u] of the values of a run."""
        self.past[rows] = run.before(counts)
        self.seen[rows] += counts
