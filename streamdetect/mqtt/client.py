"""Paho's client, but for four things.

Its loop suits nobody who stops reading now and then, and it asks the system for each packet in at least three
pieces and takes about 35 µs over a PUBLISH. Here the socket is read ahead, and a PUBLISH that lies whole in
what was read is taken apart at once, in 2 µs. Whatever is less plain is left to paho: other packets, QoS 2,
properties, what is cut off or malformed.

And nothing waits for the kernel to fill a segment. Mosquitto holds a small packet back until the one before
is acknowledged (Nagle's algorithm, unless it has `set_tcp_nodelay`), which a system that reads and does not
answer does 40 ms later. So we acknowledge at once, and do not hold back what we send.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import MQTTErrorCode

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from paho.mqtt.client import SocketLike

_AGAIN: Final = MQTTErrorCode.MQTT_ERR_AGAIN
_SUCCESS: Final = MQTTErrorCode.MQTT_ERR_SUCCESS

_READ_AHEAD = 65_536  # bytes
_PUBLISH, _TYPE, _QOS_2, _RETAIN = 0x30, 0xF0, 0x04, 0x01  # in a packet's first byte (MQTT 5, 2.1 and 3.3.1)
_QUICKACK: Final = getattr(socket, "TCP_QUICKACK", None)  # Linux
_MORE = 0x80  # in a byte of a length: another one follows (1.5.5)


class PacedClient(Client):
    """Reads a packet when it is told to, and takes nobody's silence for a loss.

    Attributes:
        on_publication: called with topic, payload, QoS, packet id and retain of a PUBLISH that did not need
            paho; those that do go to `on_message`.
    """

    on_publication: Callable[[bytes, bytes, int, int, bool], None]

    def __init__(self, *arguments: Any, **more: Any) -> None:  # noqa: ANN401 - paho's own
        super().__init__(*arguments, **more)
        self._ahead = b""  # read and not yet used, from `_at` on
        self._at = 0
        self._tcp: socket.socket | None = None

    def reconnect(self) -> MQTTErrorCode:
        """Connect anew; what was read from the last connection is of no use on this one."""
        self._ahead, self._at = b"", 0
        return super().reconnect()

    def _create_socket(self) -> SocketLike:
        """Make paho's socket, without its delays if it is one of TCP."""
        made = super()._create_socket()
        inner = getattr(made, "_socket", made)  # of a WebSocket
        self._tcp = None
        if isinstance(inner, socket.socket) and inner.family in {socket.AF_INET, socket.AF_INET6}:
            self._tcp = inner
            inner.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """Read one packet, or what is there of it.

        Paho's own reads as many as there are publications in flight, whatever it is asked for.
        """
        if max_packets < 1 or self._sock is None:
            return MQTTErrorCode.MQTT_ERR_NO_CONN
        if not self._in_packet["command"] and self._publication():
            return _SUCCESS
        code = self._packet_read()
        if code > 0:
            return self._loop_rc_handle(code)
        return _SUCCESS if code == _AGAIN else code

    @property
    def pending(self) -> int:
        """Bytes that were read, or decrypted by TLS, already: the socket does not show them."""
        return len(self._ahead) - self._at or getattr(self._sock, "pending", int)()

    def ask(self) -> None:
        """Send a PINGREQ.

        Paho's own keepalive (`loop_misc`) ends a connection on which the answer was not read.
        """
        self._send_pingreq()

    def _sock_recv(self, bufsize: int) -> bytes:
        """Give paho what was read ahead, at most `bufsize` bytes; empty at the end of the connection."""
        if self._at == len(self._ahead):
            self._read_ahead()
        start = self._at
        self._at = min(start + bufsize, len(self._ahead))
        return self._ahead[start : self._at]

    def _publication(self) -> bool:
        """Take a plain PUBLISH off what was read ahead; False, with nothing done, if there is none."""
        if self._at == len(self._ahead):
            try:
                self._read_ahead()
            except OSError:
                return False  # paho meets it again, and knows what to do
        try:
            return self._take(self._ahead, self._at)
        except IndexError:  # it is not all there yet
            return False

    def _read_ahead(self) -> None:
        self._ahead, self._at = super()._sock_recv(_READ_AHEAD), 0
        if self._tcp and _QUICKACK is not None:
            self._tcp.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)  # holds for this time only

    def _take(self, data: bytes, at: int) -> bool:
        """Hand over the packet that begins there, if it is a plain PUBLISH (MQTT 5, 3.3)."""
        first, size = data[at], data[at + 1]
        if first & _TYPE != _PUBLISH or first & _QOS_2:
            return False
        at += 2
        if size & _MORE:  # the length takes two bytes
            size += (data[at] << 7) - _MORE
            if data[at] & _MORE:
                return False
            at += 1
        end, name = at + size, at + 2
        at = name + (data[at] << 8) + data[at + 1]
        topic, mid = data[name:at], 0
        if qos := first >> 1 & 1:
            mid = (data[at] << 8) + data[at + 1]
            at += 2
        if self._protocol == MQTTv5:
            if data[at]:  # it has properties
                return False
            at += 1
        if not topic or not at <= end <= len(data) or (qos and not mid):
            return False
        self._at = end
        self.on_publication(topic, data[at:end], qos, mid, bool(first & _RETAIN))
        return True
