"""Paho's client, except for the following.

**Reading.** Paho's loop cannot stop reading for a while, asks the system for each packet in at least three
pieces and takes about 35 µs for a PUBLISH. Here the socket is read ahead, and a PUBLISH that lies whole in
what was read is taken apart at once, in 2 µs. Paho handles whatever is less plain: other packets, QoS 2,
properties, packets that are cut off or malformed.

**Limits.** A packet above the limit is skipped as it comes in, not gathered first. When messages at QoS 0
come faster than they can be used, all of them that were read ahead are skipped at once, at 0.2 µs a message:
dropping them one by one took so much of the interpreter that only a third of the verdicts was left.

**Order.** Before CONNACK no other packet is accepted, and after it no second CONNACK. A message at QoS 2 is
handed over when it arrives and answered with PUBREC once it has had its effect. Paho answers first: a message
that is lost then is lost for good.

**Answers.** All messages that are acknowledged at once are answered in one write. Paho writes each PUBACK by
itself: a call of the system and a wake-up of the broker, half of what a message at QoS 1 costs.

**Delays.** Nothing waits for the kernel to fill a segment. Mosquitto holds a small packet back until the one
before is acknowledged (Nagle's algorithm, unless it has `set_tcp_nodelay`), which a system that reads and
does not answer does 40 ms later. So we acknowledge at once, and do not hold back what we send.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, NamedTuple

from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.exception import MalformedPacket

from streamdetect.mqtt.dialing import Dialing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Final

    from paho.mqtt.client import MQTTMessage, SocketLike

_AGAIN: Final = MQTTErrorCode.MQTT_ERR_AGAIN
_LOST: Final = MQTTErrorCode.MQTT_ERR_CONN_LOST
_PROTOCOL: Final = MQTTErrorCode.MQTT_ERR_PROTOCOL
_SUCCESS: Final = MQTTErrorCode.MQTT_ERR_SUCCESS

LARGEST_PACKET: Final = 268_435_455  # bytes (MQTT 5, 2.1.4)
CONNECT_WITHIN: Final = 15.0
"""Seconds for opening a connection, CONNACK included."""

_READ_AHEAD = 65_536  # bytes
_CONNACK, _PUBLISH, _TYPE = 0x20, 0x30, 0xF0  # in a packet's first byte (MQTT 5, 2.1 and 3.3.1)
_PUBACK: Final = 0x40
_DUP, _QOS_2, _QOS, _RETAIN = 0x08, 0x04, 0x06, 0x01
_QUICKACK: Final = getattr(socket, "TCP_QUICKACK", None)  # Linux
_ANSWERS: Final = {1: b"\x40\x02", 2: b"\x50\x02"}  # PUBACK, PUBREC up to the packet id (3.4, 3.5), by QoS
_MORE = 0x80  # in a byte of a length: another one follows (1.5.5)
_LENGTHS = 4  # bytes of a length at most
_NAMES = 65_539  # bytes at the start of a PUBLISH that say what it is: topic and packet id


class Publication(NamedTuple):
    """A PUBLISH as it was on the wire."""

    topic: bytes
    payload: bytes
    qos: int
    mid: int  # packet id; 0 at QoS 0
    retain: bool
    dup: bool  # the broker has sent it before
    skipped: int = 0  # bytes of the packet, if it was too large: then `payload` is empty
    subscriptions: tuple[int, ...] = ()  # identifiers of those that it was sent for (MQTT 5, 3.3.2.3.8)


class _Incoming:
    """A packet that comes in piece by piece."""

    def __init__(self, header: bytes, largest: int) -> None:
        self.first = header[0]
        self.size = sum((byte & ~_MORE) << 7 * at for at, byte in enumerate(header[1:]))
        self.left = self.size
        self.body = bytearray()
        self._kept = self.size if self.size <= largest else _NAMES

    @property
    def skipped(self) -> bool:
        """True if it is larger than the limit; `body` is its beginning then."""
        return self._kept < self.size

    def take(self, part: bytes) -> None:
        self.left -= len(part)
        if len(self.body) < self._kept:
            self.body += part[: self._kept - len(self.body)]

    def named(self) -> Publication | None:
        """Read topic and packet id, if it is a PUBLISH."""
        name = 2 + int.from_bytes(self.body[:2])
        qos = (self.first & _QOS) >> 1
        mid = int.from_bytes(self.body[name : name + 2]) if qos else 0
        if self.first & _TYPE != _PUBLISH or (qos and not mid):
            return None
        flags = bool(self.first & _RETAIN), bool(self.first & _DUP)
        return Publication(bytes(self.body[2:name]), b"", qos, mid, *flags, skipped=self.size)


class PacedClient(Client):
    """Reads a packet when it is told to, and does not take silence for a lost connection.

    Attributes:
        largest: bytes of a packet after its fixed header; a larger one is skipped.
        on_publication: called with every PUBLISH.
        overrun: whether messages at QoS 0 come faster than they can be used.
        on_overrun: called with how many of them were skipped.
        stopped: whether to give up opening a connection; asked several times a second.
    """

    on_publication: Callable[[Publication], None]
    on_overrun: Callable[[int], None]

    def __init__(self, *arguments: Any, **more: Any) -> None:  # noqa: ANN401 - paho's own
        super().__init__(*arguments, **more)
        self.largest = LARGEST_PACKET
        self.overrun: Callable[[], bool] = bool
        self.stopped: Callable[[], bool] = bool
        self._dialing: Dialing
        self._ahead = b""  # read, and from `_at` on not yet used
        self._at = 0
        self._accepted = False  # the connection, when that was read
        self._fresh = False  # whether no message of what was read is taken yet
        self._header = bytearray()  # of the packet that comes next, as far as it is there
        self._incoming: _Incoming | None = None
        self._tcp: socket.socket | None = None

    def reconnect(self) -> MQTTErrorCode:
        """Connect anew; what was read from the last connection is of no use on this one.

        Raises:
            OSError: there is no connection within `CONNECT_WITHIN`, or `stopped` said so.
        """
        self._ahead, self._at, self._accepted = b"", 0, False
        self._header.clear()
        self._incoming = None
        return super().reconnect()

    def answer(self, messages: Iterable[tuple[int, int]]) -> None:
        """Answer messages that have had their effect, (packet id, QoS) each, in one write."""
        if answers := b"".join([_ANSWERS[qos] + mid.to_bytes(2) for mid, qos in messages]):
            self._packet_queue(_PUBACK, answers, 0, 1)

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """Read one packet, or the part of it that has arrived.

        Paho's own reads as many as there are publications in flight, whatever it is asked for.
        """
        if max_packets < 1 or self._sock is None:
            return MQTTErrorCode.MQTT_ERR_NO_CONN
        if not self._header and self._publication():
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

    # What paho calls to open a connection

    def _create_socket(self) -> SocketLike:
        """Make paho's socket, without its delays if it is one of TCP."""
        self._dialing = Dialing(CONNECT_WITHIN)
        made = self._dialing.run(super()._create_socket, self.stopped)
        inner = getattr(made, "_socket", made)  # of a WebSocket
        self._tcp = None
        if isinstance(inner, socket.socket) and inner.family in {socket.AF_INET, socket.AF_INET6}:
            self._tcp = inner
            inner.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    def _create_socket_connection(self) -> socket.socket:
        if self._get_proxy():
            return super()._create_socket_connection()
        return self._dialing.tcp(self._host, self._port)

    def _create_unix_socket_connection(self) -> socket.socket:
        return self._dialing.unix(self._host)

    # What paho calls to read a packet, and to handle it

    def _sock_recv(self, bufsize: int) -> bytes:
        """Give paho what was read ahead, at most `bufsize` bytes; empty at the end of the connection."""
        if self._at == len(self._ahead):
            self._read_ahead()
        start = self._at
        self._at = min(start + bufsize, len(self._ahead))
        return self._ahead[start : self._at]

    def _packet_read(self) -> MQTTErrorCode:
        """Read on in a packet, and have it handled when it is whole."""
        try:
            return self._read_on()
        except BlockingIOError:
            return _AGAIN
        except OSError:
            return _LOST

    def _read_on(self) -> MQTTErrorCode:
        if self._incoming is None:
            while len(self._header) < 2 or self._header[-1] & _MORE:  # noqa: PLR2004 - and one more
                if len(self._header) > 1 + _LENGTHS:
                    return _PROTOCOL
                self._header += self._received(1)
            if len(self._header) > 1 + _LENGTHS:
                return _PROTOCOL
            self._incoming = _Incoming(bytes(self._header), self.largest)
        incoming = self._incoming
        while incoming.left:
            incoming.take(self._received(incoming.left))
            if incoming.left and self._at == len(self._ahead):
                return _AGAIN  # a packet may be large, and others want their turn
        self._header.clear()
        self._incoming = None
        return self._skip(incoming) if incoming.skipped else self._handled(incoming)

    def _received(self, size: int) -> bytes:
        """Return at least one byte and at most `size`.

        Raises:
            OSError: the connection has ended, or nothing is there yet (BlockingIOError).
        """
        data = self._sock_recv(size)
        if not data:
            raise ConnectionResetError("connection lost")
        return data

    def _handled(self, incoming: _Incoming) -> MQTTErrorCode:
        """Have paho handle a packet, if it may come now (MQTT 5, 3.2)."""
        if (incoming.first & _TYPE == _CONNACK) == self.is_connected():
            return _PROTOCOL
        self._in_packet |= {
            "command": incoming.first,
            "remaining_length": incoming.size,
            "packet": incoming.body,
            "pos": 0,
        }
        try:
            return self._packet_handle()
        except MalformedPacket:
            return _PROTOCOL

    def _skip(self, incoming: _Incoming) -> MQTTErrorCode:
        """Hand over a publication whose packet was skipped."""
        publication = incoming.named() if self.is_connected() else None
        if publication is None:
            return _PROTOCOL
        self.on_publication(publication)
        return _SUCCESS

    def _handle_on_message(self, message: MQTTMessage) -> None:
        qos, mid, flags = message.qos, message.mid, (message.retain, message.dup)
        topic, payload = message._topic, bytes(message.payload)  # noqa: SLF001 - as it came; `topic` may raise
        identifiers = tuple(getattr(message.properties, "SubscriptionIdentifier", ()))
        self.on_publication(Publication(topic, payload, qos, mid, *flags, subscriptions=identifiers))

    def _handle_publish(self) -> MQTTErrorCode:
        """Hand over at once what paho keeps until PUBREL."""
        code = super()._handle_publish()
        while self._in_messages:
            self._handle_on_message(self._in_messages.popitem()[1])
        return code

    def _send_pubrec(self, mid: int) -> MQTTErrorCode:  # noqa: ARG002 - `answer` sends it
        return _SUCCESS

    def _handle_pubrel(self) -> MQTTErrorCode:
        """Give the packet id back, also one of an earlier run, which paho does not."""
        code = super()._handle_pubrel()
        return code or self._send_pubcomp(int.from_bytes(self._in_packet["packet"][:2]))

    # The fast way

    def _publication(self) -> bool:
        """Take a plain PUBLISH from what was read ahead; False, with nothing done, if none is next."""
        if self._at == len(self._ahead):
            try:
                self._read_ahead()
            except OSError:
                return False  # `_packet_read` meets it again
        if self._fresh:
            self._fresh = False
            if self.overrun():
                self._skip_overrun()
        try:
            return self._take(self._ahead, self._at)
        except IndexError:  # it is not all there yet
            return False

    def _read_ahead(self) -> None:
        self._ahead, self._at = super()._sock_recv(_READ_AHEAD), 0
        if self._tcp and _QUICKACK is not None:
            self._tcp.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)  # holds for this time only
        self._accepted = self._fresh = self.is_connected()

    def _skip_overrun(self) -> None:
        """Drop the messages at QoS 0 that stand first in what was read ahead."""
        data, at, count = self._ahead, self._at, 0
        try:
            while data[at] & (_TYPE | _QOS) == _PUBLISH:
                size = data[at + 1]
                end = at + 2 + size
                if size & _MORE:
                    size += (data[at + 2] << 7) - _MORE
                    if data[at + 2] & _MORE:
                        break
                    end = at + 3 + size
                if end > len(data):
                    break
                at, count = end, count + 1
        except IndexError:
            pass
        self._at = at
        if count:
            self.on_overrun(count)

    def _take(self, data: bytes, at: int) -> bool:
        """Hand over the packet that begins there, if it is a plain PUBLISH (MQTT 5, 3.3)."""
        first, size = data[at], data[at + 1]
        if first & _TYPE != _PUBLISH or first & _QOS_2 or not self._accepted:
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
        # Three times as fast as by keywords.
        self.on_publication(
            Publication(topic, data[at:end], qos, mid, bool(first & _RETAIN), bool(first & _DUP))
        )
        return True
