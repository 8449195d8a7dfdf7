"""`init` listens to a house and writes a configuration that `check --connect` finds right."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime

import paho.mqtt.client as mqtt
import pytest
import yaml
from paho.mqtt.enums import CallbackAPIVersion


def utc():
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# sender: messages of a round, and the topics that are readings
HOUSES = {
    "zigbee": lambda n: [
        ("zigbee2mqtt/bridge/state", "online"),
        (
            "zigbee2mqtt/Living Room",
            {"temperature": 21 + n % 3, "humidity": 40, "battery": 97, "linkquality": n},
        ),
        ("zigbee2mqtt/Plug", {"state": "ON", "power": 12.5 + n % 2, "energy": n}),
        ("zigbee2mqtt/Door", {"contact": True, "battery": 90}),
    ],
    "tasmota": lambda n: [
        ("tele/attic/LWT", "Online"),
        ("tele/attic/STATE", {"Time": utc(), "Uptime": "1T", "Wifi": {"RSSI": 80}}),
        (
            "tele/attic/SENSOR",
            {"Time": utc(), "DS18B20": {"Id": "01", "Temperature": 20 + n % 3}, "TempUnit": "C"},
        ),
    ],
    "shelly": lambda n: [
        ("shellyplus/status/temperature:100", {"id": 100, "tC": 20.5 + n % 2, "tF": 70}),
        ("shellyplus/status/switch:0", {"id": 0, "output": True, "apower": 8.9 + n % 2}),
        ("shellyplus/online", "true"),
    ],
    "esphome": lambda n: [
        ("greenhouse/status", "online"),
        ("greenhouse/sensor/soil/state", str(40.5 + n % 3)),
        ("greenhouse/sensor/ssid/state", "home"),
    ],
    "telegraf": lambda n: [
        (
            "telegraf/pi/cpu",
            {
                "fields": {"usage": 1.5 + n % 3},
                "name": "cpu",
                "tags": {"cpu": cpu, "host": "pi"},
                "timestamp": int(time.time()),
            },
        )
        for cpu in ("cpu0", "cpu1")
    ],
}
HOUSES["sundry"] = lambda n: [
    ("solar/inverter 1/ac", {"P": 400 + n % 7, "state": "run", "ts": utc()}),
    ("wx/outdoor", f"{n % 7},5 °C"),
    ("meters/gas", {"readings": [{"id": "g1", "m3": 1000 + n}, {"id": "g2", "m3": 2000 + n}]}),
    ("rooms/all", [{"name": "attic", "t": 20 + n % 3}, {"name": "cellar", "t": 12 + n % 2}]),
    ("knx/light/kitchen", "ON"),
    ("buffer/acc", {"t": [time.time(), time.time() + 1], "x": [1.5, n]}),
]
HOUSES["mixed"] = lambda n: [
    *(
        message
        for sender in ("zigbee", "tasmota", "shelly", "esphome", "telegraf")
        for message in HOUSES[sender](n)
    ),
    ("plant/north/line 1/press", {"v": {"bar": 3.5 + n % 2}, "ts": int(time.time() * 1000), "id": "p1"}),
    ("plant/north/line 2/press", {"v": {"bar": 2.5 + n % 2}, "ts": int(time.time() * 1000), "id": "p2"}),
    ("meter/1/w", str(230 + n % 5)),
    ("meter/1/unit", "W"),
    ("lp/a", f"weather,site=north temp={20 + n % 3}"),
    ("cam/front/snapshot", b"\xff\xd8\xff\xe0"),
]
READINGS = {
    "zigbee": {"zigbee2mqtt/Living Room", "zigbee2mqtt/Plug"},
    "tasmota": {"tele/attic/SENSOR"},
    "shelly": {"shellyplus/status/temperature:100", "shellyplus/status/switch:0"},
    "esphome": {"greenhouse/sensor/soil/state"},
    "telegraf": {"telegraf/pi/cpu"},
}
READINGS["mixed"] = {"plant/north/line 1/press", "plant/north/line 2/press", "meter/1/w", "lp/a"}.union(
    *READINGS.values()
)
READINGS["sundry"] = {"solar/inverter 1/ac", "wx/outdoor", "meters/gas", "rooms/all"}


@pytest.fixture
def house(mosquitto):
    """A broker, and senders that go on until the test ends."""
    broker, stop = mosquitto(), threading.Event()
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.connect(broker.host, broker.port)
    client.loop_start()

    def live(sender):
        def send():
            n = 0
            while not stop.wait(0.2):
                n += 1
                for topic, payload in HOUSES[sender](n):
                    client.publish(
                        topic, payload if isinstance(payload, str | bytes) else json.dumps(payload)
                    )

        threading.Thread(target=send, daemon=True).start()
        return broker

    yield live
    stop.set()
    client.disconnect()
    client.loop_stop()


def run(*arguments):
    command = [sys.executable, "-m", "streamdetect", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("sender", HOUSES)
def test_what_init_writes_is_right_for_every_topic(sender, house, tmp_path):
    broker, path = house(sender), tmp_path / "config.yaml"
    done = run("init", f"127.0.0.1:{broker.port}", "--yes", "--for", "4s", "-o", path)
    assert done.returncode == 0, done.stderr
    checked = run("check", path, "--connect", "--for", "3s")
    assert checked.returncode == 0, checked.stdout + path.read_text()
    lines = checked.stdout.splitlines()
    taken = {
        line.split()[0:1] and line.strip().removeprefix("takes").split(" -> ")[0].strip()
        for line in lines
        if line.startswith("  takes")
    }
    assert taken == READINGS[sender], checked.stdout + path.read_text()
    assert not [line for line in lines if line.startswith("  rejects")]


def test_batteries_switches_and_set_points_are_left_out_with_a_word(house, tmp_path):
    broker, path = house("zigbee"), tmp_path / "config.yaml"
    run("init", f"127.0.0.1:{broker.port}", "--yes", "--for", "3s", "-o", path)
    text = path.read_text()
    (detector,) = yaml.safe_load(text)["detectors"]
    assert set(detector["payload"]["values"]) == {"temperature", "humidity", "power", "energy"}
    assert "left out: battery, battery" in text
    assert "left out: state, switch" in text
    assert "energy: counter" in text


def test_what_no_detector_takes_is_said_with_an_example(house, tmp_path):
    broker, path = house("sundry"), tmp_path / "config.yaml"
    done = run("init", f"127.0.0.1:{broker.port}", "--yes", "--for", "3s", "-o", path)
    assert "not taken: knx/light/kitchen, like 'ON'" in done.stdout
    assert "# Not taken: buffer/acc, like '{" in path.read_text()
    assert "{topic}/{id}.{field}" in path.read_text()


def test_a_house_without_readings_and_a_broker_that_is_not_there_are_told(mosquitto, tmp_path):
    broker = mosquitto()
    nothing = run("init", f"127.0.0.1:{broker.port}", "--yes", "--for", "1s", "-o", tmp_path / "c.yaml")
    assert (nothing.returncode, "looks like a measurement" in nothing.stderr) == (1, True)
    broker.stop()
    gone = run("init", f"127.0.0.1:{broker.port}", "--yes", "--for", "1s", "-o", tmp_path / "c.yaml")
    assert gone.returncode == 1
    assert f"127.0.0.1:{broker.port}" in gone.stderr
