"""The latest readings of every sensor, and the windows that each new reading completes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .columns import Columns
from .readings import Outcome

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .columns import Rows
    from .grid import Grid
    from .moments import Counts, Floats

# Plain numbers: numpy takes ten times as long over a member of an enumeration.
DUPLICATE, LATE = int(Outcome.DUPLICATE), int(Outcome.LATE)


class Accepted(NamedTuple):
    """The outcomes and pauses of a batch by its times, in arrival order."""

    outcomes: NDArray[np.uint8]  # (N,)
    pauses: Floats  # (N,) s since the sensor's reading before; infinite before its first


@dataclass(slots=True)  # frozen ones take twice as long to make
class Due:
    """M windows to judge, in arrival order."""

    windows: Floats  # (M, T, F) raw; only the last `lengths` steps have a meaning
    joined: Floats  # (U, K + L, F) the values of each line's sensor before the batch, and those of the batch
    index: Rows  # (M,) the readings that completed them
    held: Counts  # (M,) readings since the window last restarted

    @property
    def lengths(self) -> Counts:
        """Real steps, (M,): T in a full window."""
        return np.minimum(self.held, self.windows.shape[1])


class Windows(Columns):
    """A ring buffer of the latest K readings for each of S sensors, K ≥ T: the views look back as well.

    It is kept oldest first, (S, K, F): a batch is joined to the buffers of its sensors, every window is then
    a contiguous slice, and the last K readings go back. That moves K readings per sensor and batch where a
    circular buffer writes one, but the window has to be copied out anyway, and several readings of one
    sensor in a batch need no loop.
    """

    buffer: Floats  # (S, K, F); 0 before the first
    last_time: Floats  # (S,) of the last accepted reading; -inf before the first
    filled: NDArray[np.int32]  # (S,) readings since the window last restarted

    def __init__(
        self, time_steps: int, features: int, *, kept: int, min_steps: int, stride: int, max_gap: float
    ) -> None:
        super().__init__()
        self.kept = max(time_steps, kept)
        self.time_steps, self.min_steps, self.stride, self.max_gap = time_steps, min_steps, stride, max_gap
        self.column("buffer", np.float64, shape=(self.kept, features))
        self.column("last_time", np.float64, -np.inf)
        self.column("filled", np.int32)

    def accept(self, grid: Grid, times: Floats) -> Accepted:
        """Judge the times (N,) of a batch and move the clocks of its sensors on."""
        rows = grid.rows
        before = self.last_time[rows]
        if grid.width == 1:
            self.last_time[rows] = np.maximum(before, times)
        else:
            newest = np.concatenate([before[:, None], grid.lay(times, -np.inf)], axis=1)
            np.maximum.accumulate(newest, axis=1, out=newest)
            self.last_time[rows] = newest[:, -1]
            before = grid.read(newest[:, :-1])
        later = times > before
        outcomes = np.zeros(len(times), dtype=np.uint8)  # ACCEPTED
        if np.count_nonzero(later) < len(times):
            outcomes[~later] = LATE
            outcomes[times == before] = DUPLICATE
        return Accepted(outcomes, times - before)

    def push(self, grid: Grid, values: Floats, pauses: Floats) -> Due:
        """Take in accepted readings: values (N, F), and pauses (N,) before them in seconds."""
        gaps = pauses > self.max_gap
        if grid.width == 1:
            return self._push_one(grid.rows, values, gaps)
        places, features = np.arange(grid.width), values.shape[1:]
        joined = np.concatenate([self.buffer.take(grid.rows, axis=0), grid.lay(values)], axis=1)
        lines, kept, steps = np.arange(len(grid.rows)), np.arange(self.kept), np.arange(self.time_steps)
        flat, begin = joined.reshape(-1, *features), lines * joined.shape[1]
        filled = self.filled[grid.rows][:, None] + places + 1
        if np.count_nonzero(gaps):
            restart = np.maximum.accumulate(np.where(grid.lay(gaps, fill=False), places, -1), axis=1)
            filled = np.where(restart >= 0, places - restart + 1, filled)
        self.filled[grid.rows] = filled[lines, grid.counts - 1]
        self.buffer[grid.rows] = flat.take((begin + grid.counts)[:, None] + kept, axis=0)
        held = grid.read(filled)
        (due,) = self._is_due(held).nonzero()
        line, place = grid.where()
        first = (begin[line] + place + 1 + self.kept - self.time_steps)[due]
        return Due(flat.take(first[:, None] + steps, axis=0), joined, due, held[due])

    def _push_one(self, rows: Rows, values: Floats, gaps: NDArray[np.bool_]) -> Due:
        """Take in accepted readings, at most one of each sensor."""
        joined = np.concatenate([self.buffer.take(rows, axis=0), values[:, None]], axis=1)
        self.buffer[rows] = joined[:, 1:]
        held = self.filled[rows] + 1
        held[gaps] = 1
        self.filled[rows] = held
        (due,) = self._is_due(held).nonzero()
        windows = joined[:, -self.time_steps :]
        if len(due) < len(rows):
            windows, held = windows.take(due, axis=0), held[due]
        return Due(windows, joined, due, held)

    def _is_due(self, held: Counts) -> NDArray[np.bool_]:
        """Tell which readings complete a window to judge, by how many readings the window then holds."""
        due = held >= self.min_steps
        if self.stride > 1:
            due &= (held - self.min_steps) % self.stride == 0
        return due
