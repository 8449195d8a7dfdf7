"""MQTT's packets as they are on the wire: where one ends, what it is, and which message it is about."""

from __future__ import annotations

CONNACK, PUBLISH, PUBACK, SUBACK, DISCONNECT = 2, 3, 4, 9, 14


class Splitter:
    """Cuts a stream of bytes into packets."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the packets that are complete with these bytes."""
        self._rest += data
        packets = []
        while (size := _size(self._rest)) and len(self._rest) >= size:
            packets.append(self._rest[:size])
            self._rest = self._rest[size:]
        return packets


def kind(packet: bytes) -> int:
    """Return the type of a packet, like PUBLISH."""
    return packet[0] >> 4


def asks_for_ack(packet: bytes) -> bool:
    """Tell whether it is a PUBLISH above QoS 0."""
    return kind(packet) == PUBLISH and bool(packet[0] & 0x06)


def is_again(packet: bytes) -> bool:
    """Tell whether a PUBLISH was sent before."""
    return bool(packet[0] & 0x08)


def packet_id(packet: bytes) -> int:
    """Return the packet id of a PUBACK or of a PUBLISH above QoS 0."""
    at = _header(packet)
    if kind(packet) == PUBLISH:
        at += 2 + int.from_bytes(packet[at : at + 2])
    return int.from_bytes(packet[at : at + 2])


def packet(first: int, body: bytes) -> bytes:
    """Return a packet of this first byte and body."""
    length, left = b"", len(body)
    while True:
        left, digit = divmod(left, 0x80) if left >= 0x80 else (0, left)
        length += bytes([digit | 0x80 if left else digit])
        if not left:
            return bytes([first]) + length + body


def text(string: str) -> bytes:
    """Return a string as packets have it: its length in two bytes, and UTF-8."""
    data = string.encode()
    return len(data).to_bytes(2) + data


def _header(packet: bytes) -> int:
    """Return the bytes of the fixed header."""
    at = 1
    while packet[at] & 0x80:
        at += 1
    return at + 1


def _size(data: bytes) -> int:
    """Return the size of the packet that these bytes begin; 0 if that is not known yet."""
    length = 0
    for at, digit in enumerate(data[1:5]):
        length |= (digit & 0x7F) << 7 * at
        if not digit & 0x80:
            return 2 + at + length
    if len(data) > 4:
        raise ValueError("no packet of MQTT")
    return 0
