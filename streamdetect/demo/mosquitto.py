"""The Mosquitto that is installed, in a process of its own, for as long as something is measured."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from streamdetect.demo.broker import HOST, BrokerProcess, free_port, listens
from streamdetect.errors import StreamdetectError

if TYPE_CHECKING:
    from typing import Self

_WITHIN = 10.0  # s that it may take to start
_POLL = 0.02  # s
_PLACES = os.pathsep.join(("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin"))  # often not in PATH


def installed() -> str | None:
    """Find its program."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path=_PLACES)


class Mosquitto(BrokerProcess):
    """Mosquitto, which keeps nothing; a context manager.

    Args:
        program: as `installed` found it.
    """

    protocol = "5"

    def __init__(self, program: str) -> None:
        super().__init__(0)
        self._program = program

    @property
    def name(self) -> str:
        """Its name and version: Mosquitto 2.0.11."""
        said = subprocess.run([self._program, "-h"], capture_output=True, check=False, text=True)  # noqa: S603 - found in PATH
        return " ".join(["Mosquitto", *said.stdout.partition("\n")[0].split()[2:3]])

    def __enter__(self) -> Self:
        """Start it, and wait until it listens.

        Raises:
            StreamdetectError: it does not start.
        """
        self.port = free_port()
        with TemporaryDirectory(prefix="streamdetect-") as folder:
            settings = Path(folder, "mosquitto.conf")
            # As user itself: root would become a user who may not exist.
            settings.write_text(
                f"listener {self.port} {HOST}\nallow_anonymous true\nuser {getpass.getuser()}\n"
                "persistence false\nlog_type none\nmax_queued_messages 1000000\nset_tcp_nodelay true\n"
            )
            self._process = subprocess.Popen(  # noqa: S603 - found in PATH
                [self._program, "-c", str(settings)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            until = time.monotonic() + _WITHIN
            while not listens(self.port):
                if self._process.poll() is not None or time.monotonic() > until:
                    self.__exit__()
                    raise StreamdetectError(f"{self._program} does not start")
                time.sleep(_POLL)
        return self
