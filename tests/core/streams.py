"""Streams of readings and a detector whose model rebuilds nothing, so that an error is a known number."""

import numpy as np
from hypothesis import strategies as st

from streamdetect.core.detector import Detector, DetectorSettings
from streamdetect.core.incidents import IncidentSettings
from streamdetect.core.readings import Readings
from streamdetect.core.scaling import Scaling
from streamdetect.core.thresholds import ThresholdSettings, TrainingError


def nothing(windows):
    return np.zeros_like(windows)


def settings(**changes):
    base = {
        "time_steps": 4,
        "features": 1,
        "scaling": Scaling("none"),
        "training_error": TrainingError(0.5, 0.2),
        "threshold": ThresholdSettings(history=40, min_count=6, regime_change_after=12, smoothing=3),
        "incidents": IncidentSettings(
            consecutive=2, evidence=3.0, close_after=2, cooldown=3, close_ratio=0.9
        ),
        "max_gap": 30.0,
    }
    return DetectorSettings(**(base | changes))


def detector(**changes):
    return Detector(settings(**changes), nothing)


@st.composite
def streams(draw, sensors=4, most=120):
    """A stream with repeats, late readings, gaps, spikes and shifts."""
    size = draw(st.integers(1, most))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    ids = [f"s{at}" for at in rng.integers(0, draw(st.integers(1, sensors)), size)]
    steps = rng.choice([0.0, 1.0, 1.0, 1.0, 2.0, -3.0, 40.0], size, p=[0.05, 0.3, 0.3, 0.2, 0.1, 0.03, 0.02])
    values = rng.normal(size=(size, 1)) + 20.0 * (rng.random((size, 1)) < 0.05)
    if draw(st.booleans()):
        values[size // 2 :] += 10.0
    return Readings(ids, 1e9 + np.cumsum(steps), values)


def cut(readings, start, stop):
    return Readings(readings.sensors[start:stop], readings.times[start:stop], readings.values[start:stop])


def process_in(detector, readings, sizes):
    """Process in batches of these sizes, over and over: verdicts, transitions and outcomes as plain lists."""
    found, transitions, outcomes = [], [], []
    start = turn = 0
    while start < len(readings.times):
        size = sizes[turn % len(sizes)]
        verdicts = detector.process(cut(readings, start, start + size))
        found.extend(rows_of(verdicts, start))
        transitions.extend(verdicts.transitions)
        outcomes.extend(verdicts.outcomes.tolist())
        start, turn = start + size, turn + 1
    return found, transitions, outcomes


def rows_of(verdicts, start=0):
    columns = (
        (verdicts.index + start).tolist(),
        verdicts.sensors,
        verdicts.times.tolist(),
        np.nan_to_num(verdicts.values, nan=-1.0).tolist(),
        verdicts.errors.tolist(),
        np.nan_to_num(verdicts.thresholds, nan=-1.0).tolist(),
        np.nan_to_num(verdicts.means, nan=-1.0).tolist(),
        np.nan_to_num(verdicts.sigmas, nan=-1.0).tolist(),
        verdicts.anomalous.tolist(),
        verdicts.feature_errors.tolist(),
    )
    return list(zip(*columns, strict=True))
