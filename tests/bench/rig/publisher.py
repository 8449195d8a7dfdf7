"""A publisher that costs next to nothing: packets made beforehand, written to a socket many at a time."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from real_broker import Mosquitto

AT_ONCE = 100  # packets in a write
PATIENCE = 60.0  # s without any progress
_CONNECT = (
    b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00"  # MQTT 3.1.1, clean session, 60 s keepalive, any id
)


class Publisher:
    """One connection to a broker."""

    def __init__(self, broker: Mosquitto) -> None:
        self._socket = socket.create_connection((broker.host, broker.port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(_CONNECT)
        if self._socket.recv(4, socket.MSG_WAITALL) != b"\x20\x02\x00\x00":
            raise RuntimeError("the broker refuses the publisher")

    def push(self, packets: Sequence[bytes], done: Callable[[], int], ahead: int, behind: int = 0) -> float:
        """Send as fast as they are done with, at most `ahead` of them underway; seconds until all are done.

        Args:
            packets: PUBLISH packets.
            done: how many messages are done with.
            ahead: at least `AT_ONCE`.
            behind: the last so many may never be counted.

        Raises:
            RuntimeError: some are never done with: lost.
        """
        began = progress = time.perf_counter()
        base, sent, seen = done(), 0, 0
        while (came := done() - base) < len(packets) - behind:
            now = time.perf_counter()
            if came != seen:
                seen, progress = came, now
            elif now - progress > PATIENCE:
                raise RuntimeError(f"{len(packets) - came} of {len(packets)} messages were lost")
            self._swallow()
            if sent < len(packets) and sent - came + AT_ONCE <= ahead:
                self._socket.sendall(b"".join(packets[sent : sent + AT_ONCE]))
                sent += AT_ONCE
            else:
                time.sleep(0.0005)
        return time.perf_counter() - began

    def pace(self, packets: Sequence[bytes], rate: float) -> None:
        """Send at this rate, a write a millisecond at most."""
        began, sent = time.perf_counter(), 0
        while sent < len(packets):
            due = min(int((time.perf_counter() - began) * rate), len(packets))
            if due > sent:
                self._socket.sendall(b"".join(packets[sent:due]))
                sent = due
            self._swallow()
            time.sleep(0.001)

    def send(self, one: bytes) -> None:
        self._socket.sendall(one)

    def close(self) -> None:
        self._socket.close()

    def _swallow(self) -> None:
        """Read the broker's answers away."""
        try:
            self._socket.recv(1 << 16, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
