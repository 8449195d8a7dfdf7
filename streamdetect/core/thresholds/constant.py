"""Limits that no error moves: the training errors', or a number."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from .base import Limits, Threshold

if TYPE_CHECKING:
    from ..columns import Rows
    from ..moments import Accumulator, Floats
    from .settings import ThresholdSettings, TrainingError

FAR = np.iinfo(np.intp).max // 2


class ConstantThreshold(Threshold):
    """kind "training": mean + kσ of the training errors; kind "fixed": a number, with no mean and σ."""

    adapts: ClassVar[bool] = False

    def __init__(self, settings: ThresholdSettings, training: TrainingError) -> None:
        super().__init__(settings, training)
        sigma = max(training.std, self.floor)
        if settings.kind == "fixed":
            self.limits = np.nan, np.nan, settings.level
        else:
            self.limits = training.mean, sigma, training.mean + settings.sigma * sigma

    def now(self, rows: Rows) -> Limits:
        """The same for all."""
        return Limits(*(np.full(len(rows), limit) for limit in self.limits))

    def append(self, rows: Rows, errors: Floats) -> None:
        """Nothing is remembered."""

    def room(self, rows: Rows) -> Rows:
        """As many as there are."""
        return np.full(len(rows), FAR)

    def ahead(self, rows: Rows, errors: Floats) -> tuple[Limits, None]:  # noqa: ARG002 - the same for all
        """See Threshold."""
        return Limits(*(np.full(errors.shape, limit) for limit in self.limits)), None

    def remember(self, rows: Rows, counts: Rows, looked: None) -> None:
        """Nothing is remembered."""

    def restart(self, rows: Rows, streak: Accumulator) -> None:
        """Nothing was remembered."""

    def remembered(self, rows: Rows) -> Floats:
        """As many as it takes."""
        return np.full(len(rows), float(self.settings.min_count))
