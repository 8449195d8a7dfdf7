"""The datagrams that systemd would have received, at a socket for NOTIFY_SOCKET."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self


class Said(NamedTuple):
    """One datagram, and when it came in monotonic seconds."""

    time: float
    text: str


class NotifySocket:
    """Collects notifications until it is closed."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "notify"
        self.said: list[Said] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"", str(self.path))
        self._thread.join(10)
        self._socket.close()

    def times(self, what: str) -> list[float]:
        """Return the times of lines like WATCHDOG=1."""
        return [said.time for said in list(self.said) if what in said.text.splitlines()]

    def environment(self, watchdog_seconds: float) -> dict[str, str]:
        """Return what systemd would put into the daemon's environment."""
        return {"NOTIFY_SOCKET": str(self.path), "WATCHDOG_USEC": str(round(watchdog_seconds * 1e6))}

    def _listen(self) -> None:
        while data := self._socket.recv(4096):
            self.said.append(Said(time.monotonic(), data.decode()))
