"""systemd's notification protocol: state sent as datagrams to the socket that NOTIFY_SOCKET names.

See sd_notify(3). Outside systemd every call does nothing.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger(__name__)


class Notifier:
    """Tells systemd how the daemon is doing."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        path = environment.get("NOTIFY_SOCKET", "")
        # A leading @ stands for the NUL byte of an abstract socket; other families are not for us.
        self._address = "\0" + path[1:] if path.startswith("@") else path if path.startswith("/") else ""
        self.watchdog_interval = _watchdog_interval(environment)

    def ready(self, status: str) -> None:
        """Tell systemd that start-up, or a reload, is over."""
        self._send("READY=1", f"STATUS={_line(status)}")

    def status(self, status: str) -> None:
        """Tell systemd the status in one line; `systemctl status` shows it."""
        self._send(f"STATUS={_line(status)}")

    def watchdog(self) -> None:
        """Tell systemd that every part of the daemon makes progress; due within `watchdog_interval`."""
        self._send("WATCHDOG=1")

    def reloading(self) -> None:
        """Tell systemd that a reload has begun; `ready` ends it."""
        microseconds = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send("RELOADING=1", f"MONOTONIC_USEC={microseconds}")

    def stopping(self) -> None:
        """Tell systemd that the daemon shuts down."""
        self._send("STOPPING=1")

    def _send(self, *assignments: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.setblocking(False)  # noqa: FBT003 - the socket API
                sender.sendto("\n".join(assignments).encode(), self._address)
        except OSError as error:
            log.warning("cannot notify systemd: %s", error)


def _watchdog_interval(environment: Mapping[str, str]) -> float | None:
    """Return the seconds after which systemd takes silence for a hang; None if it does not watch us."""
    microseconds = environment.get("WATCHDOG_USEC", "")
    if not microseconds.isdecimal() or environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return int(microseconds) / 1e6 or None


def _line(text: str) -> str:
    return " ".join(text.split())
