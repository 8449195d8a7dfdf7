"""Signals: values that are held against baselines of their own. One class a view; see `Baselines`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from .base import Learner

if TYPE_CHECKING:
    from ..moments import Floats
    from .base import Stretch

LEAST_ERROR = 3e-3
"""Errors are judged by their logarithm; this keeps that of a perfect reconstruction finite."""


class Signal(Learner, ABC):
    """A value of a view that has a baseline of its own."""

    name: ClassVar[str]
    view: ClassVar[str]
    """The view it belongs to; of several signals of one view, the largest gives the score."""
    two_sided: ClassVar[bool] = True
    """True if too low is as anomalous as too high."""
    spread: ClassVar[float] = 3.0
    """Standard deviations of the block maxima by which the limit is above their mean."""
    cap: ClassVar[float] = np.inf
    """A block maximum counts as at most so many times the limit."""

    by_day: ClassVar[bool] = False
    """True if about the time of day: its warm-up begins on the second day, and it judges nothing in it."""

    @abstractmethod
    def of(self, stretch: Stretch) -> Floats:
        """The signal (U, L, width) of each reading; NaN where there is none yet. Nothing is remembered."""

    def near(self, stretch: Stretch) -> Floats | None:
        """Return the same over fewer readings, (U, L, width), to tell whether a deviation is still there."""


class Reconstruction(Signal):
    """The logarithm of the reconstruction error."""

    name = view = "reconstruction"
    two_sided = False
    spread, cap = 2.0, 1.5

    def of(self, stretch: Stretch) -> Floats:
        """See Signal; width 1."""
        return log_error(stretch.errors)[:, :, None]


class Level(Signal):
    """The mean of a few values: a spike or another level."""

    name = view = "level"

    def of(self, stretch: Stretch) -> Floats:
        """See Signal; width F."""
        return stretch.level


class Trend(Signal):
    """The mean of many values: a drift too slow for `level`, or a shift too small."""

    name = view = "trend"

    def of(self, stretch: Stretch) -> Floats:
        """See Signal; width F."""
        return stretch.trend

    def near(self, stretch: Stretch) -> Floats:
        """See Signal."""
        return stretch.level


def log_error(errors: Floats) -> Floats:
    """The logarithm by which reconstruction errors are judged."""
    return np.log(errors + LEAST_ERROR)
