"""Replace a detector by one with another model, and keep what is known of the sensors.

Values, times and incidents mean the same whatever the model. What was learnt of reconstruction errors does
not: another model has other errors. So each sensor's errors are learnt afresh, and all else stays in force.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .earlier import BUFFER, lengthened
from .scaling import SensorScale

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .detector import Detector, DetectorSettings

    Saved = dict[str, NDArray[Any]]

_FILLED = "cutter.windows.filled"
_SCALE = "cutter.scale."


def succeed(detector: Detector, before: Detector) -> None:
    """Take in the sensors of a detector with another model, and learn their reconstruction errors afresh.

    A window that is longer now fills up from what is there, as does the scale of a sensor if it is found in
    another way: until then the model does not judge.

    Raises:
        ValueError: what is known means something else under the new settings.
    """
    was, now = before.settings, detector.settings
    for name in ("features", "missing"):
        if getattr(was, name) != getattr(now, name):
            raise ValueError(f"{name}: must be {getattr(was, name)}, got {getattr(now, name)}")
    if was.judging.shape != now.judging.shape:
        raise ValueError(f"threshold: must stay of its kind, as {was.judging.shape}, got {now.judging.shape}")
    saved = before.snapshot()
    saved[BUFFER] = lengthened(saved[BUFFER], detector.state.cutter.windows.kept)
    if now.time_steps > was.time_steps:  # as many are filled as there are
        saved[_FILLED] = np.minimum(saved[_FILLED], was.time_steps)
    _rescale(saved, was, now)
    detector.restore(saved | {"made_with": np.array(detector.shape)})
    detector.state.judge.forget_errors(detector.sensors.rows())


def _rescale(saved: Saved, was: DetectorSettings, now: DetectorSettings) -> None:
    """Keep scales of sensors that are found in the same way; others begin anew, and so do their windows."""
    old = {name: saved.pop(name) for name in list(saved) if name.startswith(_SCALE)}
    if now.scaling.kind != "sensor":
        return
    rows = np.arange(len(saved[_FILLED]))
    fresh = _scale(now)
    fresh.resize(len(rows))
    columns = {f"{_SCALE}{name}": part for name, part in fresh.snapshot(rows).items()}
    unknown = np.ones(len(rows), dtype=bool)
    if was.scaling == now.scaling and _scale(was).block == fresh.block:
        np.isnan(old[f"{_SCALE}offset"]).any(axis=1, out=unknown)
        for name, part in columns.items():
            part[~unknown] = old[name][~unknown]
    saved |= columns
    saved[_FILLED] = np.where(unknown, 0, saved[_FILLED])


def _scale(settings: DetectorSettings) -> SensorScale:
    return SensorScale(settings.cutting.first_steps, settings.features, settings.scaling.history)
