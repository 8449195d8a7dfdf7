"""The bounded inbox between the MQTT network thread and the main thread.

The network thread only appends; the main thread takes what fits into a turn. The inbox holds the one lock of
our code: a deque alone cannot drop its oldest QoS 0 message without racing the thread that takes it.

A turn is bounded, and a large payload delays only what must not overtake it. Payloads that may hold more
readings than their share stand in a queue of their own, and so do later messages of the same topic, which
must not overtake them. The main thread takes them in piece by piece, beside the messages that come meanwhile.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from streamdetect.metrics import counter, gauge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamdetect.metrics import Metric

LARGE = 4096
"""A payload of more bytes is taken in piece by piece; 100 to 400 readings."""
MOST_BYTES = 64 << 20
"""Bytes that may wait: with so many, RSS stays below 300 MB."""
_READ_AT_ONCE = 2048  # messages that the network thread may have read before it looks again
_TURN = 128 << 10  # bytes of a turn, besides large payloads: 3,000 to 12,000 readings


class Message(NamedTuple):
    """One MQTT message as it arrived.

    `generation` numbers the connection that brought it: packet ids are only worth something within one.
    `arrival` is in Unix seconds, and never less than that of the message before. `retain` is set on a
    retained message that the broker replays to a new subscription, `copy` on one that the broker sends once
    more for another subscription. A topic that is not UTF-8 arrives as `""`.
    """

    topic: str
    payload: bytes
    qos: int
    mid: int
    generation: int
    arrival: float
    retain: bool
    dup: bool = False  # the broker has sent it before
    skipped: int = 0  # bytes, if it was too large to be read; then `payload` is empty
    copy: bool = False  # sent once more, for another subscription


class Inbox:
    """Messages that wait for the main thread, at most `limit` of them at QoS 0, in at most `most_bytes`.

    At QoS 0 the oldest message makes room for the newest and is counted in `dropped`. A QoS 1 message is
    never dropped: the edge reads no more of them than may be unacknowledged, and none while the inbox is
    full.

    Attributes:
        limit: messages at QoS 0 that may be here.
        dropped: messages for which there was no room.
        size: bytes of all payloads here.
        in_order: whether no message may overtake another, not even a large one of another topic.
    """

    def __init__(self, limit: int, most_bytes: int = MOST_BYTES) -> None:
        self.limit = limit
        self.dropped = self.size = 0
        self.in_order = False
        self._most_bytes = most_bytes
        self._queue: deque[Message] = deque()
        self._large: deque[Message] = deque()  # and later messages of their topics
        self._behind: dict[str, int] = {}  # topics of those, and of those being taken in: how many
        self._lock = threading.Lock()
        self._filled = threading.Event()
        self._wake_at = 0  # depth that the main thread waits for; 0 while it does not wait

    metrics: ClassVar[Sequence[Metric[Inbox]]] = (
        gauge("inbox_bytes", "Size of the messages that wait, in bytes.", lambda inbox: inbox.size),
        gauge("inbox_depth", "Messages that wait for the main thread.", lambda inbox: inbox.depth),
        counter(
            "inbox_dropped", "QoS 0 messages dropped because the inbox was full.", lambda inbox: inbox.dropped
        ),
    )

    @property
    def depth(self) -> int:
        """Messages waiting now."""
        return len(self._queue) + len(self._large)

    @property
    def large(self) -> bool:
        """True if `take_large` has something to give."""
        return bool(self._large)

    @property
    def overrun(self) -> bool:
        """True if the next messages at QoS 0 would not fit: then they need not be taken apart at all."""
        return self.depth >= self.limit - min(_READ_AT_ONCE, self.limit // 2) or self.crowded

    @property
    def full(self) -> bool:
        """True if there is no room for another message at QoS 0."""
        return self.depth >= self.limit or self.crowded

    @property
    def crowded(self) -> bool:
        """True if there is no room for another message, whatever its QoS."""
        return self.size >= self._most_bytes

    def put(self, message: Message) -> None:
        """Append a message; called by the network thread, never blocks on the main thread's work."""
        queue, size = self._queue, len(message.payload)
        with self._lock:
            # Written out: a property would take as long as all the rest.
            if (
                message.qos == 0
                and (len(queue) + len(self._large) >= self.limit or self.size >= self._most_bytes)
                and not self._make_room()
            ):
                self.dropped += 1
                return
            if size > LARGE or (self._behind and (self.in_order or message.topic in self._behind)):
                queue = self._large
                self._behind[message.topic] = self._behind.get(message.topic, 0) + 1
            queue.append(message)
            self.size += size
            if self._wake_at and (self._wake_at <= len(queue) or queue is self._large):
                self._wake_at = 0
                self._filled.set()

    def drop(self, count: int) -> None:
        """Count messages at QoS 0 that were skipped because the inbox is full; for the network thread."""
        self.dropped += count

    def forget_acknowledgeable(self) -> int:
        """Drop the messages that the broker sends again, those above QoS 0; returns how many.

        For the network thread, when a new connection continues the session of the old one.
        """
        with self._lock:
            before = self.depth
            for message in self._large:
                if message.qos:
                    self._let_go(message.topic)
            for queue in (self._queue, self._large):
                kept = [message for message in queue if not message.qos]
                self.size -= sum(len(message.payload) for message in queue if message.qos)
                queue.clear()
                queue.extend(kept)
            return before - self.depth

    def take(self, max_batch: int, max_wait: float, idle_wait: float) -> list[Message]:
        """Return up to `max_batch` messages that are not large, oldest first; an empty list if none came.

        A backlog is returned at once. An empty inbox is waited on for up to `idle_wait` seconds, and once
        the first message is there the batch gets up to `max_wait` seconds more to fill.
        """
        if not self._queue and not self._large and self._wait(1, idle_wait) and max_batch > 1:
            self._wait(max_batch, max_wait)
        with self._lock:
            queue = self._queue
            taken = [queue.popleft() for _ in range(min(max_batch, len(queue)))]
            size = sum([len(message.payload) for message in taken])
            while size > _TURN and len(taken) > 1:
                queue.appendleft(taken.pop())
                size -= len(queue[0].payload)
            self.size -= size
        return taken

    def take_large(self) -> Message | None:
        """Return the oldest message to take in piece by piece; call `finished` when that is done."""
        with self._lock:
            if not self._large:
                return None
            message = self._large.popleft()
            self.size -= len(message.payload)
            return message

    def finished(self, message: Message) -> None:
        """Note that a message of `take_large` is taken in: then others of its topic may be taken in."""
        with self._lock:
            self._let_go(message.topic)

    def _let_go(self, topic: str) -> None:
        self._behind[topic] -= 1
        if not self._behind[topic]:
            del self._behind[topic]

    def _make_room(self) -> bool:
        """Drop the oldest messages that are at QoS 0 and not large, until there is room."""
        queue = self._queue
        while self.full and queue and not queue[0].qos:
            self.size -= len(queue.popleft().payload)
            self.dropped += 1
        return not self.full

    def _wait(self, depth: int, timeout: float) -> bool:
        """Wait until `depth` messages are there, or a large one; False after `timeout` seconds without."""
        with self._lock:
            if len(self._queue) >= depth or self._large:
                return True
            self._filled.clear()
            self._wake_at = depth
        reached = self._filled.wait(timeout)
        with self._lock:
            self._wake_at = 0
        return reached
