"""Events on their way out: kept until the broker has them."""

from __future__ import annotations

import logging
import time
from collections import deque
from typing import TYPE_CHECKING, ClassVar

from streamdetect.logs import Sparingly
from streamdetect.metrics import counter, gauge
from streamdetect.store import DeadLetter, Queued

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from streamdetect.metrics import Metric
    from streamdetect.mqtt.edge import MqttEdge
    from streamdetect.mqtt.publications import Delivery
    from streamdetect.sinks.events import Event

log = logging.getLogger(__name__)

PAUSE = 1.0  # s after a refusal that may pass


class Outbox:
    """Events in the order in which they happened, each until a successful PUBACK.

    Attributes:
        limit: events; past it the daemon stops taking messages until half of them are delivered.
        full: whether no more should come in for now.
        delivered: numbers of the events that the broker has; `forget` them once that is on the disk.
        dead: events that it refuses for good, likewise.
        published: how many were delivered so far.
        undeliverable: how many were refused for good.
    """

    def __init__(self, limit: int, qos: int, queued: Iterable[Queued] = ()) -> None:
        """Begin with what an earlier run had not delivered."""
        self.limit = limit
        self.delivered: list[int] = []
        self.dead: list[DeadLetter] = []
        self.published = self.undeliverable = 0
        self.full = False
        self._qos = qos
        self._waiting = deque(queued)
        self._next = self._waiting[-1].number + 1 if self._waiting else 1
        self._sent: dict[int, Queued] = {}
        self._pause_until = 0.0
        self._sparingly = Sparingly()
        self._see_whether_full()

    metrics: ClassVar[Sequence[Metric[Outbox]]] = (
        counter("events_published", "Events that the broker took.", lambda outbox: outbox.published),
        counter(
            "events_undeliverable",
            "Events given up because the broker refuses them for good.",
            lambda outbox: outbox.undeliverable,
        ),
        gauge("outbox_depth", "Events that wait to be delivered.", len),
    )

    def __len__(self) -> int:
        return len(self._waiting) + len(self._sent)

    def numbered(self, events: Iterable[Event]) -> list[Queued]:
        """The events with the numbers that `add` will give them, if they are the next."""
        return [Queued(number, event) for number, event in enumerate(events, self._next)]

    def add(self, events: Iterable[Event]) -> None:
        """Take in events to deliver."""
        queued = self.numbered(events)
        self._waiting.extend(queued)
        self._next += len(queued)
        self._see_whether_full()

    def undelivered(self) -> list[Queued]:
        """What the broker does not have yet, as far as we know, in order."""
        return sorted([*self._sent.values(), *self._waiting])

    def forget(self, delivered: int, dead: int) -> None:
        """Drop the first so many of `delivered` and of `dead`."""
        del self.delivered[:delivered], self.dead[:dead]

    def drain(self, edge: MqttEdge) -> None:
        """Settle what the broker has answered, and hand over what waits."""
        self._settle(edge.completed())
        if time.monotonic() < self._pause_until:
            return
        handed_over = False
        while self._waiting:
            number, event = self._waiting[0]
            if not edge.publish(number, event.topic, event.payload, qos=self._qos):
                break
            self._sent[number] = self._waiting.popleft()
            handed_over = True
        if handed_over:
            edge.give_way()

    def _settle(self, deliveries: Sequence[Delivery]) -> None:
        retry = []
        for delivery in deliveries:
            queued = self._sent.pop(delivery.token)  # type: ignore[call-overload] # what we passed to `publish`
            if delivery.ok:
                self.published += 1
                self.delivered.append(queued.number)
            elif delivery.retry:
                retry.append(queued)
            else:
                self._give_up(queued, delivery.reason)
        if retry:
            self._waiting.extendleft(reversed(retry))
            self._pause_until = time.monotonic() + PAUSE
        self._see_whether_full()

    def _see_whether_full(self) -> None:
        """What stops at the limit goes on at half of it: to begin and end may take a new connection."""
        self.full = len(self) >= self.limit or (self.full and len(self) > self.limit // 2)

    def _give_up(self, queued: Queued, reason: str) -> None:
        self.undeliverable += 1
        self.dead.append(DeadLetter(queued, reason))
        allowed, held_back = self._sparingly.allows("refused")
        if allowed:
            more = f" ({held_back} more were not logged)" if held_back else ""
            event = queued.event
            log.error("the broker refuses event %s on %r: %s%s", event.id, event.topic, reason, more)
