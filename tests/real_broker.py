"""A real Mosquitto, for every test that wants one."""

from __future__ import annotations

import getpass
import secrets
import signal
import socket
import subprocess
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_PORTS = range(12_000, 32_000)  # below those of outgoing connections, which might take one during a restart


def free_port() -> int:
    """Return a port of 127.0.0.1 that nothing listens on now."""
    while True:
        port = secrets.choice(_PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


class Mosquitto:
    """A broker process with its own folder; the port stays the same over restarts."""

    def __init__(self, folder: Path, options: tuple[str, ...], listener: tuple[str, ...]) -> None:
        self.host = "127.0.0.1"
        self.port = free_port()
        self.folder = folder
        self.log = folder / "mosquitto.log"
        self._process: subprocess.Popen[bytes] | None = None
        defaults = {
            "user": getpass.getuser(),  # or root becomes a user who may not write here
            "persistence_location": f"{folder}/",
            "log_type": "all",
            "allow_anonymous": "true",
            # 0 is no limit, but then Mosquitto 2.0.11 hangs up on a client when it refuses a publication.
            "max_queued_messages": "1000000",
        }
        given = {option.split()[0] for option in options}
        preset = [f"{name} {value}" for name, value in defaults.items() if name not in given]
        lines = [*preset, *options, f"listener {self.port} {self.host}", *listener]
        text = "\n".join(lines).replace("{folder}", str(folder)) + "\n"
        (folder / "mosquitto.conf").write_text(text)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        with self.log.open("ab") as log:
            command = ["mosquitto", "-c", str(self.folder / "mosquitto.conf")]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        while not self._accepts():
            if self._process.poll() is not None:
                raise RuntimeError(f"mosquitto did not start:\n{self.log.read_text()}")
            time.sleep(0.01)

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.send_signal(signal.SIGCONT)
            self._process.wait(60)  # it writes what it holds
            self._process = None

    def kill(self) -> None:
        self.stop(signal.SIGKILL)

    def restart(self) -> None:
        self.stop()
        self.start()

    def save(self) -> None:
        """Have it write what it holds to the disk; it needs `persistence true`."""
        database = self.folder / "mosquitto.db"
        before = database.stat().st_mtime_ns if database.exists() else 0
        assert self._process is not None
        self._process.send_signal(signal.SIGUSR1)
        deadline = time.monotonic() + 120
        while not database.exists() or database.stat().st_mtime_ns == before:
            if time.monotonic() > deadline:
                raise RuntimeError(f"mosquitto did not save:\n{self.log.read_text()}")
            time.sleep(0.01)

    def freeze(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def publish(self, topic: str, payloads: Sequence[str], *options: str) -> None:
        """Publish with mosquitto_pub, at QoS 1 unless the options say otherwise."""
        qos = () if "-q" in options else ("-q", "1")
        command = ["mosquitto_pub", "-p", str(self.port), "-t", topic, "-l", *qos, *options]
        subprocess.run(command, input="\n".join(payloads), text=True, check=True, timeout=120)

    def retained(self, topic: str, *options: str) -> str:
        """Return what mosquitto_sub finds retained under a topic."""
        command = ["mosquitto_sub", "-p", str(self.port), "-t", topic, "-C", "1", "-W", "60", *options]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout.strip()

    def _accepts(self) -> bool:
        try:
            socket.create_connection((self.host, self.port), timeout=1).close()
        except OSError:
            return False
        return True
