"""The latest readings of every sensor, and the windows that each new reading completes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from .columns import Columns
from .readings import Outcome

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .columns import Rows
    from .grid import Grid
    from .moments import Floats

# Plain numbers: numpy takes ten times as long over a member of an enumeration.
ACCEPTED, DUPLICATE, LATE = int(Outcome.ACCEPTED), int(Outcome.DUPLICATE), int(Outcome.LATE)


class Accepted(NamedTuple):
    """What the times of a batch say, in its own order."""

    outcomes: NDArray[np.uint8]  # (N,)
    gaps: NDArray[np.bool_]  # (N,) accepted, and more than max_gap after the one before


@dataclass(slots=True)  # frozen ones take twice as long to make
class Due:
    """M windows to judge, in arrival order."""

    windows: Floats  # (M, T, F) raw; what is before the last `lengths` steps means nothing
    index: Rows  # (M,) the readings that completed them
    held: Rows  # (M,) readings since the window last restarted

    @property
    def lengths(self) -> Rows:
        """Real steps, (M,): T in a full window."""
        return np.minimum(self.held, self.windows.shape[1])


class Windows(Columns):
    """A ring buffer of the latest T readings for each of S sensors.

    It is kept oldest first, (S, T, F): a batch is joined to the buffers of its sensors, every window is then
    a contiguous slice, and the last T readings go back. That moves T readings per sensor and batch where a
    circular buffer writes one, but the window has to be copied out anyway, and several readings of one
    sensor in a batch need no rounds.
    """

    buffer: Floats  # (S, T, F)
    last_time: Floats  # (S,) of the last accepted reading; -inf before the first
    filled: NDArray[np.int64]  # (S,) readings since the window last restarted

    def __init__(
        self, time_steps: int, features: int, *, min_steps: int, stride: int, max_gap: float
    ) -> None:
        super().__init__()
        self.time_steps, self.min_steps, self.stride, self.max_gap = time_steps, min_steps, stride, max_gap
        self.column("buffer", np.float64, shape=(time_steps, features))
        self.column("last_time", np.float64, -np.inf)
        self.column("filled", np.int64)

    def accept(self, grid: Grid, times: Floats) -> Accepted:
        """Judge the times (N,) of a batch and move the clocks of its sensors on."""
        if grid.width == 1:
            return self._accept_one(grid.rows, times)
        laid = grid.lay(times, -np.inf)
        before = np.concatenate([self.last_time[grid.rows][:, None], laid], axis=1)
        np.maximum.accumulate(before, axis=1, out=before)
        self.last_time[grid.rows] = before[:, -1]
        before = before[:, :-1]
        outcomes = np.where(laid > before, ACCEPTED, LATE).astype(np.uint8)
        outcomes[laid == before] = DUPLICATE
        # A first reading follows -inf, which is a gap only where gaps count at all.
        gaps = (laid > before) & (laid - before > self.max_gap)
        return Accepted(grid.read(outcomes), grid.read(gaps))

    def _accept_one(self, rows: Rows, times: Floats) -> Accepted:
        """The same for one reading of each sensor."""
        before = self.last_time[rows]
        self.last_time[rows] = np.maximum(before, times)
        later = times > before
        outcomes = np.zeros(len(rows), dtype=np.uint8)  # ACCEPTED
        if np.count_nonzero(later) < len(rows):
            outcomes[~later] = LATE
            outcomes[times == before] = DUPLICATE
        return Accepted(outcomes, later & (times - before > self.max_gap))

    def push(self, grid: Grid, values: Floats, gaps: NDArray[np.bool_]) -> Due:
        """Take in accepted readings; values (N, F), gaps (N,)."""
        if grid.width == 1:
            return self._push_one(grid.rows, values, gaps)
        steps, places = self.time_steps, np.arange(grid.width)
        joined = np.concatenate([self.buffer[grid.rows], grid.lay(values)], axis=1)
        slices = sliding_window_view(joined, steps, axis=1).transpose(0, 1, 3, 2)  # (U, L + 1, T, F)
        restart = np.maximum.accumulate(np.where(grid.lay(gaps, fill=False), places, -1), axis=1)
        filled = np.where(restart >= 0, places - restart, self.filled[grid.rows][:, None] + places) + 1
        lines = np.arange(len(grid.rows))
        self.filled[grid.rows] = filled[lines, grid.counts - 1]
        self.buffer[grid.rows] = slices[lines, grid.counts]
        held = grid.read(filled)
        due = np.flatnonzero(self._is_due(held))
        line, place = grid.where()
        return Due(slices[line[due], place[due] + 1], due, held[due])

    def _push_one(self, rows: Rows, values: Floats, gaps: NDArray[np.bool_]) -> Due:
        """The same for one reading of each sensor."""
        windows = np.empty((len(rows), *self.buffer.shape[1:]))
        windows[:, :-1] = self.buffer.take(rows, axis=0)[:, 1:]
        windows[:, -1] = values
        self.buffer[rows] = windows
        held = self.filled[rows] + 1
        held[gaps] = 1
        self.filled[rows] = held
        (due,) = self._is_due(held).nonzero()
        if len(due) < len(rows):
            windows, held = windows.take(due, axis=0), held[due]
        return Due(windows, due, held)

    def _is_due(self, held: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which readings complete a window to judge, by how many the window then holds."""
        due = held >= self.min_steps
        if self.stride > 1:
            due &= (held - self.min_steps) % self.stride == 0
        return due
