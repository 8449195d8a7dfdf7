"""Rolling count, mean and variance of the last K values of many series, at a few numbers a series.

The last K values are kept as blocks: count, mean and M2 (sum of squared deviations) of each, whole blocks
dropped, so the history is K to within one block. The block being filled is summed about its own first
value, which keeps it exact under a large offset; blocks are pooled about their common mean by the pairwise
formula of Chan, Golub and LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample
Variances" (1979). Nothing is ever subtracted out of a running sum: a spike is forgotten without a trace.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .columns import Columns
from .moments import Accumulator, Moments, Sums, merge, summed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .columns import Rows
    from .moments import Floats

BLOCKS = 16


class Stretch(NamedTuple):
    """Sums over several blocks of B places that follow one another, the open one first."""

    sums: Sums  # (U, blocks) and (U, blocks, B + 1): before each place and after the last
    whole: Moments  # (U, blocks) of each once it is full
    sealed: Moments  # (U, blocks + 1) of what is sealed when each begins, and after the last


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
        """How many values `ahead` can look over in each row: not past a whole history, at least 1."""
        return (self.block * self.blocks - self.open.count[rows]).astype(np.intp)

    def count(self, rows: Rows) -> Floats:
        """How many values each row holds."""
        return self.sealed_count[rows] + self.open.count[rows]

    def sealed(self, rows: Rows) -> Moments:
        """The pooled moments of the sealed blocks."""
        return Moments(self.sealed_count[rows], self.sealed_mean[rows], self.sealed_m2[rows])

    def moments(self, rows: Rows) -> Moments:
        """What each row holds."""
        return merge(self.sealed(rows), self.open.moments(rows))

    def append(self, rows: Rows, values: Floats) -> None:
        """Take in one value (U,) of each row."""
        self._seal_full(rows, self.open.append(rows, values))

    def ahead(self, rows: Rows, values: Floats) -> tuple[Moments, Sums | Stretch]:
        """Moments (U, R) in force before each value if all before it are remembered, and the sums.

        `values` (U, R) must fit the room of each row, or mean nothing beyond it.
        """
        count = self.open.count[rows][:, None]
        size = values.shape[1]
        if size > 1 and count.max() + size > self.block:
            return self._across(rows, values, count.astype(np.intp) + np.arange(size))
        sums = self.open.ahead(rows, values)
        opened = summed(count + np.arange(size), sums.base[:, None], sums.total[:, :-1], sums.squares[:, :-1])
        return merge(Moments(*(part[:, None] for part in self.sealed(rows))), opened), sums

    def remember(self, rows: Rows, counts: Rows, sums: Sums | Stretch) -> None:
        """Take in the first counts[u] values of the call of `ahead` that gave the sums."""
        if isinstance(sums, Stretch):
            self._keep(rows, counts, sums)
            return
        self.open.keep(rows, counts, sums)
        self._seal_full(rows, self.open.count[rows])

    def seal(self, rows: Rows, block: Moments) -> None:
        """Put a block in place of the oldest, and pool the sealed blocks anew."""
        at = self.turn[rows] % self.blocks
        self.block_count[rows, at], self.block_mean[rows, at], self.block_m2[rows, at] = block
        self.turn[rows] += 1
        held = Moments(self.block_count[rows], self.block_mean[rows], self.block_m2[rows])
        self.sealed_count[rows], self.sealed_mean[rows], self.sealed_m2[rows] = _pooled(held, block.mean)

    def _seal_full(self, rows: Rows, count: Floats) -> None:
        """Seal the open block where these many values (U,) fill it."""
        full = count >= self.block
        if np.count_nonzero(full):
            rows = rows[full]
            self.seal(rows, self.open.moments(rows))
            self.open.clear(rows)

    def _across(self, rows: Rows, values: Floats, places: Rows) -> tuple[Moments, Stretch]:
        """The same for values at these places (U, R), counted from the start of the open block."""
        lines, (block, at) = np.arange(len(rows))[:, None], divmod(places, self.block)
        sums = self._summed(rows, values, (lines, block, at))
        whole = self._whole(sums)
        sealed = self._sealed_ahead(rows, whole)
        before = sums.total[lines, block, at], sums.squares[lines, block, at]
        opened = summed(at.astype(np.float64), sums.base[lines, block], *before)
        moments = merge(Moments(*(part[lines, block] for part in sealed)), opened)
        return moments, Stretch(sums, whole, sealed)

    def _summed(self, rows: Rows, values: Floats, cells: tuple[Rows, Rows, Rows]) -> Sums:
        """Running sums of each block, the values being in these cells (U, R) of (U, blocks, B)."""
        laid = np.zeros((len(rows), int(cells[1].max()) + 1, self.block))
        laid[cells] = values
        began = self.open.count[rows]
        base = laid[:, :, 0].copy()
        base[:, 0] = np.where(began == 0, values[:, 0], self.open.base[rows])
        laid -= base[:, :, None]
        laid[:, 0][np.arange(self.block) < began[:, None]] = 0.0
        total = np.zeros((*laid.shape[:2], self.block + 1))
        squares = np.zeros_like(total)
        total[:, :, 1:] = laid
        np.multiply(laid, laid, out=squares[:, :, 1:])
        # Zeros before it leave a sum as it is to the last bit.
        first = np.arange(len(rows)), 0, began.astype(np.intp)
        total[first], squares[first] = self.open.total[rows], self.open.squares[rows]
        return Sums(base, np.cumsum(total, axis=2, out=total), np.cumsum(squares, axis=2, out=squares))

    def _whole(self, sums: Sums) -> Moments:
        """Moments of each block (U, blocks) once it is full."""
        count = np.full(sums.base.shape, float(self.block))
        return summed(count, sums.base, sums.total[:, :, -1], sums.squares[:, :, -1])

    def _sealed_ahead(self, rows: Rows, ends: Moments) -> Moments:
        """What is sealed now, and after each of these at most `blocks` blocks (U, n) is: (U, n + 1)."""
        now = self.sealed(rows)
        turns = ends.n.shape[1]
        since = (np.arange(self.blocks) - self.turn[rows][:, None]) % self.blocks  # which one a place gets
        replaced = since[:, None] <= np.arange(turns)[:, None]
        which = np.arange(len(rows))[:, None], np.minimum(since, turns - 1)
        old = self.block_count[rows], self.block_mean[rows], self.block_m2[rows]
        held = (
            np.where(replaced, new[which][:, None], there[:, None])
            for new, there in zip(ends, old, strict=True)
        )
        pooled = _pooled(Moments(*held), ends.mean)
        both = zip(now, pooled, strict=True)
        return Moments(*(np.concatenate([first[:, None], rest], axis=1) for first, rest in both))

    def _keep(self, rows: Rows, counts: Rows, looked: Stretch) -> None:
        """Take in the first counts[u] values, and seal the blocks that they fill."""
        sums, whole, sealed = looked
        lines = np.arange(len(rows))
        full, at = divmod(self.open.count[rows].astype(np.intp) + counts, self.block)
        line, block = np.nonzero(np.arange(whole.n.shape[1]) < full[:, None])
        place = rows[line], (self.turn[rows[line]] + block) % self.blocks
        self.block_count[place], self.block_mean[place], self.block_m2[place] = (
            part[line, block] for part in whole
        )
        self.turn[rows] += full
        self.sealed_count[rows], self.sealed_mean[rows], self.sealed_m2[rows] = (
            part[lines, full] for part in sealed
        )
        # After the last of the blocks none is open, and `at` is 0.
        now = lines, np.minimum(full, whole.n.shape[1] - 1)
        began = at > 0
        self.open.count[rows] = at
        self.open.base[rows] = np.where(began, sums.base[now], 0.0)
        self.open.total[rows] = np.where(began, sums.total[(*now, at)], 0.0)
        self.open.squares[rows] = np.where(began, sums.squares[(*now, at)], 0.0)


def _pooled(held: Moments, shift: Floats) -> Moments:
    """The moments (...) of blocks (..., blocks) taken together.

    Means are pooled as deviations from one of them, `shift`, so that a large offset costs no digits.
    """
    count = held.n.sum(axis=-1)
    mean = shift + (held.n * (held.mean - shift[..., None])).sum(axis=-1) / count
    spread = held.n * (held.mean - mean[..., None]) ** 2
    return Moments(count, mean, (held.m2 + spread).sum(axis=-1))
