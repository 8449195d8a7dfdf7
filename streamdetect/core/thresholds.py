"""The limit in force for each sensor, from the errors before this one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from .columns import Columns
from .moments import BlockHistory

if TYPE_CHECKING:
    from .columns import Rows
    from .moments import Accumulator, Floats, Sums


@dataclass(frozen=True, slots=True)
class TrainingError:
    """Mean and standard deviation of the bundle's reconstruction errors on its training windows."""

    mean: float
    std: float


@dataclass(frozen=True, slots=True)
class ThresholdSettings:
    """How the threshold follows the errors. Counts are in windows."""

    sigma: float = 2.0
    history: int = 2000
    smoothing: int = 1
    min_count: int = 100
    sigma_floor: float = 0.05  # in units of the training error's std
    until_min_count: Literal["training", "silent"] = "training"
    regime_change_after: int = 500  # 0 = never


class Limits(NamedTuple):
    """What an error is held against, (U, R) each; NaN where it is not known yet."""

    mean: Floats
    sigma: Floats
    threshold: Floats


class RollingThreshold(Columns):
    """mean + kσ of the past K remembered errors of each sensor.

    σ has a floor, so that a constant error is no anomaly. Until `min_count` errors are remembered the
    training errors of the bundle stand in, or, if so set, nothing is judged.
    """

    def __init__(self, settings: ThresholdSettings, training: TrainingError) -> None:
        super().__init__()
        self.settings = settings
        self.floor = settings.sigma_floor * training.std
        known = settings.until_min_count == "training"
        self.training_mean = training.mean if known else np.nan
        self.training_sigma = max(training.std, self.floor) if known else np.nan
        self.history = BlockHistory(settings.history)

    def room(self, rows: Rows) -> Rows:
        """How many errors `ahead` can look over at once, for each row; at least 1."""
        return self.history.room(rows)

    def ahead(self, rows: Rows, errors: Floats) -> tuple[Limits, Sums]:
        """The limits before each of the errors (U, R), if all before it are remembered."""
        moments, sums = self.history.ahead(rows, errors)
        known = moments.n >= self.settings.min_count
        mean = np.where(known, moments.mean, self.training_mean)
        sigma = np.where(known, np.maximum(moments.sigma(), self.floor), self.training_sigma)
        return Limits(mean, sigma, mean + self.settings.sigma * sigma), sums

    def remember(self, rows: Rows, counts: Rows, sums: Sums) -> None:
        """Take in the first counts[u] errors of the call of `ahead` that gave the sums."""
        self.history.remember(rows, counts, sums)

    def restart(self, rows: Rows, streak: Accumulator) -> None:
        """Forget the past; what each row's streak holds is the new normal."""
        self.history.clear(rows)
        self.history.seal(rows, streak.moments(rows))

    def remembered(self, rows: Rows) -> Floats:
        """How many errors each row remembers."""
        return self.history.count(rows)
