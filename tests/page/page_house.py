"""A generated house of sensors, a real broker, a real daemon with its page, and a browser."""

from __future__ import annotations

import json
import math
import random
import secrets
import shutil
import subprocess
import sys
import time
import urllib.request
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlencode

import real_broker
from selenium.webdriver import Chrome, ChromeOptions, ChromeService

from streamdetect.config import MqttConfig
from streamdetect.mqtt.publisher import Publisher

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

PREFIX = "/up/stream"
SCRIPT = "<img src=x onerror=document.title='hit'>"
ROWS = 400
MINUTE = 60.0
PATIENCE = 60.0
_CONFIG = """\
mqtt: {{host: {host}, port: {port}, client_id: house}}
metrics: {{enabled: false}}
state: {{directory: {folder}/state}}
page: {{enabled: true, port: {page_port}, prefix: "{prefix}", token_file: {folder}/token, public: true}}
detectors:
  - name: house
    topics: [house/#]
    templates: ["house/{{sensor#}}"]
    sensor: "{{sensor}}"
    payload: {{value: value, time: time}}
    unit: °C
  - name: rooms
    topics: [rooms/+]
    templates: ["rooms/{{room}}"]
    sensor: "{{room}}/{{field}}"
    payload: {{values: {{temperature: t, humidity: h}}, fields: per_sensor, time: time}}
"""

Readings = list[tuple[str, dict[str, Any]]]


class House:
    """The broker and the daemon; a context manager."""

    def __init__(self, folder: Path, config: str = _CONFIG, prefix: str = PREFIX) -> None:
        self.folder, self.prefix = folder, prefix
        self.token = secrets.token_urlsafe()
        self.broker = real_broker.Mosquitto(folder, (), ())
        self._page_port = real_broker.free_port()
        self.url = f"http://127.0.0.1:{self._page_port}{prefix}/"
        (folder / "token").touch(mode=0o600)
        (folder / "token").write_text(self.token)
        (folder / "house.yaml").write_text(
            config.format(
                host=self.broker.host,
                port=self.broker.port,
                folder=folder,
                page_port=self._page_port,
                prefix=prefix,
            )
        )
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start both, and wait until the daemon listens."""
        self.broker.start()
        with (self.folder / "daemon.log").open("wb") as log:
            command = [sys.executable, "-m", "streamdetect", "run", "-c", str(self.folder / "house.yaml")]
            self._process = subprocess.Popen(command, stderr=log)
        self._wait(lambda: self.ask("health")["connection"]["connected"])
        return self

    def __exit__(self, *_: object) -> None:
        """End both."""
        self.stop()
        self.broker.stop()

    def stop(self) -> None:
        """End the daemon."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(PATIENCE)
            self._process = None

    def ask(self, path: str) -> Any:
        """The answer of the API."""
        with urllib.request.urlopen(f"{self.url}api/v1/{path}", timeout=PATIENCE) as answer:
            return json.load(answer)

    def publisher(self) -> Publisher:
        """A connection to publish on."""
        settings = MqttConfig(host=self.broker.host, port=self.broker.port, client_id="house-plant")
        return Publisher(settings, 1, PATIENCE)

    def publish(self, readings: Iterable[tuple[str, Any]]) -> None:
        """Publish, and wait until the broker has taken it."""
        with self.publisher() as publisher:
            for topic, payload in readings:
                publisher.publish(
                    topic, payload if isinstance(payload, bytes) else json.dumps(payload).encode()
                )
            publisher.finish()

    def judged(self, sensor: str, moment: float, detector: str = "house") -> None:
        """Wait until this sensor's reading of this time is judged."""
        stamp = _stamp(moment)

        def seen() -> bool:
            query = urlencode({"detector": detector, "q": sensor, "limit": 500})
            found = self.ask(f"sensors?{query}")["sensors"]
            return any(one["sensor"] == sensor and (one["time"] or "")[:19] >= stamp[:19] for one in found)

        self._wait(seen)

    def kept(self, sensor: str, moment: float, detector: str = "house") -> None:
        """Wait until this sensor's reading of this time is in the stored series."""
        query = urlencode({"detector": detector, "sensor": sensor, "to": _stamp(moment + MINUTE)})
        self._wait(lambda: self.ask(f"series?{query}")["times"][-1:] >= [_stamp(moment - MINUTE * 10)])

    def _wait(self, condition: Any) -> None:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                if condition():
                    return
            except OSError:
                pass
            time.sleep(0.05)
        raise TimeoutError((self.folder / "daemon.log").read_text()[-2000:])


def _stamp(moment: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))


def life(end: float) -> Readings:
    """The readings of the house until `end` (Unix seconds), one row a minute."""
    chance = random.Random(5)  # noqa: S311 - a house, no secret
    places = {
        "kitchen/freezer": (-19.0, 1.0),
        "kitchen/fridge": (5.0, 0.6),
        "cellar/boiler": (61.0, 3.0),
        "cellar/pump": (34.0, 1.5),
        "roof/panel": (45.0, 5.0),
        "attic/air": (18.0, 2.0),
        "hall/new": (21.0, 0.5),
        f"hall/{SCRIPT}": (20.0, 1.0),
    }
    readings: Readings = []
    for row in range(ROWS):
        moment = end - (ROWS - 1 - row) * MINUTE
        for place, (name, (mean, spread)) in enumerate(places.items()):
            if (name == "cellar/pump" and row > ROWS - 60) or (name == "hall/new" and row < ROWS - 50):
                continue
            value = mean + spread * (math.sin(row / (5 + place)) + chance.gauss(0, 0.2))
            value += spread * _fault(name, row)
            readings.append((f"house/{name}", {"value": round(value, 3), "time": moment}))
        for room in ("bath", "study"):
            both = {
                "t": 21 + math.sin(row / 9) + chance.gauss(0, 0.1),
                "h": 50 + chance.gauss(0, 1),
                "time": moment,
            }
            readings.append((f"rooms/{room}", both))
    return readings


def _fault(name: str, row: int) -> float:
    """Return by how many spreads each value is too high: one fault is open, two are over."""
    match name:
        case "kitchen/freezer":
            return max(0.0, (row - (ROWS - 25)) * 0.4)
        case "attic/air" | "roof/panel":
            return 9.0 if ROWS - 180 <= row < ROWS - 160 else 0.0
        case _ if SCRIPT in name:
            return max(0.0, (row - (ROWS - 25)) * 0.5)
    return 0.0


BAD = [
    ("house/kitchen/freezer", b'{"valu": 3}'),
    ("house/kitchen/freezer", SCRIPT.encode()),
    ("rooms/bath", b'{"t": 21}'),
]


def browser(language: str = "en") -> Chrome:
    """Debian's Chromium, without a window.

    Raises:
        LookupError: it is not installed.
    """
    driver, chromium = shutil.which("chromedriver"), shutil.which("chromium")
    if not driver or not chromium:
        raise LookupError("no chromium and chromedriver on PATH")
    options = ChromeOptions()
    options.binary_location = chromium
    for argument in (
        *(
            "headless=new",
            "no-sandbox",
            "disable-gpu",
            "disable-dev-shm-usage",
            "no-first-run",
            "hide-scrollbars",
        ),
        *(
            "disable-background-networking",
            "disable-component-update",
            "disable-sync",
            f"accept-lang={language}",
        ),
    ):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return Chrome(options, ChromeService(driver))
