"""The cost of receiving: prepared packets through the daemon's own client, over a pair of sockets."""

from __future__ import annotations

import socket
import struct
import time
from typing import TYPE_CHECKING, Any

from streamdetect.mqtt.broker import make_client
from streamdetect.mqtt.client import PacedClient
from streamdetect.mqtt.inbox import Inbox
from streamdetect.mqtt.publications import Publications
from streamdetect.mqtt.session import Session
from streamdetect.mqtt.status import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paho.mqtt.client import SocketLike

    from streamdetect.config import Config
    from streamdetect.mqtt.inbox import Message

_CONNACK = {True: b"\x20\x03\x00\x00\x00", False: b"\x20\x02\x00\x00"}  # of MQTT 5 (3.2), of 3.1.1
_AT_ONCE = 100  # packets
_LARGEST = 1 << 16  # bytes read at a time


def receiving_rate(config: Config, messages: Sequence[Message]) -> float:
    """Messages a second into the inbox and out of it, acknowledged at QoS 1: the median of many parts.

    They come many at a time, as they do where their number matters. Neither TLS nor the network is included.
    """
    near, far = socket.socketpair()
    version5 = config.mqtt.protocol == "5"
    with near, far:
        session, inbox, client = _connected(config, near, far)
        costs = []
        for start in range(0, len(messages), _AT_ONCE):
            part = messages[start : start + _AT_ONCE]
            left = b"".join(
                publish_packet(
                    message.topic, message.payload, mid if config.mqtt.qos else 0, version5=version5
                )
                for mid, message in enumerate(part, 1)
            )
            began = time.perf_counter()
            while inbox.depth < len(part):
                left = left[_send(far, left) :]
                client.loop_read()
            taken = inbox.take(len(part), 0.0, 0.0)
            session.acknowledge([(message.generation, message.mid) for message in taken if message.qos])
            costs.append((time.perf_counter() - began) / len(part))
            if config.mqtt.qos:
                far.recv(_LARGEST)
    return 1 / sorted(costs)[len(costs) // 2]


def _connected(config: Config, near: socket.socket, far: socket.socket) -> tuple[Session, Inbox, PacedClient]:
    """Return the client on one end, connected to the broker that we play at the other end."""

    class OnPair(PacedClient):
        def _create_socket(self) -> SocketLike:
            return near

    def make(*arguments: Any, **more: Any) -> PacedClient:  # noqa: ANN401 - paho's own
        return OnPair(*arguments, **more | {"transport": "tcp"})

    client, inbox = make_client(config.mqtt, make), Inbox(_AT_ONCE)
    session = Session(config.mqtt, client, inbox, Publications(1), Status(client, None), time.time)
    client.reconnect()
    far.sendall(_CONNACK[config.mqtt.protocol == "5"])
    while not session.connected:
        client.loop_read()
    far.recv(_LARGEST)
    far.settimeout(0)
    return session, inbox, client


def _send(far: socket.socket, left: bytes) -> int:
    """Send as much as the sockets hold."""
    try:
        return far.send(left) if left else 0
    except BlockingIOError:
        return 0


def publish_packet(topic: str, payload: bytes, mid: int = 0, *, version5: bool = False) -> bytes:
    """A PUBLISH of MQTT 3.1.1 or 5 (3.3), at QoS 1 when it has a packet id."""
    name = topic.encode()
    body = struct.pack("!H", len(name)) + name + (struct.pack("!H", mid) if mid else b"")
    body += b"\x00" * version5 + payload
    size, left = b"", len(body)
    while True:
        left, digit = divmod(left, 128)
        size += bytes([digit | 128 if left else digit])
        if not left:
            return bytes([0x32 if mid else 0x30]) + size + body
