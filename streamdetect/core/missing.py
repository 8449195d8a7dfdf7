"""Readings with a missing feature: filled with the last value, masked or left out; never taken for 0."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from .columns import Columns

if TYPE_CHECKING:
    from .grid import Grid
    from .moments import Floats

MissingPolicy = Literal["drop", "hold", "mask"]
"""The treatment of a reading with a missing feature.

"drop": the reading is left out. "hold": the feature keeps its last value. "mask": the model sees the last
value, and the feature does not count in the error at that step.
"""


class LastKnown(Columns):
    """The value that each feature of each sensor last had."""

    latest: Floats  # (S, F); NaN before the first

    def __init__(self, features: int) -> None:
        super().__init__()
        self.column("latest", np.float64, np.nan, (features,))

    def fill(self, grid: Grid, values: Floats) -> Floats:
        """Fill in the missing values of readings (N, F); NaN is left where no value was known yet."""
        laid = grid.lay(values, np.nan)  # (U, L, F)
        joined = np.concatenate([self.latest[grid.rows][:, None], laid], axis=1)
        place = np.where(np.isnan(joined), 0, np.arange(joined.shape[1])[:, None])
        np.maximum.accumulate(place, axis=1, out=place)
        filled = np.take_along_axis(joined, place, axis=1)
        self.latest[grid.rows] = filled[np.arange(len(grid.rows)), grid.counts]
        return np.asarray(grid.read(filled[:, 1:]))
