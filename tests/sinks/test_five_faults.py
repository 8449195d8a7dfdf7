"""Faults that anybody would try, played over a real broker: what people read of them, word by word.

A reading a minute, its time in the payload, so that days pass in seconds. Three days are normal; then a
freezer warms, a pump is hotter, a boiler is stuck, a living room has one wild reading, a window sensor falls
silent.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest

from streamdetect.config import MqttConfig
from streamdetect.mqtt.publisher import Publisher

if TYPE_CHECKING:
    from collections.abc import Iterator

DAY = 1440
NORMAL = 3 * DAY
SILENT = range(NORMAL + 500, NORMAL + 620)
M = "\N{MINUS SIGN}"
NUMBER = rf"{M}?[\d.]+"
BAND = rf", usually {NUMBER} to {NUMBER}"
LASTED = r"(\d+ h )?\d+ (min|h)"

SAID = {
    "kitchen/freezer": [
        rf"{M}1[5-7]\.\d °C{BAND}",
        rf"is back to normal after {LASTED}: {M}1[6-9]\.\d °C, at worst {M}[1-3]\.\d °C",
    ],
    "cellar/pump": [
        rf"5[01]\.\d °C{BAND}",
        rf"5[01]\.\d °C{BAND}, for \d+ min",
        rf"is back to normal after {LASTED}: 4[45]\.\d °C, at worst 5[12]\.\d °C",
    ],
    "cellar/boiler": [
        r"63\.1\d? °C has not changed for 2\d min, at most \d min before",
        rf"changes again after {LASTED}: 6\d\.\d+ °C",
    ],
    "living/room": [
        rf"(?:29|30)\.\d °C{BAND}",
        r"is back to normal after \d+ min: 2[01]\.\d °C, at worst (?:29|30)\.\d °C",
    ],
    "hall/window": [
        r"has been silent for 1\d min, at most \d min before, last 1\d\.\d °C",
        r"is heard again after 2 h( \d+ min)?: 1\d\.\d °C",
    ],
}
"""Sentences of each incident, in this order; others may be between them."""


class Played(NamedTuple):
    """The messages at each receiver."""

    began: float  # Unix seconds at which the day of the faults began
    hook: list[dict]  # events
    states: list[tuple[str, dict]]  # of Home Assistant, by topic
    log: str
    incidents: str
    freezer: str  # its incident in full
    top: str


def house() -> dict[str, np.ndarray]:
    chance = np.random.default_rng(5)
    count = NORMAL + DAY // 2
    minute = np.arange(count)
    day = minute / DAY * 2 * np.pi
    freezer = -19 + 2 * np.abs(2 * (minute % 35 / 35) - 1) + chance.normal(0, 0.05, count)
    freezer[NORMAL + 60 : NORMAL + 360] += np.linspace(0, 15, 300)
    freezer[NORMAL + 360 : NORMAL + 480] += np.linspace(15, 0, 120)
    pump = 45 + 0.4 * np.sin(minute / 25) + chance.normal(0, 0.2, count)
    pump[NORMAL + 120 : NORMAL + 240] += 6
    boiler = 62 + 1.2 * np.sin(minute / 40) + chance.normal(0, 0.15, count)
    boiler[NORMAL + 200 : NORMAL + 320] = 63.1
    living = 21 + 0.5 * np.sin(day - 3.7) + chance.normal(0, 0.08, count)
    living[NORMAL + 400] += 9
    return {
        "kitchen/freezer": freezer,
        "cellar/pump": pump,
        "cellar/boiler": boiler,
        "living/room": living,
        "hall/window": 14 + 2 * np.sin(day - 2.4) + chance.normal(0, 0.1, count),
        "attic/air": 18 + 3 * np.sin(day - 3.9) + chance.normal(0, 0.2, count),
    }


@pytest.fixture
def played(mosquitto, tmp_path, receiver, free_port, until) -> Played:
    broker, folder = mosquitto(), tmp_path
    config = {
        "mqtt": {"port": broker.port},
        "metrics": {"port": free_port},
        "state": {"directory": str(folder / "state")},
        "homeassistant": {"enabled": True, "state_every": 1},
        "webhooks": [{"name": "hook", "url": receiver.url}],
        "notify": [{"name": "phone", "url": f"json://127.0.0.1:{receiver.port}/phone", "picture": False}],
        "detectors": [
            {"topics": ["home/#"], "sensor": "{room}/{device}", "templates": ["home/{room}/{device}"]}
            | {"payload": {"time": "t"}, "unit": "°C"}
        ],
    }
    (folder / "config.yaml").write_text(json.dumps(config))
    heard, log = folder / "heard", folder / "log"
    topics = ["-t", "homeassistant/#", "-t", "streamdetect/#"]
    with heard.open("w") as file, log.open("w") as errors:
        listener = subprocess.Popen(["mosquitto_sub", "-p", str(broker.port), "-v", *topics], stdout=file)
        daemon = subprocess.Popen([*command("run"), "-c", str(folder / "config.yaml")], stderr=errors)
    try:
        until(lambda: "Sending SUBACK to streamdetect" in broker.log.read_text(), "subscribed")
        halfway = rf'/kitchen/freezer {{"problem":"ON".*kitchen/freezer {M}'
        play = publish(broker)
        next(play)
        until(lambda: re.search(halfway, heard.read_text()), "Home Assistant sees the freezer")
        shown = asked("top", "--once", folder=folder)
        faults_began = next(play)
        over = [rf"{sensor} {said[-1]}" for sensor, said in SAID.items()]
        patiently(lambda: all(re.search(f"closed: {one}", log.read_text()) for one in over))
        patiently(lambda: all(re.search(one, told(receiver)) for one in over))
        listed = asked("incidents", "--since", "7d", folder=folder)
        warm = [line for line in listed.splitlines() if re.search(over[0], line)]
        in_full = asked("incidents", warm[-1].split()[0], folder=folder)
    finally:
        for process in (daemon, listener):
            process.terminate()
            process.wait(60)
    lines = [line.split(" ", 1) for line in heard.read_text().splitlines() if "/state/" in line]
    return Played(
        faults_began,
        [json.loads(one.body) for one in receiver.taken if one.path == "/hook"],
        [(topic, json.loads(payload)) for topic, payload in lines],
        log.read_text(),
        listed,
        in_full,
        shown,
    )


def command(name) -> list[str]:
    return [sys.executable, "-m", "streamdetect", name]


def asked(name, *more, folder) -> str:
    line = [*command(name), "-c", str(folder / "config.yaml"), *more]
    return subprocess.run(line, capture_output=True, text=True, check=True).stdout


def publish(broker) -> Iterator[float]:
    """Publish up to when the freezer is warm, then the rest; gives when the day of the faults begins."""
    series = house()
    began = time.time() // 60 * 60 - 60 * len(series["attic/air"])
    with Publisher(MqttConfig(port=broker.port, client_id="house"), 1, 60) as publisher:
        for at in range(len(series["attic/air"])):
            if at == NORMAL + 330:
                yield began + 60 * NORMAL
            for name, values in series.items():
                if name == "hall/window" and at in SILENT:
                    continue
                payload = {"t": began + 60 * at, "value": round(float(values[at]), 2)}
                publisher.publish(f"home/{name}", json.dumps(payload).encode())
    yield began + 60 * NORMAL


@pytest.mark.timeout(600)
def test_what_people_read_of_five_faults(played):
    for sensor, wanted in SAID.items():
        of_it = [event["data"] for event in played.hook if event["data"].get("sensor") == sensor]
        said = [
            data["message"].removeprefix(f"{sensor} ")
            for data in of_it
            if datetime.fromisoformat(data["started"]).timestamp() >= played.began
        ]
        assert follows(said, wanted), (sensor, said)
        assert any(re.search(f"{sensor} {wanted[-1]}", line) for line in played.incidents.splitlines())
        assert all(f"{sensor} {one}" in played.log for one in said)
        states = [state for topic, state in played.states if topic.endswith(f"/{sensor}")]
        assert states[-1]["problem"] == "OFF"
    shown = [state for topic, state in played.states if topic.endswith("/kitchen/freezer")]
    problem = next(state for state in shown if state["problem"] == "ON")
    assert re.search(BAND, problem["attributes"]["message"])
    freezer = next(line for line in played.top.splitlines() if "kitchen/freezer" in line)
    assert freezer.rstrip().endswith("anomalous")
    around = [
        line for line in played.freezer.splitlines() if re.match(rf"{M}1[89]\.\d to {M}[1-3]\.\d °C", line)
    ]
    assert around, played.freezer
    assert re.search(rf" {M}[1-3]\.\d +{M}19\.\d to {M}16\.\d +\d+\.\d  anomalous", played.freezer)


def begun(data) -> float:
    return datetime.fromisoformat(data["started"]).timestamp()


def patiently(condition) -> None:
    """Wait for days of readings, however busy the machine is."""
    deadline = time.monotonic() + 240
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def told(receiver) -> str:
    """Return the messages on the phone so far."""
    taken = [json.loads(one.body) for one in list(receiver.taken) if one.path.startswith("/phone")]
    return "\n".join(one["message"] for one in taken)


def follows(said, wanted) -> bool:
    """Tell whether these patterns match one after the other."""
    left = iter(said)
    return all(any(re.fullmatch(pattern, one) for one in left) for pattern in wanted)
