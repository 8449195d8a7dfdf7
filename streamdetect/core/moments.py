"""Rolling count, mean and variance of the last K values of many series, at a few numbers a series.

The last K values are kept as blocks: count, mean and M2 (sum of squared deviations) of each, whole blocks
dropped, so the history is K to within one block. The block being filled is summed about its own first
value, which keeps it exact under a large offset; blocks are pooled about their common mean by the pairwise
formula of Chan, Golub and LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample
Variances" (1979). Nothing is ever subtracted out of a running sum: a spike is forgotten without a trace.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .columns import Columns, Rows

Floats = NDArray[np.float64]
BLOCKS = 16


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
        if values.shape[1] == 1:  # the usual case live; a cumsum of two takes ten times as long
            np.add(total[:, :1], delta, out=total[:, 1:])
            np.add(squares[:, :1], delta * delta, out=squares[:, 1:])
            return Sums(base, total, squares)
        total[:, 1:] = delta
        np.multiply(delta, delta, out=squares[:, 1:])
        np.cumsum(total, axis=1, out=total)
        np.cumsum(squares, axis=1, out=squares)
        return Sums(base, total, squares)

    def keep(self, rows: Rows, counts: Rows, sums: Sums) -> None:
        """Take in the first counts[u] of the values that `ahead` was called with."""
        self.base[rows] = sums.base
        self.count[rows] += counts.reshape(-1, *self._ones)
        if sums.total.shape[1] == 2:  # noqa: PLR2004 - before and after a single value
            taken = counts.reshape(-1, *self._ones) > 0
            self.total[rows] = np.where(taken, sums.total[:, 1], sums.total[:, 0])
            self.squares[rows] = np.where(taken, sums.squares[:, 1], sums.squares[:, 0])
            return
        lines = np.arange(len(rows))
        self.total[rows] = sums.total[lines, counts]
        self.squares[rows] = sums.squares[lines, counts]

    def add(self, rows: Rows, values: Floats, counts: Rows) -> None:
        """Take in the first counts[u] of the values (U, R, *shape) of each row."""
        self.keep(rows, counts, self.ahead(rows, values))

    def moments(self, rows: Rows) -> Moments:
        """What each row holds."""
        return summed(self.count[rows], self.base[rows], self.total[rows], self.squares[rows])


def summed(count: Floats, base: Floats, total: Floats, squares: Floats) -> Moments:
    """Moments from sums about a base."""
    mean = total / np.maximum(count, 1.0)
    return Moments(count, base + mean, np.maximum(squares - total * mean, 0.0))


class BlockHistory(Columns):
    """The last K values of each row as blocks: up to `BLOCKS` sealed ones and the one being filled."""

    sealed_count: Floats  # (S,) pooled over the sealed blocks
    sealed_mean: Floats
    sealed_m2: Floats
    block_count: Floats  # (S, blocks)
    block_mean: Floats
    block_m2: Floats
    turn: NDArray[np.int64]  # (S,) blocks sealed so far

    def __init__(self, history: int) -> None:
        super().__init__()
        self.block = -(-history // BLOCKS)
        self.blocks = history // self.block
        for name in ("sealed_count", "sealed_mean", "sealed_m2"):
            self.column(name, np.float64)
        for name in ("block_count", "block_mean", "block_m2"):
            self.column(name, np.float64, shape=(self.blocks,))
        self.column("turn", np.int64)
        self.open = Accumulator()

    def room(self, rows: Rows) -> Rows:
        """How many values each row takes before its block is full; at least 1."""
        return (self.block - self.open.count[rows]).astype(np.intp)

    def count(self, rows: Rows) -> Floats:
        """How many values each row holds."""
        return self.sealed_count[rows] + self.open.count[rows]

    def sealed(self, rows: Rows) -> Moments:
        """The pooled moments of the sealed blocks."""
        return Moments(self.sealed_count[rows], self.sealed_mean[rows], self.sealed_m2[rows])

    def ahead(self, rows: Rows, values: Floats) -> tuple[Moments, Sums]:
        """Moments (U, R) in force before each value if all before it are remembered, and the sums.

        `values` (U, R) must fit the room of each row.
        """
        sums = self.open.ahead(rows, values)
        counts = self.open.count[rows][:, None] + np.arange(values.shape[1])
        opened = summed(counts, sums.base[:, None], sums.total[:, :-1], sums.squares[:, :-1])
        return merge(Moments(*(part[:, None] for part in self.sealed(rows))), opened), sums

    def remember(self, rows: Rows, counts: Rows, sums: Sums) -> None:
        """Take in the first counts[u] values of the call of `ahead` that gave the sums."""
        self.open.keep(rows, counts, sums)
        full = rows[self.open.count[rows] >= self.block]
        if len(full):
            self.seal(full, self.open.moments(full))
            self.open.clear(full)

    def seal(self, rows: Rows, block: Moments) -> None:
        """Put a block in place of the oldest, and pool the sealed blocks anew."""
        at = self.turn[rows] % self.blocks
        self.block_count[rows, at], self.block_mean[rows, at], self.block_m2[rows, at] = block
        self.turn[rows] += 1
        counts, means = self.block_count[rows], self.block_mean[rows]
        count = counts.sum(axis=1)
        # Means are pooled as deviations from one of them, so that a large offset costs no digits.
        shift = block.mean
        mean = shift + (counts * (means - shift[:, None])).sum(axis=1) / count
        spread = counts * (means - mean[:, None]) ** 2
        self.sealed_count[rows], self.sealed_mean[rows] = count, mean
        self.sealed_m2[rows] = (self.block_m2[rows] + spread).sum(axis=1)
