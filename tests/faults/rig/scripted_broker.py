"""A broker that a row writes itself: what it sends, when, and whether it answers at all."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from rig import packets
from rig.packets import packet, text

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

CONNACK = packet(0x20, b"\0\0\0")
_SUBSCRIBE, _PUBLISH, _PINGREQ = 8, 3, 12


class Guest:
    """One connection of the daemon's."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.heard: list[bytes] = []  # packets
        self._splitter = packets.Splitter()

    def send(self, data: bytes) -> None:
        """Send bytes, packets or not."""
        self.connection.sendall(data)

    def listen(self, kind: int) -> bytes:
        """Return the next packet of this type; what comes before is answered as any broker would."""
        while True:
            data = self.connection.recv(65_536)
            if not data:
                raise ConnectionResetError
            for one in self._splitter.feed(data):
                self.heard.append(one)
                if packets.kind(one) == kind:
                    return one
                self._answer(one)

    def welcome(self, connack: bytes = CONNACK) -> None:
        """Take it in and grant its subscription."""
        self.listen(1)
        self.send(connack)
        self.grant(self.listen(_SUBSCRIBE))

    def grant(self, subscribe: bytes) -> None:
        """Grant a subscription to one filter."""
        self.send(packet(0x90, packets.packet_id(subscribe).to_bytes(2) + b"\0\1"))

    def serve(self) -> None:
        """Answer for as long as there is a connection."""
        self.listen(15)

    def _answer(self, one: bytes) -> None:
        if packets.kind(one) == _PUBLISH and packets.asks_for_ack(one):
            self.send(packet(0x40, packets.packet_id(one).to_bytes(2) + b"\0\0"))
        elif packets.kind(one) == _PINGREQ:
            self.send(packet(0xD0, b""))


class ScriptedBroker:
    """Plays a script for every connection until it is closed.

    Attributes:
        connections: how many there were.
    """

    def __init__(self, port: int, script: Callable[[Guest], None]) -> None:
        self.connections = 0
        self._script = script
        self._listener = socket.create_server(("127.0.0.1", port))
        self._listener.settimeout(0.2)
        self._stopping = False
        self._open: socket.socket | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping = True
        if self._open is not None:
            with suppress(OSError):
                self._open.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._listener.close()

    def _run(self) -> None:
        while not self._stopping:
            with suppress(OSError):  # nobody came, or whoever came hung up
                self._open, _ = self._listener.accept()
                with self._open:
                    self.connections += 1
                    self._script(Guest(self._open))


def reading(topic: str, payload: bytes, qos: int = 0, mid: int = 0) -> bytes:
    """Return a PUBLISH of MQTT 5."""
    return packet(0x30 | qos << 1, text(topic) + (mid.to_bytes(2) if qos else b"") + b"\0" + payload)
