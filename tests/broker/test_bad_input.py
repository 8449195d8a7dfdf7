"""Bad input against the running daemon: counted by reason, acknowledged, and nobody else notices."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter

import paho.mqtt.client as mqtt
import pytest
import yaml
from paho.mqtt.enums import CallbackAPIVersion

START = 1_700_000_000
GOOD = b'{"value": 21.5, "time": %d}'

# what it is, topic, payload, reason
BAD = [
    ("malformed JSON", "in/a", b'{"value": 1', "decode"),
    ("truncated UTF-8", "in/a", b'{"value": "\xc3', "decode"),
    ("not UTF-8", "in/a", b"\xff\xfe\x00", "decode"),
    ("NaN", "in/a", b'{"value": NaN, "time": 1}', "nonfinite"),
    ("Infinity", "in/a", b'{"value": Infinity, "time": 1}', "nonfinite"),
    ("1e999", "in/a", b'{"value": 1e999, "time": 1}', "nonfinite"),
    ("5,000 digits", "in/a", b'{"value": ' + b"9" * 5000 + b', "time": 1}', "nonfinite"),
    ("more than float32", "in/a", b'{"value": 1e39, "time": 1}', "nonfinite"),
    ("deep nesting", "in/a", b"[" * 60_000, "decode"),
    ("true as a value", "in/a", b'{"value": true, "time": 1}', "type"),
    ("text as a value", "in/a", b'{"value": "warm", "time": 1}', "type"),
    ("lone surrogate", "in/a", b'{"value": 1, "time": 1, "x": "\\ud800"}', "decode"),
    ("over the limit", "in/a", b'{"value": 1, "x": "' + b"x" * 66_000 + b'"}', "size"),
    ("no time", "in/a", b'{"value": 1}', "field"),
    ("time is text", "in/a", b'{"value": 1, "time": "noon"}', "time"),
    ("a clock that was never set", "in/a", GOOD % 1, "time"),
    ("a day ahead", "in/a", GOOD % (time.time() + 86_400), "future"),
]
# what has nothing of a reading in it, under a wildcard
FOREIGN = [
    ("no value", "in/a", b'{"time": 1}'),
    ("a word", "in/a", b"online"),
    ("a scalar", "in/a", b"21.5"),
    ("empty, as where a retained message is cleared", "in/a", b""),
]


class Process:
    """The daemon as a user starts it, and what it says on its metrics port."""

    def __init__(self, folder, broker, port):
        self.folder, self.url = folder, f"http://127.0.0.1:{port}"
        config = {
            "mqtt": {"host": broker.host, "port": broker.port, "client_id": "bad-input"},
            "metrics": {"port": port},
            "detectors": [{"topics": ["in/#"], "payload": {"time": "time"}, "max_sensors": 50}],
        }
        (folder / "config.yaml").write_text(yaml.safe_dump(config))

    def start(self):
        command = [sys.executable, "-m", "streamdetect", "run", "-c", str(self.folder / "config.yaml")]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(120) == 0, (self.folder / "log").read_text()

    def ready(self):
        assert self.process.poll() is None, (self.folder / "log").read_text()
        try:
            return urllib.request.urlopen(f"{self.url}/readyz", timeout=30).status == 200
        except (urllib.error.URLError, ConnectionError):
            return False

    def counts(self):
        text = urllib.request.urlopen(f"{self.url}/metrics", timeout=30).read().decode()
        found = re.findall(r"streamdetect_(messages|rejected|readings)_total\{(.*)\} (\S+)", text)
        return {(name, *re.findall(r'"(.*?)"', labels)): int(float(count)) for name, labels, count in found}


@pytest.fixture
def daemon(tmp_path, mosquitto, until, free_port):
    broker = mosquitto("max_inflight_messages 0")
    process = Process(tmp_path, broker, free_port)
    process.start()
    until(process.ready, "ready")
    process.broker = broker
    yield process
    process.stop()


@pytest.fixture
def publisher(daemon):
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.connect(daemon.broker.host, daemon.broker.port)
    client.loop_start()
    yield lambda topic, payload, **more: client.publish(topic, payload, 1, **more).wait_for_publish(10)
    client.disconnect()
    client.loop_stop()


def test_every_bad_input_is_counted_acknowledged_and_survived(daemon, publisher, until):
    for at, (_, topic, payload, _) in enumerate(BAD):
        publisher("in/good", GOOD % (1_700_000_000 + at))
        publisher(topic, payload)
    for _, topic, payload in FOREIGN:
        publisher(topic, payload)
    until(lambda: daemon.counts()["messages", "accepted"] == len(BAD), "all good messages")
    until(lambda: daemon.counts()["messages", "ignored"] == len(FOREIGN), "all foreign messages")
    counts = daemon.counts()
    assert counts["messages", "rejected"] == len(BAD)
    assert counts["readings", "default", "accepted"] == len(BAD)
    found = {reason: count for (kind, reason, *_), count in counts.items() if kind == "rejected" and count}
    assert found == Counter(reason for *_, reason in BAD)
    daemon.stop()
    daemon.start()
    until(daemon.ready, "ready again")
    publisher("in/good", GOOD % 1_700_001_000)
    until(lambda: daemon.counts()["messages", "accepted"] == 1, "the message after the restart")
    assert daemon.counts()["messages", "rejected"] == 0, "a rejected message was not acknowledged"


def test_duplicates_and_late_readings_are_dropped_and_counted(daemon, publisher, until):
    for moment in (10, 11, 11, 9, 12):
        publisher("in/a", GOOD % (START + moment))
    until(lambda: daemon.counts()["messages", "accepted"] == 5, "five messages")
    counts = daemon.counts()
    assert [counts["readings", "default", name] for name in ("accepted", "duplicate", "late")] == [3, 1, 1]


def test_a_new_sensor_past_the_cap_is_rejected_and_the_known_go_on(daemon, publisher, until):
    for sensor in range(60):
        publisher(f"in/{sensor}", GOOD % START)
    publisher("in/7", GOOD % (START + 1))
    until(lambda: daemon.counts()["messages", "accepted"] == 61, "61 messages")
    counts = daemon.counts()
    assert counts["readings", "default", "cardinality"] == 10
    assert counts["readings", "default", "accepted"] == 51
    text = urllib.request.urlopen(f"{daemon.url}/metrics", timeout=30).read().decode()
    assert 'sensor="in/49"' in text
    assert 'sensor="in/55"' not in text


def test_a_retained_replay_is_dropped_and_counted(daemon, publisher, until):
    daemon.stop()
    publisher("in/a", GOOD % START, retain=True)
    # A new session gets the retained message replayed; the old one had it queued as an ordinary message.
    config = yaml.safe_load((daemon.folder / "config.yaml").read_text())
    config["mqtt"]["client_id"] = "another"
    (daemon.folder / "config.yaml").write_text(yaml.safe_dump(config))
    daemon.start()
    until(daemon.ready, "ready")
    until(lambda: daemon.counts()["messages", "retained"] == 1, "the retained message")
    assert daemon.counts()["messages", "accepted"] == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("detectors: [{threshold: {sigma: -2}}]", "detectors[0].threshold.sigma"),
        ("detectors: [{treshold: {}}]", "threshold"),
        ("a: &x [1]\nb: *x\n", "anchor"),
        ("mqtt: !!python/object:os.system {}", "tag"),
        ("detectors: [{topics: ['$SYS/#']}]", "detectors[0].topics[0]"),
        ("detectors: [{topics: ['streamdetect/events/#']}]", "our own"),
        ("x: " + "y" * 1_100_000, "1"),
    ],
    ids=["out of range", "misspelt", "alias", "tag", "$SYS", "our own topic", "too large"],
)
def test_a_bad_configuration_is_explained_and_exits_78(tmp_path, text, said):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    command = [sys.executable, "-m", "streamdetect", "run", "-c", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 78
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_the_event_schema_is_printed():
    command = [sys.executable, "-m", "streamdetect", "schema", "event"]
    assert json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["title"]
