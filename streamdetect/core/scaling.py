"""Scale raw values for the model: as trained, from each sensor's own past, or from the window alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from .columns import Columns, Rows
from .moments import Accumulator

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .moments import Counts, Floats, Singles

SCALED_LIMIT = 1e6
"""Scaled values are clipped here, so that no reading can make the model or the error overflow."""

PADDING = -2e6
"""Stands before the readings of a window that is not full; no scaled value can be this."""

RELATIVE_FLOOR = 1e-3
ABSOLUTE_FLOOR = 1e-9
BLOCKS = 16
MAD_TO_SIGMA = 1.4826
MOST_VARIANCE = 1e38
"""Of a block, for it is kept in 32 bits."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """The scaling of a bundle; a value x of feature f becomes (x - offset[f]) / scale[f].

    kind "none": as it is. "affine": with the offset and scale given here, fitted on the training data.
    "sensor": with a robust centre and spread of that sensor's own past readings.
    "window": with the mean and standard deviation of the window itself.
    """

    kind: Literal["none", "affine", "sensor", "window"] = "none"
    offset: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    history: int = 2048  # "sensor": readings


def spread_floor(centre: Floats) -> Floats:
    """The least spread that a series around `centre` is scaled by: a constant must not divide by 0."""
    return np.maximum(np.abs(centre) * RELATIVE_FLOOR, ABSOLUTE_FLOOR)


def scaled(windows: Floats, offset: Floats, scale: Floats) -> NDArray[np.float32]:
    """(M, T, F) raw → (M, T, F) float32; offset and scale are (M, 1, F) or (F,)."""
    moved = windows - offset
    moved /= scale
    return moved.clip(-SCALED_LIMIT, SCALED_LIMIT, out=moved).astype(np.float32)


def window_scale(windows: Floats, lengths: Counts) -> tuple[Floats, Floats]:
    """Mean and floored standard deviation of the real steps of each window, (M, F) each, from (M, T, F)."""
    real = real_steps(lengths, windows.shape[1])[:, None, :]
    steps = np.where(real, windows.transpose(0, 2, 1), 0.0)
    centre = steps.sum(axis=2) / lengths[:, None]
    moved = np.where(real, steps - centre[:, :, None], 0.0)
    spread = np.sqrt((moved * moved).sum(axis=2) / lengths[:, None])
    return centre, np.maximum(spread, spread_floor(centre))


def real_steps(lengths: Counts, time_steps: int) -> NDArray[np.bool_]:
    """(M,) lengths → (M, T): which steps are readings; padding comes first."""
    return np.arange(time_steps) >= (time_steps - lengths)[:, None]


def pad(windows: NDArray[np.float32], lengths: Counts) -> None:
    """Put PADDING before the real steps of each window (M, T, F), in place."""
    windows[~real_steps(lengths, windows.shape[1])] = PADDING


class SensorScale(Columns):
    """Offset and scale of each sensor and feature from its own past, robust against a spike or a shift.

    The past is kept as `BLOCKS` blocks of readings. The offset is the median of the block means; the scale
    combines the median of the block variances (spread within a block) with the MAD of the block means
    (spread between blocks). So what happens in a few blocks, however large, moves neither. Both change only
    when a block is full; before the first one is, they are those of the sensor's `first` readings.
    """

    offset: Floats  # (S, F) in force; NaN until known
    scale: Floats
    means: Floats  # (S, BLOCKS, F); NaN where not yet
    variances: Singles
    turn: NDArray[np.int32]  # (S,) blocks sealed so far

    def __init__(self, first: int, features: int, history: int) -> None:
        super().__init__()
        self.first = first
        self.block = max(history // BLOCKS, first)
        for name in ("offset", "scale"):
            self.column(name, np.float64, np.nan, (features,))
        self.column("means", np.float64, np.nan, (BLOCKS, features))
        self.column("variances", np.float32, np.nan, (BLOCKS, features))
        self.column("turn", np.int32)
        self.open = Accumulator((features,))

    def advance(self, rows: Rows, values: Floats, counts: Rows) -> tuple[Floats, Floats]:
        """Take in the first counts[u] readings of values (U, L, F).

        Returns:
            Offset and scale (U, L, F) in force at each reading; NaN before there are any. An estimate is
            in force from the reading that completes its block.
        """
        if values.shape[1] == 1:  # the usual case live
            self.open.add(rows, values, counts[:, None, None] > 0)
            self._estimate(rows)
            return self.offset[rows, None], self.scale[rows, None]
        offset, scale = np.full(values.shape, np.nan), np.full(values.shape, np.nan)
        done = np.zeros_like(counts)
        while len(lines := np.flatnonzero(done < counts)):
            here, start = rows[lines], done[lines]
            take = np.minimum(counts[lines] - start, self._room(here))
            places = start[:, None] + np.arange(take.max())
            within = places < (start + take)[:, None]
            places = np.minimum(places, values.shape[1] - 1)
            taken = values[lines[:, None], places]
            self.open.add(here, taken, np.broadcast_to(within[:, :, None], taken.shape))
            line, place = np.broadcast_to(lines[:, None], places.shape)[within], places[within]
            offset[line, place], scale[line, place] = self.offset[rows[line]], self.scale[rows[line]]
            self._estimate(here)
            last = start + take - 1
            offset[lines, last], scale[lines, last] = self.offset[here], self.scale[here]
            done[lines] += take
        return offset, scale

    def _room(self, rows: Rows) -> Rows:
        """Readings until the next estimate: the first window that is due, then each full block."""
        count = self.open.count[rows, 0]
        first = (self.turn[rows] == 0) & (count < self.first)
        room: Rows = (np.where(first, self.first, self.block) - count).astype(np.intp)
        return room

    def _estimate(self, rows: Rows) -> None:
        """Estimate anew where a block (or the first window) is complete, and seal full blocks."""
        count = self.open.count[rows, 0]
        first = rows[(count == self.first) & (self.turn[rows] == 0)]
        if len(first):
            held = self.open.moments(first)
            self.offset[first] = held.mean
            self.scale[first] = np.maximum(held.sigma(), spread_floor(held.mean))
        full = rows[count >= self.block]
        if len(full):
            held = self.open.moments(full)
            at = self.turn[full] % BLOCKS
            self.means[full, at] = held.mean
            self.variances[full, at] = np.minimum(held.sigma() ** 2, MOST_VARIANCE)
            self.turn[full] += 1
            self.open.clear(full)
            centre = np.nanmedian(self.means[full], axis=1)
            between = MAD_TO_SIGMA * np.nanmedian(np.abs(self.means[full] - centre[:, None]), axis=1)
            within = np.nanmedian(self.variances[full], axis=1)
            self.offset[full] = centre
            self.scale[full] = np.maximum(np.sqrt(within + between**2), spread_floor(centre))
