"""Home Assistant finds a device for each sensor, sees its state, and sees it go."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamdetect.config import parse
from streamdetect.core.rules import VIEWS
from streamdetect.core.verdicts import SensorColumns
from streamdetect.mqtt.inbox import Message
from streamdetect.service.discovery import device, entity_topics, glob_of, object_id
from streamdetect.service.homeassistant import GREETED_WITHIN, HomeAssistant
from streamdetect.sinks.events import cloud_event
from streamdetect.store import Store

ON = "homeassistant: true\nanswers: {enabled: true}\n"


class Edge:
    """Notes what is published, as the broker would keep it."""

    def __init__(self) -> None:
        self.on_connected, self.connected, self.retained, self.count = [], True, {}, 0
        self.unfinished = 0

    def publish(self, _token, topic, payload, *, qos, retain) -> bool:
        assert (qos, retain) == (1, True)
        self.count += 1
        self.retained[topic] = payload
        if not payload:
            self.retained.pop(topic, None)
        return True


class Bench:
    def __init__(self, store, text=ON) -> None:
        self.now, self.edge, self.open, self.error, self.muted = 100.0, Edge(), set(), 0.5, set()
        self.sensors = ["hall/a", "hall/b"]
        self.config = parse(text)
        self.one = HomeAssistant(
            self.config,
            self.edge,
            store,
            lambda: {"pumps": self.columns()},
            lambda _detector, sensor: sensor in self.muted,
            lambda _detector, _sensor: 0.5,
            lambda: self.now,
        )

    def columns(self) -> SensorColumns:
        count = len(self.sensors)
        known = np.ones(count)
        return SensorColumns(
            ids=self.sensors,
            last_time=known,
            value=np.ones((count, 1)),
            error=known,
            threshold=known,
            score=self.error * known,
            views=np.ones((count, len(VIEWS))),
            expected=np.ones((count, 1)),
            lower=np.ones((count, 1)),
            upper=np.ones((count, 1)),
            anomalous=np.zeros(count, bool),
            incident_open=np.array([sensor in self.open for sensor in self.sensors], bool),
            withheld=np.zeros(len(self.sensors), bool),
            silent=np.zeros(count, bool),
            warming_up=np.zeros(count, bool),
            readings_to_go=np.zeros(count, int),
            interval=known,
            drift=known,
            drifting=np.zeros(count, bool),
        )

    def look(self, later=1.0) -> dict[str, bytes]:
        self.now += later
        self.one.turn()
        return self.edge.retained

    def state(self, sensor="hall/a") -> dict:
        return json.loads(self.edge.retained[f"streamdetect/state/pumps/{sensor}"])


@pytest.fixture
def store(tmp_path):
    one = Store(tmp_path / "state", 300.0)
    one.load()
    yield one
    one.close()


@pytest.fixture
def bench(store):
    return lambda text=ON: Bench(store, text)


def test_each_sensor_is_a_device_with_its_state(bench):
    one = bench()
    found = one.look()
    assert len(found) == 4
    topics = entity_topics(one.config, "pumps", "hall/a")
    announced = json.loads(found[topics.config])
    assert announced["origin"]["name"] == "streamdetect"
    assert announced["device"]["name"] == "hall/a"
    assert set(announced["components"]) == {"problem", "score", "mute", "sensitivity"}
    assert announced["availability"] == [{"topic": "streamdetect/status"}]
    assert one.state() == {
        "problem": "OFF",
        "muted": "OFF",
        "sensitivity": 0.5,
        "score": 0.5,
        "attributes": {"sensor": "hall/a", "detector": "pumps", "open": False},
    }


def test_without_answers_there_is_no_switch(bench):
    announced = bench("homeassistant: true").look()
    assert all(b"command_topic" not in payload for payload in announced.values())


def test_an_incident_is_seen_at_once_and_a_score_now_and_then(bench):
    one = bench()
    one.look()
    before = one.edge.count
    one.error = 0.7
    one.look()
    assert one.edge.count == before
    one.look(30.0)
    assert one.state()["score"] == 0.7
    one.open.add("hall/a")
    data = {"message": "hall/a 9 °C", "incident": "i", "detector": "pumps", "sensor": "hall/a"}
    one.one.observe([cloud_event("id", "/x", "io.streamdetect.anomaly.opened", "hall/a", 0.0, data)])
    one.look(0.2)
    assert (one.state()["problem"], one.state()["attributes"]["message"]) == ("ON", "hall/a 9 °C")
    assert one.state("hall/b")["problem"] == "OFF"
    one.muted.add("hall/b")
    one.look()
    assert one.state("hall/b")["muted"] == "ON"


def test_a_sensor_that_is_forgotten_is_taken_back(bench):
    one = bench()
    one.look()
    one.sensors = ["hall/b"]
    assert len(one.look()) == 2
    assert "streamdetect/state/pumps/hall/a" not in one.edge.retained


def test_turned_off_it_takes_back_what_an_earlier_run_announced(bench):
    first = bench()
    kept = dict(first.look())
    later = bench("{}")
    later.edge.retained = kept
    later.edge.unfinished = 4
    assert later.look() == {}
    assert later.edge.count == 4
    later.edge.on_connected[0]()  # the connection was lost before the broker answered
    later.look()
    assert later.edge.count == 8
    later.edge.unfinished = 0
    later.look()
    again = bench("{}")
    again.look()
    assert again.edge.count == 0


def test_all_is_published_again_on_a_new_connection_and_when_home_assistant_starts(bench):
    one = bench()
    one.look()
    one.edge.retained.clear()
    one.edge.on_connected[0]()
    assert len(one.look()) == 4
    one.edge.retained.clear()
    born = Message("homeassistant/status", b"online", 0, 0, 1, 0.0, retain=False)
    reading = Message("sensors/a", b"1", 0, 0, 1, 0.0, retain=False)
    assert one.one.part([born, reading]) == [reading]
    assert len(one.look(GREETED_WITHIN + 0.1)) == 4
    assert bench("{}").one.part([born, reading]) == [born, reading]


def test_only_so_many_and_only_the_chosen(bench, caplog):
    one = bench("homeassistant: {enabled: true, max_sensors: 2, sensors: ['hall/*']}")
    one.sensors = ["cellar", *(f"hall/{number}" for number in range(5))]
    assert len(one.look()) == 4
    one.look()
    assert caplog.text.count("3 sensors are not shown to Home Assistant") == 1


def test_nothing_is_published_without_a_connection(bench):
    one = bench()
    one.edge.connected = False
    assert one.look() == {}


@given(st.lists(st.text(min_size=1), min_size=2, max_size=2, unique=True))
def test_ids_are_what_home_assistant_allows_and_never_the_same(sensors):
    ids = [object_id("daemon", "d", sensor) for sensor in sensors]
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,128}", one) for one in ids)
    assert len(set(ids)) == 2
    assert object_id("other", "d", sensors[0]) != ids[0]


def test_a_switch_mutes_one_sensor_only():
    assert glob_of("hall/[a]*") == "hall/[[]a][*]"


HOME_ASSISTANT = """
import json, sys
from unittest.mock import MagicMock
from homeassistant.components.mqtt.discovery import _replace_all_abbreviations, _merge_common_device_options
from homeassistant.components.mqtt import schemas
from homeassistant.components.mqtt.binary_sensor import DISCOVERY_SCHEMA as BINARY
from homeassistant.components.mqtt.sensor import DISCOVERY_SCHEMA as SENSOR
from homeassistant.components.mqtt.number import DISCOVERY_SCHEMA as NUMBER
from homeassistant.components.mqtt.switch import DISCOVERY_SCHEMA as SWITCH
ENTITY = {"binary_sensor": BINARY, "sensor": SENSOR, "switch": SWITCH, "number": NUMBER}
whole = json.load(sys.stdin)
checked = schemas.DEVICE_DISCOVERY_SCHEMA if hasattr(schemas, "DEVICE_DISCOVERY_SCHEMA") else None
if checked is None:
    from homeassistant.components.mqtt.schemas import MQTT_ORIGIN_INFO_SCHEMA, MQTT_ENTITY_DEVICE_INFO_SCHEMA
    from homeassistant.components.mqtt.discovery import DEVICE_DISCOVERY_SCHEMA as checked
checked(dict(whole))
shared = {name: part for name, part in whole.items() if name not in {"components"}}
for name, one in whole["components"].items():
    entity = {k: v for k, v in one.items() if k != "platform"} | shared
    ENTITY[one["platform"]](entity)
    print(name, "ok")
"""


def test_home_assistants_own_schemas_take_it():
    """STREAMDETECT_HOMEASSISTANT names a Python that has Home Assistant: it wants a newer one."""
    python = os.environ.get("STREAMDETECT_HOMEASSISTANT", "")
    if not Path(python).is_file():
        pytest.skip("STREAMDETECT_HOMEASSISTANT names no Python with Home Assistant 2024.11 or newer")
    config = parse(ON)
    topics = entity_topics(config, "pumps", "Küche/{{ 1 }}")
    text = json.dumps(device(config, "pumps", "Küche/{{ 1 }}", topics))
    done = subprocess.run(
        [python, "-c", HOME_ASSISTANT], input=text, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:-1] == ["problem ok", "score ok", "mute ok", "sensitivity ok"]
