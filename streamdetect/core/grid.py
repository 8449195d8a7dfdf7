"""A batch laid out by sensor, so that one numpy call serves all sensors whatever the batch holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .columns import Rows


class Grid:
    """N items of U sensors as U lines of at most L places, each filled from the left in arrival order.

    A batch in which no sensor occurs twice, the usual case live, is one column in arrival order.
    """

    __slots__ = ("_at", "_counts", "_line", "_place", "rows", "width")

    def __init__(self, rows: Rows) -> None:
        ordered = rows.copy()
        ordered.sort()
        if not np.count_nonzero(ordered[1:] == ordered[:-1]):
            self.rows, self.width = rows, 1
            self._at = self._counts = self._line = self._place = None
            return
        places = np.arange(len(rows))
        bits = len(rows).bit_length()
        keys = (rows << bits) | places  # sorting them takes a fifth of the time of a stable argsort
        keys.sort()
        order = keys & ((1 << bits) - 1)
        first = np.ones(len(rows), dtype=bool)
        np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
        (starts,) = first.nonzero()
        self.rows = ordered[starts]  # (U,)
        self._counts = np.empty_like(starts)
        np.subtract(starts[1:], starts[:-1], out=self._counts[:-1])
        self._counts[-1] = len(rows) - starts[-1]
        self.width = int(self._counts.max())
        line = np.cumsum(first) - 1
        self._line, self._place = np.empty_like(places), np.empty_like(places)
        self._line[order], self._place[order] = line, places - starts[line]
        self._at = self._line * self.width + self._place  # of all places, line after line

    @property
    def counts(self) -> Rows:
        """The number of items of each line, (U,)."""
        if self._counts is None:
            self._counts = np.ones(len(self.rows), dtype=np.intp)
        return self._counts

    def lay(self, items: NDArray[Any], fill: object = 0) -> NDArray[Any]:
        """(N, ...) in arrival order → (U, L, ...); places past a line's end hold `fill`."""
        if self._at is None:
            return items[:, None]
        laid = np.full((len(self.rows) * self.width, *items.shape[1:]), fill, dtype=items.dtype)
        laid[self._at] = items
        return laid.reshape(-1, self.width, *items.shape[1:])

    def read(self, laid: NDArray[Any]) -> NDArray[Any]:
        """(U, L, ...) → (N, ...) in arrival order."""
        if self._at is None:
            return laid[:, 0]
        return laid.reshape(-1, *laid.shape[2:]).take(self._at, axis=0)

    def where(self) -> tuple[Rows, Rows]:
        """The line and the place of each item, (N,) each."""
        if self._line is None or self._place is None:
            return np.arange(len(self.rows)), np.zeros(len(self.rows), dtype=np.intp)
        return self._line, self._place
