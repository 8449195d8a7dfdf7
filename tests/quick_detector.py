"""A detector that learns from a few readings; its model rebuilds nothing, so an error is a known number."""

from __future__ import annotations

from typing import Any

import numpy as np

from streamdetect.core.detector import DetectorSettings
from streamdetect.core.incidents import IncidentSettings
from streamdetect.core.judge_settings import JudgeSettings
from streamdetect.core.scaling import Scaling

QUICK = JudgeSettings(history=40, min_count=6, block=7, early=(2, 4), warmup=12, short=5)
_HASTY = IncidentSettings(
    consecutive=2, close_after=2, cooldown=3, close_ratio=0.9, regime_change_after=25.0, regime_readings=8
)


def nothing(windows: Any) -> Any:
    """Rebuild nothing."""
    return np.zeros_like(windows)


def settings(**changes: Any) -> DetectorSettings:
    """Return the settings of such a detector, with some changes."""
    base = {
        "time_steps": 4,
        "features": 1,
        "scaling": Scaling("none"),
        "judging": QUICK,
        "incidents": _HASTY,
        "max_gap": 30.0,
    }
    return DetectorSettings(**(base | changes))
