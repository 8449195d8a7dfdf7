"""The processes on the other side of the broker: the daemon, and a bare subscriber."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rig.counter import Counter
from rig.run import CHILDREN

if TYPE_CHECKING:
    from real_broker import Mosquitto

PATIENCE = 120.0  # s
GRAIN = 64  # messages at a time that a subscriber in C says have come
METRICS = "127.0.0.1"


class Process:
    """A child that counts the messages it has done with.

    Attributes:
        behind: how many it may have done with and not counted yet, for ever.
    """

    behind = 0

    def __init__(self, folder: Path, script: str, *arguments: object, **more: str) -> None:
        folder.mkdir(exist_ok=True)
        self._counter = Counter(folder / "count")
        command = [
            sys.executable,
            str(CHILDREN / f"{script}.py"),
            str(folder / "count"),
            *map(str, arguments),
        ]
        with (folder / f"{script}.log").open("wb") as log:
            self._process = subprocess.Popen(command, stderr=log, env=os.environ | more)

    def done(self) -> int:
        return self._counter.value

    @property
    def memory(self) -> float:
        """Resident, in MB."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024

    @property
    def cpu(self) -> float:
        """Seconds of a core used so far."""
        return cpu_seconds(self._process.pid)

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(30)


class Daemon(Process):
    """The real daemon; `ready_after` is in seconds from its start."""

    def __init__(
        self, folder: Path, broker: Mosquitto, qos: int, *sections: dict[str, Any], **more: Any
    ) -> None:
        self._port = free_port()
        config = {
            "mqtt": {"host": broker.host, "port": broker.port, "qos": qos},
            "events": {"qos": qos},
            "metrics": {"port": self._port},
            "logging": {"level": "warning"},
            "detectors": [{"name": f"bench{at}", **one} for at, one in enumerate(sections)],
            **more,
        }
        (folder / "config.yaml").write_text(json.dumps(config))
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(str(folder / "notify"))
            notify.settimeout(PATIENCE)
            began = time.perf_counter()
            super().__init__(folder, "daemon", folder / "config.yaml", NOTIFY_SOCKET=str(folder / "notify"))
            while b"READY=1" not in notify.recv(4096):
                pass
            self.ready_after = time.perf_counter() - began
        while b"\nstreamdetect_mqtt_subscribed 1" not in self.metrics():
            time.sleep(0.05)

    def metrics(self) -> bytes:
        with urllib.request.urlopen(f"http://{METRICS}:{self._port}/metrics", timeout=30) as answer:
            return bytes(answer.read())


class CSubscriber(Process):
    """A client in C that only counts, at QoS 0."""

    behind = GRAIN - 1

    def __init__(self, folder: Path, broker: Mosquitto) -> None:
        super().__init__(folder, "c_subscriber", broker.port)
        while self.done() <= 0:
            time.sleep(0.01)


class Subscriber(Process):
    """A paho client that only counts."""

    def __init__(self, folder: Path, broker: Mosquitto, qos: int) -> None:
        super().__init__(folder, "subscriber", broker.port, qos)
        while self.done() < 0:  # it has not subscribed yet
            time.sleep(0.01)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((METRICS, 0))
        return int(probe.getsockname()[1])


def cpu_seconds(pid: int) -> float:
    """Seconds of a core that a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
