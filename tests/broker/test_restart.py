"""The daemon as a process: killed, reloaded, stopped, and nobody downstream notices."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from urllib.request import urlopen

import numpy as np
import pytest
import yaml

import streamdetect.bundles
from streamdetect.config import validate
from streamdetect.mqtt.inbox import Message
from streamdetect.service.assembly import assemble
from streamdetect.service.pipeline import Pipeline

GENERAL = Path(streamdetect.bundles.__file__).with_name("general")
SENSORS = ("a", "b", "c")
NORMAL = np.random.default_rng(1).normal(20.0, 1.0, 240)
START = 1_700_000_000


def reading(at, value):
    return json.dumps({"time": START + at, "value": float(value)})


def stream(first, last):
    """Readings of a sensor that breaks twice."""
    values = NORMAL.copy()
    values[120:130] += 1e3
    values[200:215] += 1e4
    return [reading(at, values[at]) for at in range(first, last)]


class Process:
    """The daemon, a broker, and somebody who hears every event."""

    def __init__(self, folder, broker, port, until) -> None:
        self.folder, self.broker, self.until = folder, broker, until
        self.url = f"http://127.0.0.1:{port}"
        self.config = {
            "mqtt": {"host": broker.host, "port": broker.port},
            "metrics": {"port": port},
            "state": {"directory": str(folder / "state")},
            "detectors": [
                {
                    "name": "lab",
                    "topics": ["in/#"],
                    "payload": {"time": "time"},
                    "views": ["reconstruction"],
                    "threshold": {"kind": "fixed", "level": 0.6},
                    "incidents": {"excess": 0.0, "update_every": 3, "close_after": 3},
                }
            ],
        }
        self.process = None
        self.heard = folder / "heard"
        # A persistent session: what is published while nobody listens yet is not missed.
        command = [
            "mosquitto_sub",
            "-p",
            str(broker.port),
            "-t",
            "streamdetect/events/#",
            "-q",
            "1",
            "-c",
            "-i",
            "ear",
        ]
        with self.heard.open("w") as file:
            self.ear = subprocess.Popen(command, stdout=file)
        until(lambda: "Sending SUBACK to ear" in broker.log.read_text(), "somebody listens")

    def write(self) -> None:
        (self.folder / "config.yaml").write_text(yaml.safe_dump(self.config))

    def start(self) -> None:
        self.write()
        command = [sys.executable, "-m", "streamdetect", "run", "-c", str(self.folder / "config.yaml")]
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen(command, stderr=log)
        self.until(self.ready, "ready")

    def get(self, page) -> str:
        try:
            with urlopen(self.url + page, timeout=30) as answer:
                return answer.read().decode()
        except OSError:
            return ""

    def ready(self) -> bool:
        return self.get("/readyz") == "ok\n"

    def metric(self, name) -> float:
        return sum(
            map(
                float,
                re.findall(rf"^streamdetect_{name}(?:{{.*}})? (\S+)$", self.get("/metrics"), re.MULTILINE),
            )
        )

    def end(self, number=signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(120)

    def events(self) -> list[dict]:
        return [json.loads(line) for line in self.heard.read_text().splitlines()]

    def log(self) -> str:
        return (self.folder / "log").read_text()


@pytest.fixture
def daemon(tmp_path, mosquitto, free_port, until):
    one = Process(tmp_path, mosquitto("max_inflight_messages 0"), free_port, until)
    yield one
    for process in (one.process, one.ear):
        process.kill()
        process.wait()


def expected(config):
    """The events of the same messages without any kill."""
    pipeline = Pipeline(assemble(validate(config)))
    found = []
    for sensor in SENSORS:
        for at, payload in enumerate(stream(0, len(NORMAL))):
            message = Message(f"in/{sensor}", payload.encode(), 1, 1, 1, START + at, retain=False)
            found += pipeline.process([message]).events
    return found


def test_kills_lose_no_reading_and_change_no_event(daemon, until):
    daemon.start()
    cuts = [0, 60, 125, 128, 205, len(NORMAL)]
    for first, last in pairwise(cuts):
        for sensor in SENSORS:
            daemon.broker.publish(f"in/{sensor}", stream(first, last))
        daemon.end(signal.SIGKILL)
        daemon.start()
    wanted = {event.id: json.loads(event.payload) for event in expected(daemon.config)}
    assert len(wanted) >= 4 * len(SENSORS)
    until(lambda: {event["id"] for event in daemon.events()} >= set(wanted), "all events")
    assert daemon.end() == 0
    heard = {event["id"]: event for event in daemon.events()}
    assert heard == wanted
    assert "set aside" not in daemon.log()


def test_an_incident_survives_an_orderly_restart(daemon, until):
    daemon.start()
    daemon.broker.publish("in/a", stream(0, 60))
    until(daemon.events, "an incident")
    assert daemon.end() == 0
    daemon.start()
    assert daemon.metric("incidents_open") == 1
    daemon.broker.publish("in/a", stream(60, 120))
    closed = until(lambda: [event for event in daemon.events() if event["data"]["ended"]], "its end")
    assert {event["data"]["incident"] for event in closed} == {daemon.events()[0]["data"]["incident"]}


def test_a_reload_with_another_bundle_goes_on_in_the_middle_of_an_incident(daemon, until, tmp_path):
    daemon.start()
    daemon.broker.publish("in/a", stream(0, 60))
    until(lambda: daemon.metric("readings_total") == 60 and daemon.metric("incidents_open"), "an incident")
    until(lambda: daemon.events()[-1]["data"]["ended"] is None, "its opening")
    opened = daemon.events()[-1]["data"]
    shutil.copytree(GENERAL, tmp_path / "bundle")
    manifest = json.loads((GENERAL / "bundle.json").read_text()) | {"continues": None}
    (tmp_path / "bundle" / "bundle.json").write_text(json.dumps(manifest))
    daemon.config["detectors"][0]["bundle"] = str(tmp_path / "bundle")
    daemon.write()
    daemon.process.send_signal(signal.SIGHUP)
    until(lambda: "uses another model now" in daemon.log(), "the other model")
    daemon.end(signal.SIGKILL)
    daemon.start()
    assert daemon.metric("detectors_restarted_total") == 0
    assert daemon.metric("sensors") == daemon.metric("incidents_open") == 1

    def later() -> list[dict]:
        told = [event["data"] for event in daemon.events()]
        return [data for data in told if data["bundle"] != opened["bundle"]]

    daemon.broker.publish("in/a", stream(60, 120))
    assert until(later, "more of it")[0]["incident"] == opened["incident"]


def test_a_reload_that_is_refused_is_said_everywhere(daemon, until, tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(0.1)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        daemon.start()
        (daemon.folder / "config.yaml").write_text("nonsense: true")
        daemon.process.send_signal(signal.SIGHUP)

        def told(words) -> bool:
            try:
                return words in systemd.recv(4096).decode()
            except TimeoutError:
                return False

        until(lambda: told(", new configuration refused, "), "systemd hears of it")
        assert daemon.metric("config_last_reload_successful") == 0
        assert "ERROR   service.lineup: kept the old configuration" in daemon.log()
        assert "nonsense: unknown key" in daemon.log()
        daemon.write()
        daemon.process.send_signal(signal.SIGHUP)
        until(lambda: told("READY=1\nSTATUS=connected, 0 sensors"), "and that it is over")
        assert daemon.metric("config_last_reload_successful") == 1


def test_a_second_daemon_is_turned_away(daemon):
    daemon.start()
    command = [sys.executable, "-m", "streamdetect", "run", "-c", str(daemon.folder / "config.yaml")]
    second = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert second.returncode == 1
    assert f"is in use by process {daemon.process.pid}" in second.stderr
    assert daemon.ready()


def test_without_a_directory_it_says_so(daemon):
    del daemon.config["state"]
    daemon.start()
    assert "WARNING service.daemon: no state.directory" in daemon.log()
    assert daemon.metric("state_durable") == 0
