"""The publishers of readings and the subscribers to events: independent clients of the broker."""

from __future__ import annotations

import json
import select
import socket
import threading
import time
from collections import Counter, deque
from contextlib import contextmanager
from typing import TYPE_CHECKING

from paho.mqtt.client import Client, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion

from rig import packets
from rig.waiting import NeverHappenedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any, Self

_TICK = 0.02  # s; messages are sent so often
_IN_FLIGHT = 500
_ANSWER = 2.0  # s that a broker may take before we connect anew
_PAUSE = 0.2  # s between attempts to connect
_PATIENCE = 120.0  # s beyond what the rate asks for


class Publisher:
    """Publishes at QoS 1, in order, whatever becomes of its connection.

    Paho's client overtakes itself: what is published while it reconnects may go out before what it has to
    send again. Then a sensor's readings are late, and rightly dropped.
    """

    def __init__(self, port: int, name: str = "sensors") -> None:
        self._address = ("127.0.0.1", port)
        self._connect = packets.packet(0x10, b"\0\4MQTT\4\2\0\0" + packets.text(name))  # clean, no keepalive
        self._socket: socket.socket | None = None
        self._splitter = packets.Splitter()
        self._unacked: deque[tuple[int, bytes]] = deque()  # packet id, packet
        self._sent = 0
        self.again = 0  # messages sent a second time, of which the broker may make two

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._drop()

    def send(self, messages: Sequence[tuple[str, bytes]], rate: float) -> None:
        """Publish `rate` messages a second, and return when the broker has taken all.

        Raises:
            NeverHappenedError: it has not.
        """
        began, waiting = time.monotonic(), deque(messages)
        while waiting or self._unacked:
            elapsed = time.monotonic() - began
            if elapsed > len(messages) / rate + _PATIENCE:
                raise NeverHappenedError(f"the broker takes what is published: {len(waiting)} are left")
            due = int(elapsed * rate) + 1 - (len(messages) - len(waiting))
            try:
                self._exchange(waiting, due)
            except OSError:
                self._drop()
                time.sleep(_PAUSE)

    @contextmanager
    def sending(self, messages: Sequence[tuple[str, bytes]], rate: float) -> Iterator[threading.Thread]:
        """Publish beside the block, and wait at its end until all is published.

        Raises:
            NeverHappenedError: the broker does not take it.
        """
        failures: list[Exception] = []

        def body() -> None:
            try:
                self.send(messages, rate)
            except Exception as error:  # noqa: BLE001 - raised below
                failures.append(error)

        thread = threading.Thread(target=body)
        thread.start()
        try:
            yield thread
        finally:
            thread.join()
        if failures:
            raise failures[0]

    def _exchange(self, waiting: deque[tuple[str, bytes]], due: int) -> None:
        """Send what is due, then read answers until the next tick."""
        sock = self._connected()
        fresh = []
        for _ in range(min(due, len(waiting), _IN_FLIGHT - len(self._unacked))):
            topic, payload = waiting.popleft()
            self._sent += 1
            mid = self._sent % 0xFFFF + 1
            body = packets.text(topic) + mid.to_bytes(2) + payload
            fresh.append((mid, packets.packet(0x32, body)))
        self._unacked.extend(fresh)
        sock.sendall(b"".join(packet for _, packet in fresh))
        until = time.monotonic() + _TICK
        while (left := until - time.monotonic()) > 0 and select.select([sock], [], [], left)[0]:
            self._read(sock)

    def _read(self, sock: socket.socket) -> None:
        data = sock.recv(65_536)
        if not data:
            raise ConnectionResetError
        for packet in self._splitter.feed(data):
            if packets.kind(packet) == packets.PUBACK and self._unacked[0][0] == packets.packet_id(packet):
                self._unacked.popleft()

    def _connected(self) -> socket.socket:
        """Return the connection; on a new one, what was not acknowledged has been sent again."""
        if self._socket is None:
            self._socket = socket.create_connection(self._address, timeout=_ANSWER)
            self._splitter = packets.Splitter()
            self._socket.sendall(self._connect)
            if self._socket.recv(4) != b"\x20\x02\0\0":
                raise ConnectionRefusedError
            self.again += len(self._unacked)
            for _, packet in self._unacked:
                self._socket.sendall(bytes([packet[0] | 0x08]) + packet[1:])
        return self._socket

    def _drop(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class Recorder:
    """Counts the daemon's events by their ids, and keeps what it says of itself.

    Its session outlives its connections, of which it tries to have one every second.
    """

    def __init__(self, port: int, prefix: str = "streamdetect", name: str = "recorder") -> None:
        self.events: Counter[str] = Counter()
        self.status: list[str] = []
        self._port, self._prefix = port, prefix
        self._subscribed = threading.Event()
        self._client = Client(
            CallbackAPIVersion.VERSION2, client_id=name, clean_session=False, protocol=MQTTv311
        )
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message

    def __enter__(self) -> Self:
        self._client.connect_async("127.0.0.1", self._port, keepalive=10)
        self._client.loop_start()
        if not self._subscribed.wait(30):
            raise NeverHappenedError("the recorder's subscription: not within 30 s")
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(self, client: Client, *_: object) -> None:
        client.subscribe(f"{self._prefix}/#", qos=1)

    def _on_subscribe(self, *_: object) -> None:
        self._subscribed.set()

    def _on_message(self, _client: Client, _: object, message: Any) -> None:
        if message.topic == f"{self._prefix}/status":
            self.status.append(message.payload.decode())
        else:
            self.events[json.loads(message.payload)["id"]] += 1
