"""A state directory that 0.1.0 left goes on: its sensors, windows, open incident, undelivered event.

`from_0_1_0` was written by the code of 0.1.0 with the configuration beside it: 300 readings of each of two
sensors, a snapshot in between, an incident open and its event undelivered. `expected.json` has the readings
that came next and what 0.1.0 made of them. What it had learnt of errors does not go on: baselines are others.
"""

from __future__ import annotations

import json
import shutil
from math import inf, isfinite
from pathlib import Path

import numpy as np
import pytest
from lab import detector_settings

from streamdetect.config import parse
from streamdetect.core.detector import Detector
from streamdetect.core.readings import Readings
from streamdetect.mqtt.inbox import Message
from streamdetect.service.daemon import Daemon
from streamdetect.store.earlier import detector_of, is_earlier

OLD = Path(__file__).with_name("from_0_1_0")
EXPECTED = json.loads((OLD / "expected.json").read_text())


@pytest.fixture
def daemon(tmp_path):
    """A daemon of today on a copy of that directory; it is not connected to anything."""
    shutil.copytree(OLD, tmp_path / "state")
    text = (OLD / "config.yaml").read_text().replace("evidence: 0.0, ", "").replace("smoothing: 3, ", "")
    made = Daemon(parse(f"{text}state: {{directory: {tmp_path / 'state'}}}\nmetrics: {{enabled: false}}\n"))
    yield made
    made._store.close()


def one(sensor, times, values):
    return Readings([sensor] * len(times), np.array(times, float), np.array(values, float)[:, None])


def message(time, sensor, value):
    payload = json.dumps({"value": value, "time": time}).encode()
    return Message(f"plant/{sensor}", payload, qos=1, mid=1, generation=1, arrival=time, retain=False)


def test_nothing_is_set_aside_and_nothing_is_lost(daemon, tmp_path):
    assert not list((tmp_path / "state").glob("*.set-aside-*"))
    assert len(daemon.pipeline.assemblies[0].detector) == 2
    assert len(daemon.outbox) == len(EXPECTED["undelivered"])
    assert daemon.lineup.restarted == 0


def test_its_windows_go_on(daemon):
    readings, errors = EXPECTED["readings"], []
    for start in range(0, len(readings), 50):
        done = daemon.pipeline.process([message(*one) for one in readings[start : start + 50]])
        for _, batch in done.verdicts:
            errors += batch.errors.tolist()
    assert len(errors) == len(readings)
    assert all(map(isfinite, errors))  # every window was full from the first reading on


def test_an_incident_that_it_had_open_goes_on_as_the_same_one():
    kept = Detector(detector_settings(time_steps=2), np.zeros_like)
    kept.process(one("a", [0, 1, 2], [1, 2, 3]))
    columns = {name.removeprefix("cutter."): part for name, part in kept.snapshot().items()}
    fields = ["open", "critical", "windows", "started", "last", "peak_error", "peak_score", "peak_time"]
    state = np.zeros(1, [(name, "?" if name in fields[:2] else "f8") for name in fields])
    state[0] = True, True, 4, 0.5, 1.5, 9.0, 3.0, 1.0
    settings = {"threshold": {}, "scaling": {"kind": "none", "offset": [], "scale": [], "history": 2048}}
    settings |= {
        "time_steps": 2,
        "features": 1,
        "error": "mae",
        "min_steps": 0,
        "stride": 1,
        "missing": "drop",
    }
    settings |= {"max_gap": inf, "max_sensors": 10, "idle_after": inf}
    assert is_earlier(settings)
    again = detector_of(settings, columns | {"incidents.state": state}, np.zeros_like)
    (closed,) = again.evict(inf)
    assert (closed.kind, closed.started, closed.ended, closed.severity) == ("closed", 0.5, 1.5, "critical")
    assert (closed.peak_score, closed.windows, closed.value) == (3.0, 4, (3.0,))
