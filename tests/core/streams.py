"""Streams of readings and a detector whose model rebuilds nothing, so that an error is a known number."""

import numpy as np
from hypothesis import strategies as st
from quick_detector import nothing, settings

from streamdetect.core.detector import Detector
from streamdetect.core.readings import Readings


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
    # Whose silence is noticed when depends on how the stream is cut; what is said of it does not.
    transitions.sort(key=lambda one: (one.time, one.sensor, one.started))
    return repr(found), repr(transitions), outcomes


def rows_of(verdicts, start=0):
    columns = (
        (verdicts.index + start).tolist(),
        verdicts.sensors,
        verdicts.times.tolist(),
        verdicts.values.tolist(),
        verdicts.errors.tolist(),
        verdicts.thresholds.tolist(),
        verdicts.means.tolist(),
        verdicts.sigmas.tolist(),
        verdicts.scores.tolist(),
        verdicts.views.tolist(),
        verdicts.expected.tolist(),
        verdicts.lower.tolist(),
        verdicts.upper.tolist(),
        verdicts.anomalous.tolist(),
        verdicts.feature_errors.tolist(),
    )
    return list(zip(*columns, strict=True))
