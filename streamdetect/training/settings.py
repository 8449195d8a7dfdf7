"""The settings of a training, with their defaults."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Literal, get_args

from streamdetect.bundles.architecture import Architecture
from streamdetect.bundles.manifest import MAX_TIME_STEPS
from streamdetect.core.reconstruction import ErrorMetric
from streamdetect.errors import ConfigError, Problem
from streamdetect.training import architectures

if TYPE_CHECKING:
    from collections.abc import Iterator

Scaler = Literal["none", "minmax", "standard", "robust", "sensor", "window"]
Loss = Literal["mse", "mae"]
SCALERS: tuple[Scaler, ...] = get_args(Scaler)
LOSSES: tuple[Loss, ...] = get_args(Loss)
ERRORS: tuple[ErrorMetric, ...] = get_args(ErrorMetric)


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """The settings of a training.

    Attributes:
        architecture: what is trained.
        time_steps: readings in a window.
        min_steps: readings from which a window that is not full is judged, `masked` only; 0 = half of
            time_steps with `masked`, full windows with the others.
        scaler: how raw values become the model's input. "minmax" (to 0..1), "standard" (mean and standard
            deviation) and "robust" (median and interquartile range) are fitted on all the series, per
            feature; "sensor" follows each sensor's own past; "window" takes mean and standard deviation
            of the window itself.
        scaler_history: past readings that "sensor" looks back on.
        error: the reconstruction error, of training and live.
        loss: what the fit makes small.
        learning_rate: of Adam.
        epochs: at most.
        batch_size: windows per step.
        validation_split: share of each series' windows, the latest, that is held out of the fit.
        shuffle: the windows, before each epoch.
        patience: epochs without a better held-out loss (the loss itself, when nothing is held out) after
            which the fit stops and takes its best weights; 0 = never.
        seed: of the weights, the dropout and the shuffling.
        stride: readings from one window to the next.
        max_gap: seconds; a longer gap between two readings restarts the window.

    Raises:
        ConfigError: values are out of their ranges; names them all.
    """

    architecture: Architecture = field(default_factory=Architecture)
    time_steps: int = 20
    min_steps: int = 0
    scaler: Scaler = "standard"
    scaler_history: int = 2048
    error: ErrorMetric = "mae"
    loss: Loss = "mse"
    learning_rate: float = 1e-3
    epochs: int = 50
    batch_size: int = 32
    validation_split: float = 0.1
    shuffle: bool = True
    patience: int = 5
    seed: int = 0
    stride: int = 1
    max_gap: float = inf

    def __post_init__(self) -> None:
        problems = list(self._problems())
        if problems:
            raise ConfigError(problems)

    @property
    def least_steps(self) -> int:
        """Readings from which a window is judged; 0 = full windows only."""
        return self.min_steps or ((self.time_steps + 1) // 2 if self.architecture.name == "masked" else 0)

    @property
    def first_steps(self) -> int:
        """Readings that a series' first window has."""
        return self.least_steps or self.time_steps

    def _problems(self) -> Iterator[Problem]:
        yield from architectures.problems(self.architecture)
        for name, choices in (("scaler", SCALERS), ("error", ERRORS), ("loss", LOSSES)):
            if getattr(self, name) not in choices:
                yield Problem(name, f"must be one of {', '.join(choices)}", repr(getattr(self, name)))
        for name, least, most in (
            ("time_steps", 1, MAX_TIME_STEPS),
            ("min_steps", 0, self.time_steps),
            ("scaler_history", 1, inf),
            ("epochs", 1, inf),
            ("batch_size", 1, inf),
            ("patience", 0, inf),
            ("seed", 0, 2**32 - 1),
            ("stride", 1, inf),
        ):
            if not least <= getattr(self, name) <= most:
                limits = f"from {least} to {most}" if most < inf else f">= {least}"
                yield Problem(name, f"must be {limits}", str(getattr(self, name)))
        if self.min_steps and self.architecture.name != "masked":
            yield Problem("min_steps", "is for the architecture masked", str(self.min_steps))
        if not 0 < self.learning_rate < inf:
            yield Problem("learning_rate", "must be > 0", str(self.learning_rate))
        if not 0 <= self.validation_split < 1:
            yield Problem("validation_split", "must be in [0, 1)", str(self.validation_split))
        if not self.max_gap > 0:
            yield Problem("max_gap", "must be > 0", str(self.max_gap))
