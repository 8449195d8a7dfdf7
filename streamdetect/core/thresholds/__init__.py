"""The limit in force for each sensor, from the errors before this one: one file a family."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .base import Limits, Threshold
from .constant import ConstantThreshold
from .ewma import EwmaThreshold
from .rolling import RollingThreshold
from .sampled import PotThreshold, QuantileThreshold, RobustThreshold
from .settings import ThresholdKind, ThresholdSettings, TrainingError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Limits", "Threshold", "ThresholdKind", "ThresholdSettings", "TrainingError", "make_threshold"]

_KINDS: Mapping[ThresholdKind, type[Threshold]] = {
    "rolling": RollingThreshold,
    "ewma": EwmaThreshold,
    "robust": RobustThreshold,
    "quantile": QuantileThreshold,
    "pot": PotThreshold,
    "training": ConstantThreshold,
    "fixed": ConstantThreshold,
}


def make_threshold(settings: ThresholdSettings, training: TrainingError) -> Threshold:
    """The threshold of the kind asked for."""
    return _KINDS[settings.kind](settings, training)
