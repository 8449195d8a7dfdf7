"""Detectors at work and streams for the tests of the store."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import orjson
import quick_detector
from hypothesis import strategies as st
from quick_detector import QUICK, nothing

from streamdetect.core.detector import Detector, DetectorSettings
from streamdetect.core.readings import Readings
from streamdetect.core.rules import Rule
from streamdetect.core.scaling import Scaling
from streamdetect.service.pipeline import _intake
from streamdetect.store import DetectorState, Event, Eviction, Intake, Queued

if TYPE_CHECKING:
    from pathlib import Path

VARIANTS = {
    "none": {},
    "sensor": {"scaling": Scaling("sensor", history=64)},
    "affine": {"scaling": Scaling("affine", (1.0,), (2.0,)), "stride": 2},
    "fixed": {"judging": replace(QUICK, level=0.5)},
    "rules": {"rules": (Rule(low=(-1.0,), high=(1.0,)), Rule("s1", views=("level",), silent_after=5.0))},
    "short": {"min_steps": 2},
    **{f"two features, {policy}": {"features": 2, "missing": policy} for policy in ("drop", "hold", "mask")},
}


def an_event(number, padding=0) -> Event:
    """An event with what the log reads of it."""
    data = {"severity": "warning", "message": f"sensor {number}", "padding": "x" * padding}
    payload = orjson.dumps({"type": "io.streamdetect.anomaly.opened", "data": data})
    return Event(f"id{number}", "lab", f"sensor{number}", payload)


def queued(number, padding=0) -> Queued:
    """The same in the outbox, for the broker."""
    return Queued("mqtt", number, an_event(number, padding), 1e9)


def detector_settings(**changes) -> DetectorSettings:
    return quick_detector.settings(**({"max_sensors": 5, "idle_after": 60.0} | changes))


class Live:
    """A detector at work, and what a daemon would journal of it."""

    def __init__(self, name="lab", bundle="0123456789abcdef", **changes) -> None:
        self.state = DetectorState(
            name, bundle, ("value",), Detector(detector_settings(**changes), nothing), {}, {}, bundle
        )

    @property
    def detector(self) -> Detector:
        return self.state.detector

    def feed(self, readings: Readings) -> Intake | None:
        """Take readings in as the pipeline does; two features are made of one, some missing."""
        if self.detector.settings.features == 2:
            values = np.concatenate([readings.values, readings.values[::-1]], axis=1)
            values[(values * 1e6).astype(np.int64) % 5 == 0] = np.nan
            readings = Readings(readings.sensors, readings.times, values)
        pushed = self.detector.push(readings)
        errors, by_feature = self.detector.score(pushed)
        self.detector.judge(pushed, errors, by_feature)
        return _intake(self.state.name, pushed, (errors, by_feature), {})

    def evict(self, idle_before: float) -> Eviction:
        self.detector.evict(idle_before)
        return Eviction(self.state.name, idle_before)


def held(detector: Detector) -> dict[str, np.ndarray]:
    """The detector's columns, without the base of sums in which there is nothing: it has no meaning."""
    columns = detector.snapshot()
    for name, base in columns.items():
        if name.endswith(".base"):
            base[columns[name.removesuffix("base") + "count"] == 0] = 0.0
    return columns


def same(one: Detector, other: Detector) -> bool:
    """Tell whether two detectors hold the same to the last bit."""
    mine, theirs = held(one), held(other)
    return mine.keys() == theirs.keys() and all(
        mine[name].dtype == theirs[name].dtype and mine[name].tobytes() == theirs[name].tobytes()
        for name in mine
    )


def copy_of(directory: Path, target: Path) -> Path:
    """The files as a kill at this moment would leave them."""
    target.mkdir(parents=True)
    for path in directory.iterdir():
        shutil.copy(path, target / path.name)
    return target


@st.composite
def batches(draw, most=12, sensors=7):
    """Batches with repeats, late readings, gaps, spikes, and more sensors than there is room for."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    clock = 1e9
    made = []
    for _ in range(draw(st.integers(1, most))):
        size = int(rng.integers(1, 40))
        ids = [f"s{at}" for at in rng.integers(0, int(rng.integers(1, sensors + 1)), size)]
        steps = rng.choice([0.0, 1.0, 1.0, 2.0, -3.0, 45.0], size, p=[0.1, 0.35, 0.35, 0.1, 0.05, 0.05])
        times = clock + np.cumsum(steps)
        clock = float(times[-1])
        values = rng.normal(size=(size, 1)) + 20.0 * (rng.random((size, 1)) < 0.05)
        made.append(Readings(ids, times, values))
    return made
