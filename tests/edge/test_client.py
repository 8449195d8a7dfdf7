import itertools
import struct

from hypothesis import example, given
from hypothesis import strategies as st
from paho.mqtt.client import Client, MQTTv5, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion

from streamdetect.mqtt.client import PacedClient

PROPERTY = b"\x02\x01\x00"  # payload format indicator 0
READS = 1000


class Wire:
    """A socket on which these pieces arrive, one a turn; then it stays open and says nothing."""

    def __init__(self, pieces):
        self.pieces = [piece for piece in pieces if piece]

    def recv(self, size):
        if not self.pieces:
            raise BlockingIOError
        piece, self.pieces[0] = self.pieces[0][:size], self.pieces[0][size:]
        if not self.pieces[0]:
            del self.pieces[0]
        return piece

    def close(self):
        self.pieces.clear()


def length(size):
    digits = []
    while True:
        size, digit = divmod(size, 128)
        digits.append(digit | 128 if size else digit)
        if not size:
            return bytes(digits)


def publish(topic, payload, qos, mid, retain, properties, protocol):
    body = struct.pack("!H", len(topic)) + topic + (struct.pack("!H", mid) if qos else b"")
    body += (properties or b"\x00") * (protocol == MQTTv5) + payload
    return bytes([0x30 | qos << 1 | retain]) + length(len(body)) + body


def received(factory, protocol, pieces):
    """What a client makes of the pieces, and how the connection is afterwards."""
    client = factory(CallbackAPIVersion.VERSION2, protocol=protocol, manual_ack=True)
    client.suppress_exceptions = False
    found = []
    client.on_message = lambda _client, _, m: found.append(
        (bytes(m._topic), bytes(m.payload), m.qos, m.mid, m.retain)
    )
    client.on_publication = lambda *message: found.append(message)
    client._sock = Wire(pieces)
    wire = client._sock
    codes = set()
    for _ in range(READS):
        codes.add(int(client.loop_read()))
        if client._sock is None or not (wire.pieces or getattr(client, "pending", 0)):
            break
    return found, client._sock is None, max(codes)


topics = st.one_of(st.binary(min_size=1, max_size=30), st.just(b"plant/hall/a"), st.just(b"t" * 200))
packets = st.tuples(
    topics,
    st.one_of(st.binary(max_size=40), st.just(b'{"value": 21.5}'), st.just(b"x" * 17_000)),
    st.integers(0, 1),
    st.integers(1, 65_535),
    st.booleans(),
    st.sampled_from([b"", PROPERTY]),
)


def cut(data, places):
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in itertools.pairwise(edges)]


@given(
    stream=st.lists(packets, min_size=1, max_size=8),
    protocol=st.sampled_from([MQTTv5, MQTTv311]),
    places=st.lists(st.integers(0, 200_000), max_size=6),
)
def test_messages_are_those_that_paho_reads(stream, protocol, places):
    data = b"\xd0\x00".join(publish(*packet, protocol) for packet in stream)  # an answer to a ping between
    expected = [
        (topic, payload, qos, mid if qos else 0, retain) for topic, payload, qos, mid, retain, _ in stream
    ]
    for factory in (PacedClient, Client):
        assert received(factory, protocol, cut(data, places)) == (expected, False, 0)


@given(
    packet=packets,
    protocol=st.sampled_from([MQTTv5, MQTTv311]),
    place=st.integers(0, 60),
    byte=st.integers(0, 255),
)
@example(packet=(b"a", b"", 1, 1, False, b""), protocol=MQTTv5, place=1, byte=3)  # ends within its topic
def test_what_is_broken_is_broken_to_both(packet, protocol, place, byte):
    data = bytearray(publish(*packet, protocol))
    data[place % len(data)] = byte
    outcomes = []
    for factory in (PacedClient, Client):
        try:
            outcomes.append(received(factory, protocol, [bytes(data)]))
        except Exception as error:  # noqa: BLE001 - paho raises what it likes; the connection ends with it
            outcomes.append(type(error))
    ours, paho = outcomes
    assert ours == paho


def test_what_was_read_ahead_waits_until_it_is_asked_for():
    data = publish(b"a", b"1", 1, 7, 0, b"", MQTTv5) * 3
    client = PacedClient(CallbackAPIVersion.VERSION2, protocol=MQTTv5, manual_ack=True)
    found = []
    client.on_publication = lambda *message: found.append(message)
    client._sock = Wire([data])
    client.loop_read()
    assert len(found) == 1
    assert client.pending == len(data) * 2 // 3
    client._sock = None
