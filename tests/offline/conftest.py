from __future__ import annotations

import numpy as np
import pytest

from streamdetect.core.detector import Detector, DetectorSettings
from streamdetect.core.incidents import IncidentSettings
from streamdetect.core.judge_settings import JudgeSettings
from streamdetect.core.rules import Rule
from streamdetect.core.scaling import Scaling
from streamdetect.offline.recordings import Recording

# Judges each error by itself, so that what opens and closes an incident can be told from the readings.
HASTY = {"level": 0.5}


@pytest.fixture(scope="session")
def make_recording():
    def make(values, *, sensor="pump", times=None, labels=None, features=None):
        values = np.asarray(values, dtype=np.float64)
        values = values if values.ndim > 1 else values[:, None]
        times = (
            np.arange(len(values), dtype=np.float64) + 1.7e9 if times is None else np.asarray(times, float)
        )
        features = features or tuple(f"f{place}" for place in range(values.shape[1]))
        labels = None if labels is None else np.asarray(labels, dtype=bool)
        return Recording(sensor, sensor, times, values, features, labels)

    return make


@pytest.fixture(scope="session")
def make_detector():
    """A detector that rebuilds every window as its mean: the error is how much a window moves."""

    def make(features=1, time_steps=4, incidents=None, **judging):
        settings = DetectorSettings(
            time_steps=time_steps,
            features=features,
            scaling=Scaling("none"),
            judging=JudgeSettings(**{**HASTY, **judging}),
            incidents=incidents or IncidentSettings(excess=0.0, close_after=1),
            rules=(Rule(views=("reconstruction",)),),
        )
        return Detector(
            settings, lambda windows: np.broadcast_to(windows.mean(1, keepdims=True), windows.shape)
        )

    return make


@pytest.fixture
def spiked(make_recording):
    """300 readings of small noise with a spike at 100 and a level shift at 200..209, labelled."""
    values = np.random.default_rng(1).normal(0.0, 0.1, 300)
    labels = np.zeros(300, dtype=bool)
    values[100] += 10
    values[200:210] += 7
    labels[100] = labels[200:210] = True
    return make_recording(values, labels=labels)
