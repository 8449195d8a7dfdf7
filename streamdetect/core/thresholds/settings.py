"""What the user chooses of a threshold, and what the bundle knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ThresholdKind = Literal["rolling", "ewma", "robust", "quantile", "pot", "training", "fixed"]


@dataclass(frozen=True, slots=True)
class TrainingError:
    """Mean and standard deviation of the bundle's reconstruction errors on its training windows."""

    mean: float
    std: float


@dataclass(frozen=True, slots=True)
class ThresholdSettings:
    """How the threshold follows the errors. Counts are in windows.

    kind "rolling": mean + sigma standard deviations of the past `history` errors. "ewma": the same,
    exponentially weighted with span `history`. "robust": median + sigma times the scaled MAD. "quantile":
    that quantile of the past errors. "pot": the error exceeded with probability `risk`, by a generalised
    Pareto fit of the peaks over the 98 % quantile. "training": mean + sigma standard deviations of the
    training errors. "fixed": `level`.
    """

    kind: ThresholdKind = "rolling"
    sigma: float = 2.0
    history: int = 500
    smoothing: int = 5
    min_count: int = 100
    sigma_floor: float = 0.2  # in units of the training error's std
    guard: float = 8.0  # an anomalous error is remembered as mean + guard sigma at most; 0 = not at all
    until_min_count: Literal["training", "silent"] = "training"
    regime_change_after: int = 500  # 0 = never
    level: float = 1.0
    quantile: float = 0.995
    risk: float = 1e-4
