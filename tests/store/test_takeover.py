"""A state directory that 0.1.0 left goes on: its sensors, its open incident, its undelivered event.

`from_0_1_0` was written by the code of 0.1.0 with the configuration beside it: 300 readings of each of two
sensors, a snapshot in between, an incident open and its event undelivered. `expected.json` has the readings
that came next and what 0.1.0 made of them.
"""

from __future__ import annotations

import json
import shutil
from math import isnan
from pathlib import Path

import pytest

from streamdetect.config import parse
from streamdetect.mqtt.inbox import Message
from streamdetect.service.daemon import Daemon

OLD = Path(__file__).with_name("from_0_1_0")
EXPECTED = json.loads((OLD / "expected.json").read_text())


@pytest.fixture
def daemon(tmp_path):
    """A daemon of today on a copy of that directory; it is not connected to anything."""
    shutil.copytree(OLD, tmp_path / "state")
    text = (OLD / "config.yaml").read_text()
    made = Daemon(parse(f"{text}state: {{directory: {tmp_path / 'state'}}}\nmetrics: {{enabled: false}}\n"))
    yield made
    made._store.close()


def message(time, sensor, value):
    payload = json.dumps({"value": value, "time": time}).encode()
    return Message(f"plant/{sensor}", payload, qos=1, mid=1, generation=1, arrival=time, retain=False)


def test_nothing_is_set_aside_and_nothing_is_lost(daemon, tmp_path):
    assert not list((tmp_path / "state").glob("*.set-aside-*"))
    assert len(daemon.pipeline.assemblies[0].detector) == 2
    assert len(daemon.outbox) == len(EXPECTED["undelivered"])
    assert daemon.lineup.restarted == 0


def test_the_verdicts_are_those_that_0_1_0_went_on_with(daemon):
    readings, found = EXPECTED["readings"], []
    for start in range(0, len(readings), 50):
        done = daemon.pipeline.process([message(*one) for one in readings[start : start + 50]])
        for _, batch in done.verdicts:
            columns = batch.sensors, batch.times, batch.errors, batch.thresholds, batch.anomalous
            for sensor, time, error, threshold, anomalous in zip(*columns, strict=True):
                known = None if isnan(threshold) else float(threshold)
                found.append([sensor, float(time), float(error), known, bool(anomalous)])
        found.extend(["event", event.id] for event in done.events)
    assert found == EXPECTED["after"]
