"""A broker that answers a connection properly, and then sends packets that are not quite MQTT."""

from __future__ import annotations

import random
import select
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from rig import packets
from rig.packets import packet, text

if TYPE_CHECKING:
    from typing import Self

_A_CONNECTION = 20  # mutations at most
_LINGER = 0.005  # s in which the daemon may answer, or hang up
_ANSWER = 0.3  # s that the daemon may take to say what it must; it may be waiting for the rest of a packet

_CONNACK = packet(0x20, b"\0\0\x06\x21\0\x64\x22\0\0")
_SUBACK = packet(0x90, b"\0\1\0\1")
_READING = b'{"time": 1.7e9, "value": 21.5}'
_TOPIC = text("sensors/fuzz")
_PROPERTIES = b"\x10\x01\x01" + b"\x03" + text("json") + b"\x26" + text("a") + text("b")
_SEEDS = (
    _CONNACK,
    _SUBACK,
    packet(0x30, _TOPIC + b"\0" + _READING),
    packet(0x32, _TOPIC + b"\0\7\0" + _READING),
    packet(0x34, _TOPIC + b"\0\x08\0" + _READING),
    packet(0x33, _TOPIC + b"\0\7" + bytes([len(_PROPERTIES)]) + _PROPERTIES + _READING),
    packet(0x32, _TOPIC + b"\0\x09\0" + bytes(300)),
    packet(0x40, b"\0\1\x10\0"),
    packet(0x50, b"\0\1\0\0"),
    packet(0x62, b"\0\1\0\0"),
    packet(0x70, b"\0\1\0\0"),
    packet(0xB0, b"\0\1\0\0"),
    packet(0xD0, b""),
    packet(0xE0, b"\x8b\x05\x1f" + text("so")),
    packet(0xF0, b"\x18\x06\x15" + text("sci")),
)


class FakeBroker:
    """Serves one connection after the other until it has sent so many mutated packets.

    Attributes:
        sent: mutations so far.
        connections: how many there were.
    """

    def __init__(self, port: int, mutations: int, seed: int) -> None:
        self.sent = self.connections = 0
        self._mutations = mutations
        self._random = random.Random(seed)  # noqa: S311 - the same packets every time
        self._listener = socket.create_server(("127.0.0.1", port))
        self._listener.settimeout(0.2)
        self._stopping = False
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping = True
        self._thread.join(30)
        self._listener.close()

    @property
    def done(self) -> bool:
        """True if all mutations were sent."""
        return self.sent >= self._mutations

    def _serve(self) -> None:
        while not (self.done or self._stopping):
            with suppress(OSError):  # nobody came, or whoever came hung up
                connection, _ = self._listener.accept()
                with connection:
                    self.connections += 1
                    self._torment(connection)

    def _torment(self, connection: socket.socket) -> None:
        chance = self._random
        connection.settimeout(_ANSWER)
        connection.recv(4096)
        if not chance.randrange(4):
            self._send(connection, self._mutated(_CONNACK))
        connection.sendall(_CONNACK)
        if chance.randrange(4):
            connection.recv(4096)
            connection.sendall(_SUBACK)
        for _ in range(chance.randrange(1, _A_CONNECTION)):
            self._send(connection, self._mutated(chance.choice(_SEEDS)))
            if select.select([connection], [], [], _LINGER)[0] and not connection.recv(65_536):
                return

    def _send(self, connection: socket.socket, data: bytes) -> None:
        connection.sendall(data)
        self.sent += 1

    def _mutated(self, seed: bytes) -> bytes:
        """Return a packet with one to four things wrong with it."""
        chance, data = self._random, bytearray(seed)
        for _ in range(chance.randrange(1, 5)):
            at = chance.randrange(len(data)) if data else 0
            match chance.randrange(6):
                case 0:
                    data[at : at + 1] = bytes([chance.randrange(256)])
                case 1 if data:
                    data[at] ^= 1 << chance.randrange(8)
                case 2:
                    del data[at:]
                case 3:
                    data[at:at] = chance.randbytes(chance.randrange(1, 9))
                case 4:
                    data[at:at] = data[: chance.randrange(len(data) + 1)]
                case _:
                    data[1:2] = bytes([chance.choice((0, 1, 2, 3, 0x7F, 0x80, 0xFF))])
        return bytes(data) or packets.packet(0xD0, b"")
