"""Count, mean and variance of many series, summed about their first values and merged.

Sums about a value of the series itself stay exact under a large offset.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .columns import Columns

if TYPE_CHECKING:
    from typing import Any

    from .columns import Rows

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
"""What is kept in 32 bits; it is computed in 64."""
Counts = NDArray[np.signedinteger]
"""Whole numbers of any size."""


class Moments(NamedTuple):
    """Count, mean and sum of squared deviations, elementwise."""

    n: Floats
    mean: Floats
    m2: Floats

    def sigma(self) -> Floats:
        """The population standard deviation; 0 where nothing was counted."""
        return np.sqrt(self.m2 / np.maximum(self.n, 1.0))

    def fading(self, most: float) -> Moments:
        """The same mean and variance, counted as at most `most` values, so that new ones weigh more."""
        n = np.minimum(self.n, most)
        return Moments(n, self.mean, self.m2 * (n / np.maximum(self.n, 1.0)))


def merge(a: Moments, b: Moments) -> Moments:
    """The moments of two sets of values taken together.

    Chan, Golub and LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances"
    (1979), formula 2.1.
    """
    n = a.n + b.n
    share = b.n / np.maximum(n, 1.0)
    delta = b.mean - a.mean
    return Moments(n, a.mean + delta * share, a.m2 + b.m2 + delta * delta * (a.n * share))


class Accumulator(Columns):
    """Sums about the first value, of each row and series: the block being filled."""

    count: Singles  # (S, *shape), as all of these; whole numbers
    base: Floats
    total: Floats
    squares: Floats

    def __init__(self, shape: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.column("count", np.float32, shape=shape)
        for name in ("base", "total", "squares"):
            self.column(name, np.float64, shape=shape)

    def add(self, rows: Rows, values: Floats, kept: NDArray[np.bool_]) -> None:
        """Take in those of the values (U, R, *shape) that are kept, oldest first.

        They are added up one by one, so the sums do not depend on how the values are cut into calls.
        """
        count = self.count.take(rows, axis=0)
        begins = (count == 0) & over_places(np.logical_or, kept)
        base = np.where(begins, _first(values, kept), self.base.take(rows, axis=0))
        delta = np.where(kept, values - base[:, None], 0.0)
        self.base[rows] = base
        self.count[rows] = count + over_places(np.add, kept)
        self.total[rows] = added(self.total.take(rows, axis=0), delta)
        self.squares[rows] = added(self.squares.take(rows, axis=0), delta * delta)

    def moments(self, rows: Rows) -> Moments:
        """Return the moments of each row."""
        base, total, squares = (part.take(rows, axis=0) for part in (self.base, self.total, self.squares))
        count = self.count.take(rows, axis=0).astype(np.float64)
        mean = total / np.maximum(count, 1.0)
        return Moments(count, base + mean, np.maximum(squares - total * mean, 0.0))


def _first(values: Floats, kept: NDArray[np.bool_]) -> Floats:
    """The first of the values (U, R, *shape) that is kept, (U, *shape); any where none is."""
    if values.shape[1] == 1:
        return values[:, 0]
    first: Floats = np.take_along_axis(values, kept.argmax(axis=1)[:, None], axis=1)[:, 0]
    return first


def over_places(ufunc: np.ufunc, values: NDArray[Any]) -> NDArray[Any]:
    """Reduce values (U, R, *shape) over their places, which costs nothing where there is one."""
    reduced: NDArray[Any] = values[:, 0] if values.shape[1] == 1 else ufunc.reduce(values, axis=1)
    return reduced


def added(start: Floats, values: Floats) -> Floats:
    """`start` (U, *shape) and then the values (U, R, *shape), added up one by one."""
    if values.shape[1] == 1:
        return start + values[:, 0]
    running: NDArray[Any] = np.cumsum(np.concatenate([start[:, None], values], axis=1), axis=1)
    last: Floats = running[:, -1]
    return last


def sum_in_order(values: Floats) -> Floats:
    """The sum over the first axis of (n, ...), added up one by one.

    numpy does so for sums that lie side by side, at a twentieth of the price of a cumsum. A single sum
    it would add up pairwise, which gives other last bits.
    """
    single = values[0].size == 1
    total: Floats = np.cumsum(values, axis=0)[-1] if single else np.add.reduce(np.ascontiguousarray(values))
    return total
