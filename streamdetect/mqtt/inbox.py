"""The bounded inbox between the MQTT network thread and the main thread.

The network thread only appends; the main thread takes batches. The inbox holds the one lock of our code:
a deque alone cannot drop its oldest QoS 0 message without racing the thread that takes it.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from streamdetect.metrics import counter, gauge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamdetect.metrics import Metric


class Message(NamedTuple):
    """One MQTT message as it arrived.

    `generation` numbers the connection that brought it: packet ids are only worth something within one.
    `arrival` is in Unix seconds, and never less than that of the message before. `retain` is set on a
    retained message that the broker replays to a new subscription. A topic that is not UTF-8 arrives as `""`.
    """

    topic: str
    payload: bytes
    qos: int
    mid: int
    generation: int
    arrival: float
    retain: bool


class Inbox:
    """Messages that wait for the main thread, at most `limit` of them at QoS 0.

    At QoS 0 the oldest message makes room for the newest and is counted in `dropped`. A QoS 1 message is
    never dropped: the edge reads no more of them than may be unacknowledged.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.dropped = 0
        self._queue: deque[Message] = deque()
        self._lock = threading.Lock()
        self._filled = threading.Event()
        self._wake_at = 0  # depth that the main thread waits for; 0 while it does not wait

    metrics: ClassVar[Sequence[Metric[Inbox]]] = (
        gauge("inbox_depth", "Messages that wait for the main thread.", lambda inbox: inbox.depth),
        counter(
            "inbox_dropped", "QoS 0 messages dropped because the inbox was full.", lambda inbox: inbox.dropped
        ),
    )

    @property
    def depth(self) -> int:
        """Messages waiting now."""
        return len(self._queue)

    def put(self, message: Message) -> None:
        """Append a message; called by the network thread, never blocks on the main thread's work."""
        queue = self._queue
        with self._lock:
            if message.qos == 0 and len(queue) >= self.limit:
                self.dropped += 1
                if queue[0].qos:
                    return
                queue.popleft()
            queue.append(message)
            if 0 < self._wake_at <= len(queue):
                self._wake_at = 0
                self._filled.set()

    def forget_acknowledgeable(self) -> int:
        """Drop the messages that the broker sends again, those of QoS 1; returns how many.

        For the network thread, when a new connection continues the session of the old one.
        """
        with self._lock:
            kept = [message for message in self._queue if not message.qos]
            forgotten = len(self._queue) - len(kept)
            self._queue.clear()
            self._queue.extend(kept)
        return forgotten

    def take(self, max_batch: int, max_wait: float, idle_wait: float) -> list[Message]:
        """Return up to `max_batch` messages, oldest first; an empty list if none came.

        A backlog is returned at once. An empty inbox is waited on for up to `idle_wait` seconds, and once
        the first message is there the batch gets up to `max_wait` seconds more to fill.
        """
        if not self._queue and self._wait(1, idle_wait) and max_batch > 1:
            self._wait(max_batch, max_wait)
        with self._lock:
            count = min(max_batch, len(self._queue))
            return [self._queue.popleft() for _ in range(count)]

    def _wait(self, depth: int, timeout: float) -> bool:
        """Wait until `depth` messages are there; False after `timeout` seconds without."""
        with self._lock:
            if len(self._queue) >= depth:
                return True
            self._filled.clear()
            self._wake_at = depth
        reached = self._filled.wait(timeout)
        with self._lock:
            self._wake_at = 0
        return reached
