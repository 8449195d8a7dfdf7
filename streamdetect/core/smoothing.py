"""The mean of the last few values, the same to the last bit however they are cut into calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .columns import Columns
from .moments import sum_in_order

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .columns import Rows
    from .moments import Floats


class Smoother(Columns):
    """The mean of the last n values of each row and feature, or of all there are."""

    past: Floats  # (S, n - 1, F) newest last; 0 before the first
    seen: NDArray[np.int64]  # (S,)

    def __init__(self, readings: int, features: int) -> None:
        super().__init__()
        self.readings = readings
        self.column("past", np.float64, shape=(readings - 1, features))
        self.column("seen", np.int64)

    def of(self, rows: Rows, values: Floats, last: int) -> Floats:
        """The mean of each of the values (U, L, F) and those before it, `last` of at most n in all.

        Nothing is remembered. They are added up oldest first, and what is not there yet is 0, which changes
        no sum.
        """
        size = values.shape[1]
        joined = np.concatenate([self.past[rows, self.readings - last :], values], axis=1)
        windows = joined[:, np.arange(last)[:, None] + np.arange(size)]  # (U, n, L, F)
        held = np.minimum(self.seen[rows][:, None] + np.arange(1, size + 1), last)
        mean: Floats = sum_in_order(windows.swapaxes(0, 1)) / held[:, :, None]
        return mean

    def push(self, rows: Rows, values: Floats, counts: Rows) -> None:
        """Remember the first counts[u] of the values (U, L, F)."""
        joined = np.concatenate([self.past[rows], values], axis=1)
        kept = counts[:, None] + np.arange(self.readings - 1)
        self.past[rows] = joined[np.arange(len(rows))[:, None], kept]
        self.seen[rows] += counts
