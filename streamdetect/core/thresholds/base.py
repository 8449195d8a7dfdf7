"""What every threshold does: tell its limits ahead, and remember what turned out to be normal."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from ..columns import Columns

if TYPE_CHECKING:
    from ..columns import Rows
    from ..moments import Accumulator, Floats
    from .settings import ThresholdSettings, TrainingError


class Limits(NamedTuple):
    """What errors are held against, (U,) or (U, R) each; NaN where it is not known (yet)."""

    mean: Floats
    sigma: Floats
    threshold: Floats


class Threshold(Columns, ABC):
    """The limit in force for each sensor.

    Until `min_count` errors are remembered, the training errors of the bundle stand in or, if so set,
    nothing is judged. The standard deviation has a floor, so that a constant error is no anomaly.
    """

    adapts: ClassVar[bool] = True
    """Whether it learns from errors; only then is there a regime to change."""

    def __init__(self, settings: ThresholdSettings, training: TrainingError) -> None:
        super().__init__()
        self.settings = settings
        self.floor = settings.sigma_floor * training.std
        known = settings.until_min_count == "training"
        self.training_mean = training.mean if known else np.nan
        self.training_sigma = max(training.std, self.floor) if known else np.nan

    @abstractmethod
    def now(self, rows: Rows) -> Limits:
        """The limits in force, (U,) each."""

    @abstractmethod
    def append(self, rows: Rows, errors: Floats) -> None:
        """Remember one error (U,) of each row."""

    @abstractmethod
    def room(self, rows: Rows) -> Rows:
        """How many errors `ahead` can look over at once, (U,); at least 1."""

    @abstractmethod
    def ahead(self, rows: Rows, errors: Floats) -> tuple[Limits, Any]:
        """The limits before each of the errors (U, R), if all before it are remembered.

        The errors fit the room of each row, or are NaN beyond it. What comes beside the limits is for
        `remember`.
        """

    @abstractmethod
    def remember(self, rows: Rows, counts: Rows, looked: Any) -> None:  # noqa: ANN401 - each kind's own
        """Take in the first counts[u] errors of the call of `ahead` that gave `looked`."""

    @abstractmethod
    def restart(self, rows: Rows, streak: Accumulator) -> None:
        """Forget the past of these rows; what their streak holds is the new normal."""

    @abstractmethod
    def remembered(self, rows: Rows) -> Floats:
        """How many errors each row remembers, (U,)."""

    def warm(self, rows: Rows) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Rows that have a threshold of their own, (U,)."""
        return np.asarray(self.remembered(rows) >= self.settings.min_count)
