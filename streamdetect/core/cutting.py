"""Turn readings into the model's input: fill in what is missing, cut windows and scale them."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

import numpy as np

from .columns import Columns
from .grid import Grid
from .missing import LastKnown
from .readings import Outcome
from .scaling import SensorScale, pad, real_steps, scaled, window_scale
from .windows import Windows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .columns import Rows
    from .missing import MissingPolicy
    from .moments import Floats
    from .scaling import Scaling
    from .windows import Due

ACCEPTED, INCOMPLETE = int(Outcome.ACCEPTED), int(Outcome.INCOMPLETE)  # numpy is slow with enumerations
READINGS_AT_ONCE = 1024
"""Readings of a recording in a batch; larger batches are no faster."""


@dataclass(frozen=True, slots=True)
class CuttingSettings:
    """The settings for cutting windows."""

    time_steps: int
    features: int
    scaling: Scaling
    min_steps: int = 0  # readings from which a window is due, with a model that takes padding; 0 = T
    stride: int = 1  # a full window is due at every stride-th reading
    missing: MissingPolicy = "drop"  # what to do with a reading that lacks a feature
    max_gap: float = inf  # s; a longer pause restarts the sensor's window

    @property
    def first_steps(self) -> int:
        """Readings in a sensor's first window."""
        return self.min_steps or self.time_steps


@dataclass(slots=True)  # a frozen one takes five times as long to make
class Cut:
    """A batch of N readings after cutting: those accepted, and the M windows that they completed."""

    outcomes: NDArray[np.uint8]  # (N,)
    index: Rows  # (A,) positions of the accepted readings
    grid: Grid  # of the accepted readings, by sensor
    values: Floats  # (A, F) with what was missing filled in
    pauses: Floats  # (A,) s since the sensor's reading before; infinite before its first
    joined: Floats  # (U, K + L, F) by line of the grid: the K values before the batch, and those of the batch
    due: Rows  # (M,) which of the accepted readings completed a window
    windows: NDArray[np.float32]  # (M, T, F) scaled, PADDING before the real steps
    real: NDArray[np.bool_] | None  # (M, T, F) neither padding nor missing; None = everything is


class WindowCutter(Columns):
    """The latest readings and the scale of every sensor."""

    def __init__(self, settings: CuttingSettings, kept: int = 0) -> None:
        """Begin; at least so many readings of each sensor are kept."""
        super().__init__()
        self.settings = settings
        features, scaling, first = settings.features, settings.scaling, settings.first_steps
        self.known = LastKnown(features) if settings.missing != "drop" else None
        # What is missing travels with the values, as F more of them.
        width = 2 * features if settings.missing == "mask" else features
        self.windows = Windows(
            settings.time_steps,
            width,
            kept=kept,
            min_steps=first,
            stride=settings.stride,
            max_gap=settings.max_gap,
        )
        self.scale = SensorScale(first, features, scaling.history) if scaling.kind == "sensor" else None
        self._offset = np.array(scaling.offset or (0.0,) * features)
        self._scale = np.array(scaling.scale or (1.0,) * features)

    def cut(self, rows: Rows, times: Floats, values: Floats, outcomes: NDArray[np.uint8]) -> Cut:
        """Take in readings of these rows (N,), -1 for those that have none, and cut the windows due.

        Args:
            rows: (N,) of each reading's sensor.
            times: (N,) Unix seconds.
            values: (N, F), NaN where a feature is missing.
            outcomes: (N,) set where a reading has a row.
        """
        (index,) = (rows >= 0).nonzero()
        grid = Grid(rows[index])
        accepted = self.windows.accept(grid, times[index])
        outcomes[index] = accepted.outcomes
        pauses = accepted.pauses
        if np.count_nonzero(accepted.outcomes):
            kept = accepted.outcomes == ACCEPTED
            index, pauses = index[kept], pauses[kept]
            grid = Grid(rows[index])
        values = values.take(index, axis=0)
        missing = np.isnan(values)
        if self.known:
            values = self.known.fill(grid, values)
        if np.count_nonzero(missing):
            whole = ~np.isnan(values).any(axis=1)
            outcomes[index[~whole]] = INCOMPLETE
            index, pauses, values, missing = index[whole], pauses[whole], values[whole], missing[whole]
            grid = Grid(rows[index])
        wide = np.concatenate([values, missing], axis=1) if self.settings.missing == "mask" else values
        due = self.windows.push(grid, wide, pauses)
        windows = self._scaled(grid, values, due)
        joined = due.joined[:, :, : self.settings.features]
        return Cut(outcomes, index, grid, values, pauses, joined, due.index, windows, self._real(due))

    def _scaled(self, grid: Grid, values: Floats, due: Due) -> NDArray[np.float32]:
        """Scale the due windows for the model, (M, T, F)."""
        settings = self.settings
        raw = due.windows[:, :, : settings.features]
        if self.scale:
            laid = self.scale.advance(grid.rows, grid.lay(values), grid.counts)
            windows = scaled(raw, *(grid.read(part)[due.index, None] for part in laid))
        elif settings.scaling.kind == "window":
            windows = scaled(raw, *(part[:, None] for part in window_scale(raw, due.lengths)))
        else:
            windows = scaled(raw, self._offset, self._scale)
        if settings.min_steps:
            pad(windows, due.lengths)
        return windows

    def _real(self, due: Due) -> NDArray[np.bool_] | None:
        """Tell which values of the due windows are neither padding nor missing, (M, T, F)."""
        features, steps = self.settings.features, self.settings.time_steps
        if self.settings.missing == "mask":
            return np.asarray(
                real_steps(due.lengths, steps)[:, :, None] & (due.windows[:, :, features:] == 0)
            )
        if not self.settings.min_steps:
            return None
        return np.repeat(real_steps(due.lengths, steps)[:, :, None], features, axis=2)


def windows_of(
    values: Floats,
    time_steps: int,
    scaling: Scaling,
    *,
    times: Floats | None = None,
    max_gap: float = inf,
    stride: int = 1,
    min_steps: int = 0,
) -> NDArray[np.float32]:
    """The windows of one sensor's recording as a detector would score them.

    Args:
        values: (N, F), oldest first.
        time_steps: T.
        scaling: how raw values become the model's input.
        times: (N,) Unix seconds; by default 0, 1, 2, …
        max_gap: in seconds; a longer pause restarts the window.
        stride: every stride-th window.
        min_steps: readings from which a window counts, with padding before them; 0 = T.

    Returns:
        (M, T, F) scaled.
    """
    cutter = WindowCutter(
        CuttingSettings(
            time_steps, values.shape[1], scaling, min_steps=min_steps, stride=stride, max_gap=max_gap
        )
    )
    cutter.resize(1)
    times = np.arange(len(values), dtype=np.float64) if times is None else times
    parts = [
        cutter.cut(
            np.zeros(len(part), dtype=np.intp),
            times[part],
            values[part],
            np.zeros(len(part), dtype=np.uint8),
        ).windows
        for part in np.array_split(np.arange(len(values)), len(values) // READINGS_AT_ONCE + 1)
    ]
    return np.concatenate(parts)
