"""A plant, the shipped broker, the real daemon and a real Prometheus with the shipped rules, for a minute."""

from __future__ import annotations

import json
import math
import random
import shutil
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING

import yaml
from shipped_broker import PASSWORDS, free_port

if TYPE_CHECKING:
    from pathlib import Path

    from shipped_broker import Broker

SENSORS = [f"north/{kind}{number}" for kind in ("temperature", "pressure") for number in range(1, 7)]
ROWS, RATE = 480, 8.0  # readings of each sensor, and how many of them a second
# From which row to which, and by how much the value is then too high
FAULTS = {"north/temperature2": (300, 360, 30.0), "north/pressure3": (330, 420, 40.0)}
SECONDS = ROWS / RATE


def recording(path: Path) -> None:
    """Write what the plant will say: slow waves, noise, and two sensors that jump."""
    chance = random.Random(7)  # noqa: S311 - a plant, no secret
    lines = [",".join(["time", *SENSORS])]
    for row in range(ROWS):
        values = []
        for place, sensor in enumerate(SENSORS):
            start, end, jump = FAULTS.get(sensor, (0, 0, 0.0))
            value = 50 + 5 * math.sin(row / (8 + place) + place) + chance.gauss(0, 0.3)
            value += jump if start <= row < end else 0.0
            values.append(f"{value:.3f}")
        lines.append(",".join([str(row), *values]))
    path.write_text("\n".join(lines) + "\n")


class Live:
    """Starts everything, lets it run, and answers queries until it is stopped."""

    def __init__(self, deploy: Path, folder: Path, broker: Broker) -> None:
        self.folder, self.broker, self.deploy = folder, broker, deploy
        self.metrics_port, self.prometheus_port = free_port(), free_port()
        self.instance = f"127.0.0.1:{self.metrics_port}"
        self._processes: list[subprocess.Popen[bytes]] = []
        self.started = self.ended = 0.0

    def run(self) -> None:
        """Run for a minute in which there are incidents and all that else may happen, once."""
        self._configure()
        self._start_daemon()
        options = ("--config.file=prometheus/prometheus.yml", "--storage.tsdb.path=data")
        self._start(
            "prometheus", "prometheus", *options, f"--web.listen-address=127.0.0.1:{self.prometheus_port}"
        )
        self._until(lambda: self.query("streamdetect_mqtt_subscribed == 1"))
        self.started = time.time()
        plant = self._start("plant", *self._plant())
        time.sleep(SECONDS / 8)
        self.daemon.kill()
        self._start_daemon()
        time.sleep(SECONDS / 4)
        self._disturb()
        plant.wait(4 * SECONDS)
        if plant.returncode:
            raise RuntimeError((self.folder / "plant.log").read_text())
        time.sleep(3)  # the last scrape and the last rules
        self.ended = time.time()

    def exposition(self) -> str:
        """Return the metrics that the daemon shows Prometheus."""
        with urllib.request.urlopen(f"http://{self.instance}/metrics", timeout=10) as answer:
            return answer.read().decode()

    def query(self, expression: str) -> list[dict]:
        """Ask Prometheus for what is now."""
        return self._ask("query", query=expression)

    def query_range(self, expression: str, step: float = 1.0) -> list[dict]:
        """Ask Prometheus for the whole run."""
        return self._ask("query_range", query=expression, start=self.started, end=self.ended, step=step)

    def labels(self, selector: str, label: str) -> list[str]:
        """Ask Prometheus for the values of a label, as a variable of a dashboard does."""
        return self._ask(f"label/{label}/values", **{"match[]": selector})

    def rules(self) -> list[dict]:
        """Ask Prometheus for its rules and how they fare."""
        return self._ask("rules")["groups"]

    def stop(self) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait(30)

    def _configure(self) -> None:
        recording(self.folder / "plant.csv")
        for user in ("plant", "streamdetect"):
            secret = self.folder / f"{user}.password"
            secret.write_text(PASSWORDS[user] + "\n")
            secret.chmod(0o600)
            mqtt = {
                "host": "localhost",
                "port": self.broker.tls_port,
                "tls": {"enabled": True, "ca_file": str(self.broker.ca)},
                "username": user,
                "password_file": str(secret),
                "client_id": user,
            }
            detectors = [
                {"name": kind, "topics": [f"sensors/north/{kind}{number}" for number in range(1, 7)]}
                | {"templates": ["sensors/{sensor#}"], "sensor": "{sensor}"}
                for kind in ("temperature", "pressure")
            ]
            config = {"mqtt": mqtt, "metrics": {"port": self.metrics_port}, "detectors": detectors}
            config["state"] = {"directory": str(self.folder / "state")}
            name = "daemon.yaml" if user == "streamdetect" else "plant.yaml"
            (self.folder / name).write_text(yaml.safe_dump(config))
        shutil.copytree(self.deploy / "prometheus", self.folder / "prometheus")
        shipped = self.folder / "prometheus" / "prometheus.yml"
        text = (
            shipped.read_text()
            .replace("localhost:9464", self.instance)
            .replace("interval: 15s", "interval: 1s")
        )
        shipped.write_text(text)

    def _plant(self) -> list[str]:
        replay = [
            sys.executable,
            "-m",
            "streamdetect",
            "replay",
            "plant.csv",
            "--per-column",
            "-c",
            "plant.yaml",
        ]
        return [*replay, "--speed", str(RATE), "--time", "now"]

    def _disturb(self) -> None:
        """Send unreadable and retained messages, reload a refused configuration, restart the broker."""

        def publish(*arguments: str) -> None:
            self.broker.client("mosquitto_pub", "plant", "-q", 1, "-t", f"sensors/{SENSORS[0]}", *arguments)

        for payload in ("{", '{"value": "warm"}', '{"value": 1e999}'):
            publish("-m", payload)
        publish("-r", "-m", '{"value": 50}')
        valid = (self.folder / "daemon.yaml").read_text()
        (self.folder / "daemon.yaml").write_text(valid + "\nnonsense: true\n")
        self.daemon.send_signal(signal.SIGHUP)
        self._until(lambda: self.query("streamdetect_config_last_reload_successful == 0"))
        (self.folder / "daemon.yaml").write_text(valid)
        self.daemon.send_signal(signal.SIGHUP)
        self.broker.stop()
        self.broker.start()

    def _start_daemon(self) -> None:
        self.daemon = self._start("daemon", sys.executable, "-m", "streamdetect", "run", "-c", "daemon.yaml")

    def _start(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log)
        self._processes.append(process)
        return process

    def _until(self, condition) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                if condition():
                    return
            except OSError:  # not up yet
                pass
            time.sleep(0.2)
        logs = "\n".join(f"--- {log.name}\n{log.read_text()[-2000:]}" for log in self.folder.glob("*.log"))
        raise TimeoutError(f"not within a minute\n{logs}")

    def _ask(self, path: str, **parameters: object):
        query = urllib.parse.urlencode(parameters)
        url = f"http://127.0.0.1:{self.prometheus_port}/api/v1/{path}?{query}"
        with urllib.request.urlopen(url, timeout=30) as answer:
            data = json.load(answer)["data"]
        return data["result"] if path.startswith("query") else data
