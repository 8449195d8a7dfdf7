"""Detectors as 0.1.0 saved them, and the parts of them that are kept.

Windows, scales and open incidents are kept. The errors that 0.1.0 had learnt are not: baselines are others
now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from streamdetect.core.detector import Detector, DetectorSettings
from streamdetect.core.earlier import lengthened
from streamdetect.core.scaling import Scaling

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from streamdetect.core.reconstruction import Reconstruct

_KEPT = (
    *("time_steps", "features", "error", "min_steps", "stride", "missing", "max_gap"),
    *("max_sensors", "idle_after"),
)
_CUTTER, _BUFFER = ("windows.", "scale.", "known."), "windows.buffer"
_TIMES = {"started": "started", "last": "last", "peak_time": "peak_time", "began": "started"}


def is_earlier(settings: Mapping[str, Any]) -> bool:
    """Tell whether these are settings of 0.1.0."""
    return "threshold" in settings


def detector_of(
    settings: Mapping[str, Any], saved: Mapping[str, NDArray[Any]], reconstruct: Reconstruct
) -> Detector:
    """Return a detector that continues one saved by 0.1.0.

    Raises:
        LookupError: something is missing.
        ValueError: a column has another shape or type than it must have.
    """
    scaling = settings["scaling"]
    kept = {name: settings[name] for name in _KEPT}
    kept["scaling"] = Scaling(**scaling | {name: tuple(scaling[name]) for name in ("offset", "scale")})
    detector = Detector(DetectorSettings(**kept), reconstruct)
    rows = detector.enter([sensor.decode() for sensor in saved["sensors"].tolist()])
    state = detector.state
    cutter = {name: part for name, part in saved.items() if name.startswith(_CUTTER)}
    windows = state.cutter.windows
    cutter[_BUFFER] = lengthened(cutter[_BUFFER], windows.kept)
    state.cutter.restore(rows, cutter)
    state.judge.seen[rows] = known = np.minimum(windows.filled[rows], kept["time_steps"])
    windows.buffer[rows] *= (np.arange(windows.kept) >= windows.kept - known[:, None])[:, :, None]
    old, incidents = saved["incidents.state"], state.judge.incidents
    is_open = rows[old["open"]]
    old = old[old["open"]]
    incidents.open[is_open] = True
    cases = incidents.cases
    cases.begin(is_open, old["started"])
    at = cases.of(is_open)
    cases.critical[at], cases.anomalous[at] = old["critical"], old["windows"]
    for ours, theirs in _TIMES.items():
        getattr(cases, ours)[at] = old[theirs]
    cases.peak_score[at], cases.peak_error[at] = old["peak_score"], old["peak_error"]
    cases.peak_value[at] = np.nan
    return detector
