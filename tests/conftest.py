"""A real Mosquitto for every test that wants one."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def free_port() -> int:
    """Return a port of 127.0.0.1 that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Mosquitto:
    """A broker process with its own folder; the port stays the same over restarts."""

    def __init__(self, folder: Path, options: tuple[str, ...], listener: tuple[str, ...]) -> None:
        self.host = "127.0.0.1"
        self.port = free_port()
        self.folder = folder
        self.log = folder / "mosquitto.log"
        self._process: subprocess.Popen[bytes] | None = None
        lines = (
            "per_listener_settings false",
            f"persistence_location {folder}/",
            "log_type all",
            *(() if any("allow_anonymous" in line for line in options) else ("allow_anonymous true",)),
            *(() if any("max_queued_messages" in line for line in options) else ("max_queued_messages 0",)),
            *options,
            f"listener {self.port} {self.host}",
            *listener,
        )
        (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")

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
                pytest.fail(f"mosquitto did not start:\n{self.log.read_text()}")
            time.sleep(0.01)

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.send_signal(signal.SIGCONT)
            self._process.wait(10)
            self._process = None

    def kill(self) -> None:
        self.stop(signal.SIGKILL)

    def restart(self) -> None:
        self.stop()
        self.start()

    def freeze(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _accepts(self) -> bool:
        try:
            socket.create_connection((self.host, self.port), timeout=1).close()
        except OSError:
            return False
        return True


@pytest.fixture
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Mosquitto]]:
    """Start brokers: `mosquitto("max_inflight_messages 5", listener=("cafile …",), start=False)`.

    `options` are lines of its configuration before the TCP listener, `listener` those after it, where TLS
    settings and further listeners go. A line may hold `{folder}`, the broker's folder, and every broker is
    gone when the test ends.
    """
    if shutil.which("mosquitto") is None:
        pytest.skip("mosquitto is not installed")
    brokers: list[Mosquitto] = []

    def make(*options: str, listener: tuple[str, ...] = (), start: bool = True) -> Mosquitto:
        broker = Mosquitto(tmp_path_factory.mktemp("mosquitto"), options, listener)
        brokers.append(broker)
        if start:
            broker.start()
        return broker

    yield make
    for broker in brokers:
        broker.kill()
