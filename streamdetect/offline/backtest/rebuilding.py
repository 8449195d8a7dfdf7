"""Chosen windows of a recording beside their reconstructions, in the sensor's own units."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streamdetect.core.cutting import READINGS_AT_ONCE
from streamdetect.core.detector import Detector
from streamdetect.core.readings import Readings
from streamdetect.core.scaling import real_steps, window_scale

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from streamdetect.core.verdicts import Pushed
    from streamdetect.offline.backtest.choosing import Choice
    from streamdetect.offline.backtest.results import SensorResult
    from streamdetect.offline.recordings import Recording

    Floats = NDArray[np.float64]


class Rebuilt(NamedTuple):
    """One window of T readings and its reconstruction."""

    recording: Recording
    why: str
    time: float
    """Unix seconds of its newest reading."""
    error: float
    threshold: float
    """NaN = not known yet."""
    readings: Floats
    """(T, F) NaN where there is none: padding, or a feature that is missing."""
    reconstruction: Floats
    """(T, F) NaN where there is padding."""


class _Window(NamedTuple):
    scaled: NDArray[np.float32]  # (T, F) as the model sees it
    readings: Floats  # (T, F)
    padding: NDArray[np.bool_]  # (T,)
    offset: Floats  # (F,) to undo the scaling
    scale: Floats  # (F,)


def rebuild(detector: Detector, result: SensorResult, choices: Sequence[Choice]) -> list[Rebuilt]:
    """Cut the chosen windows once more and let the model rebuild them.

    Args:
        detector: Gave these verdicts; its settings and its model are used, and its state stays as it is.
        result: Made by a detector that had not known the sensor before.
        choices: Of the result's windows, oldest first.
    """
    if not choices:
        return []
    windows = _cut(Detector(detector.settings, detector.reconstruct), result, choices)
    made = detector.reconstruct(np.stack([window.scaled for window in windows]))
    return [
        Rebuilt(
            recording=result.recording,
            why=choice.why,
            time=float(result.times[choice.at]),
            error=float(result.errors[choice.at]),
            threshold=float(result.thresholds[choice.at]),
            readings=window.readings,
            reconstruction=np.where(window.padding[:, None], np.nan, rebuilt * window.scale + window.offset),
        )
        for choice, window, rebuilt in zip(choices, windows, made, strict=True)
    ]


def _cut(fresh: Detector, result: SensorResult, choices: Sequence[Choice]) -> list[_Window]:
    """Feed the recording again, and stop at each window that was chosen."""
    recording = result.recording
    windows = []
    start = 0
    for choice in choices:
        stop = int(result.index[choice.at]) + 1
        for part in range(start, stop, READINGS_AT_ONCE):
            rows = slice(part, min(part + READINGS_AT_ONCE, stop))
            times = recording.times[rows]
            pushed = fresh.push(Readings([recording.sensor] * len(times), times, recording.values[rows]))
        windows.append(_latest(fresh, pushed))
        start = stop
    return windows


def _latest(detector: Detector, pushed: Pushed) -> _Window:
    """The window that was due last, and how it was scaled."""
    settings, state, row = detector.settings, detector.state.cutter, pushed.cut.grid.rows[-1]
    raw = state.windows.buffer[row, -settings.time_steps :, : settings.features].copy()
    length = np.minimum(state.windows.filled[[row]], settings.time_steps)
    if state.scale:
        offset, scale = state.scale.offset[row].copy(), state.scale.scale[row].copy()
    elif settings.scaling.kind == "window":
        offset, scale = (part[0] for part in window_scale(raw[None], length))
    else:
        none = settings.scaling.kind == "none"
        offset = np.zeros(settings.features) if none else np.array(settings.scaling.offset)
        scale = np.ones(settings.features) if none else np.array(settings.scaling.scale)
    padding = ~real_steps(length, settings.time_steps)[0]
    unreal = padding[:, None] if pushed.real is None else ~pushed.real[-1]
    return _Window(pushed.windows[-1], np.where(unreal, np.nan, raw), padding, offset, scale)
