"""The daemon's process, as an operator sees it: configuration, signals, HTTP, log and /proc."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import streamdetect
from rig.waiting import NeverHappenedError, until

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

COMMAND = (sys.executable, "-m", "streamdetect")
OURS = os.environ | {"PYTHONPATH": str(Path(streamdetect.__file__).parents[1])}
"""The environment in which a process runs the same streamdetect as the oracle, whatever is installed."""

_TIMEOUT = 5.0  # s for an answer over HTTP
_START = 300.0  # s; where others are at work, imports alone take a minute
_LOG_LINES = 15  # of a log that goes into an error


class Ended(NamedTuple):
    """The end of a process, and its duration."""

    code: int
    seconds: float


class Daemon:
    """One configured daemon that can be started again and again; state and log stay.

    Attributes:
        config: sections of its configuration, as plain data.
        state: its state directory.
        environment: added to ours at the next start.
        command: what is run, before `run -c`.
        url: of its HTTP port.
    """

    def __init__(
        self, folder: Path, config: dict[str, Any], port: int, command: Sequence[str] = COMMAND
    ) -> None:
        self.config = config
        self.state = Path(config["state"]["directory"])
        self.environment: Mapping[str, str] = {}
        self.command = tuple(command)
        self.url = f"http://127.0.0.1:{port}"
        self._config = folder / "config.yaml"
        self._log = folder / "daemon.log"
        self._process: subprocess.Popen[bytes] | None = None

    # Life and death

    def start(self, *, ready: bool = True) -> None:
        """Start it, and by default wait until it is subscribed.

        Raises:
            NeverHappenedError: it never was.
        """
        self._config.write_text(json.dumps(self.config))
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self.command, "run", "-c", str(self._config)],
                stderr=log,
                env=OURS | dict(self.environment),
                cwd=self._config.parent,
            )
        if ready:
            until(lambda: self.ready or self.code is not None, "ready", _START)
            if self.code is not None:
                raise NeverHappenedError(f"the daemon ended with {self.code}:\n{self.tail}")

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(30)

    def terminate(self, within: float = 60.0) -> Ended:
        """Ask it to end.

        Raises:
            NeverHappenedError: it did not.
        """
        began = time.monotonic()
        self.signal(signal.SIGTERM)
        code = self.wait(within)
        return Ended(code, time.monotonic() - began)

    def wait(self, within: float) -> int:
        """Return the status with which it ends.

        Raises:
            NeverHappenedError: it does not.
        """
        until(lambda: self.code is not None, "the daemon's end", within)
        return self._running.returncode

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self._running.send_signal(number)

    @property
    def code(self) -> int | None:
        """The status with which it ended; None while it runs."""
        return self._running.poll()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._running.pid

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("the daemon was never started")
        return self._process

    # What it says

    @property
    def ready(self) -> bool:
        """Tell whether /readyz answers yes."""
        return self.get("/readyz") == 200

    def get(self, path: str) -> int:
        """Return the status of a page; 0 without an answer."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=_TIMEOUT) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def metrics(self) -> dict[str, float]:
        """Return every sample by its name and labels, less our prefix; nothing if it does not answer."""
        try:
            with urllib.request.urlopen(f"{self.url}/metrics", timeout=_TIMEOUT) as answer:
                lines = answer.read().decode().splitlines()
        except (OSError, HTTPException):  # it may be killed while it answers
            return {}
        samples = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return {name.removeprefix("streamdetect_"): float(value) for name, value in samples}

    def metric(self, name: str) -> float:
        """Return one sample, or the sum of those that have labels; NaN if there is none."""
        found = [value for key, value in self.metrics().items() if key.partition("{")[0] == name]
        return sum(found) if found else float("nan")

    @property
    def log(self) -> str:
        """All that it has logged."""
        return self._log.read_text()

    @property
    def tail(self) -> str:
        """The end of the log."""
        return "\n".join(self.log.splitlines()[-_LOG_LINES:])

    # What it takes

    @property
    def rss(self) -> int:
        """Resident memory, in bytes."""
        return self._kilobytes("VmRSS:") * 1024

    @property
    def highest_rss(self) -> int:
        """The most resident memory of this life, in bytes, as the kernel counts it."""
        return self._kilobytes("VmHWM:") * 1024

    def _kilobytes(self, what: str) -> int:
        text = Path(f"/proc/{self.pid}/status").read_text()
        (line,) = (line for line in text.splitlines() if line.startswith(what))
        return int(line.split()[1])

    @property
    def descriptors(self) -> int:
        """Count its open files."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))
