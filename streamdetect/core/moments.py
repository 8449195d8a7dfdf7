"""Count, mean and variance of many series, summed about their first values and merged.

To sum about a value of the series itself keeps the sums exact under a large offset.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .columns import Columns, Rows

Floats = NDArray[np.float64]


class Moments(NamedTuple):
    """Count, mean and sum of squared deviations, elementwise."""

    n: Floats
    mean: Floats
    m2: Floats

    def sigma(self) -> Floats:
        """The population standard deviation; 0 where nothing was counted."""
        return np.sqrt(self.m2 / np.maximum(self.n, 1.0))


class Sums(NamedTuple):
    """Running sums about a base, before each of R values and after the last."""

    base: Floats  # (U, *shape)
    total: Floats  # (U, R + 1, *shape)
    squares: Floats


def merge(a: Moments, b: Moments) -> Moments:
    """The moments of two sets of values taken together (Chan et al., formula 2.1)."""
    n = a.n + b.n
    share = b.n / np.maximum(n, 1.0)
    delta = b.mean - a.mean
    return Moments(n, a.mean + delta * share, a.m2 + b.m2 + delta * delta * (a.n * share))


class Accumulator(Columns):
    """Sums about the first value, one per row (or one per row and feature): the block being filled."""

    count: Floats  # (S, *shape), as all of these
    base: Floats
    total: Floats
    squares: Floats

    def __init__(self, shape: tuple[int, ...] = ()) -> None:
        super().__init__()
        self._ones = (1,) * len(shape)
        for name in ("count", "base", "total", "squares"):
            self.column(name, np.float64, shape=shape)

    def ahead(self, rows: Rows, values: Floats) -> Sums:
        """The sums before each of the values (U, R, *shape) and after the last.

        They run from left to right, so they do not depend on how the values are cut into calls.
        """
        base = np.where(self.count[rows] == 0, values[:, 0], self.base[rows])
        delta = values - base[:, None]
        total = np.empty((len(rows), values.shape[1] + 1, *values.shape[2:]))
        squares = np.empty_like(total)
        total[:, 0], squares[:, 0] = self.total[rows], self.squares[rows]
        total[:, 1:] = delta
        np.multiply(delta, delta, out=squares[:, 1:])
        np.cumsum(total, axis=1, out=total)
        np.cumsum(squares, axis=1, out=squares)
        return Sums(base, total, squares)

    def keep(self, rows: Rows, counts: Rows, sums: Sums) -> None:
        """Take in the first counts[u] of the values that `ahead` was called with."""
        self.count[rows] += counts.reshape(-1, *self._ones)
        self.base[rows] = np.where(self.count[rows] > 0, sums.base, 0.0)
        lines = np.arange(len(rows))
        self.total[rows] = sums.total[lines, counts]
        self.squares[rows] = sums.squares[lines, counts]

    def add(self, rows: Rows, values: Floats, counts: Rows) -> None:
        """Take in the first counts[u] of the values (U, R, *shape) of each row."""
        self.keep(rows, counts, self.ahead(rows, values))

    def append(self, rows: Rows, values: Floats) -> Floats:
        """Take in one value (U, *shape) of each row; returns how many each then holds."""
        count, base = self.count[rows], self.base[rows]
        if np.count_nonzero(count) < count.size:
            base = self.base[rows] = np.where(count == 0, values, base)
        delta = values - base
        count += 1.0
        self.count[rows] = count
        self.total[rows] += delta
        self.squares[rows] += delta * delta
        return count

    def moments(self, rows: Rows) -> Moments:
        """What each row holds."""
        return summed(self.count[rows], self.base[rows], self.total[rows], self.squares[rows])


def summed(count: Floats, base: Floats, total: Floats, squares: Floats) -> Moments:
    """Moments from sums about a base."""
    mean = total / np.maximum(count, 1.0)
    return Moments(count, base + mean, np.maximum(squares - total * mean, 0.0))


def sum_in_order(values: Floats) -> Floats:
    """The sum over the first axis of (n, ...), added up one by one.

    numpy does so for sums that lie side by side, at a twentieth of the price of a cumsum. Where there is only
    one, it would add it up pairwise, which gives other last bits.
    """
    single = values[0].size == 1
    total: Floats = np.cumsum(values, axis=0)[-1] if single else np.ascontiguousarray(values).sum(axis=0)
    return total
