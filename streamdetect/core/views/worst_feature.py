"""The feature whose reconstruction error is furthest above its own past."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .baselines import Baselines, Looked, Traits
from .signals import Signal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..columns import Rows
    from ..moments import Floats
    from .base import Lesson, Stretch


class WorstFeature(Signal):
    """The largest deviation of a feature's reconstruction error, in its own standard deviations.

    A fault of one feature of many is diluted in the error of them all.
    """

    name = "worst_feature"
    view = "reconstruction"
    two_sided = False
    spread, cap = 2.0, 1.5

    def __init__(self, features: int, *, memory: float, least: int) -> None:
        super().__init__()
        ones = np.ones(features)
        traits = Traits(ones < 0, ones * self.spread, ones * 2.0, ones * self.cap)
        self.errors = Baselines(traits, memory=memory, least=least)

    def of(self, stretch: Stretch) -> Floats:
        """See Signal; width 1."""
        deviations = self.deviations(stretch)
        worst: Floats = np.fmax.reduce(deviations, axis=2)
        return worst[:, :, None]

    def deviations(self, stretch: Stretch) -> Floats:
        """Return how far (U, L, F) each feature's error is above its mean, in standard deviations."""
        return self._look(stretch).z

    def learn(self, stretch: Stretch, lesson: Lesson) -> None:
        """See Signal."""
        self.errors.learn(stretch, lesson, self._look(stretch))

    def refresh(self, rows: Rows, full: NDArray[np.bool_]) -> None:
        """See Signal."""
        self.errors.refresh(rows, full)

    def _look(self, stretch: Stretch) -> Looked:
        errors = stretch.feature_errors
        warming = np.broadcast_to(stretch.warming[:, :, None], errors.shape)
        return self.errors.look(stretch.rows, errors, errors, warming, np.zeros(errors.shape, dtype=bool))
