"""Events on their way out: kept until the broker has them."""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING

from streamdetect.logs import Sparingly

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streamdetect.events import Event
    from streamdetect.mqtt import MqttEdge
    from streamdetect.publications import Delivery

log = logging.getLogger(__name__)


class Outbox:
    """Events in the order in which they happened, each until a successful PUBACK.

    Attributes:
        limit: events; past it the daemon stops taking messages until some are delivered.
        undeliverable: events given up because the broker refuses them for good.
    """

    def __init__(self, limit: int, qos: int) -> None:
        self.limit = limit
        self.undeliverable = 0
        self._qos = qos
        self._waiting: deque[Event] = deque()
        self._sent: dict[str, Event] = {}
        self._sparingly = Sparingly()

    def __len__(self) -> int:
        return len(self._waiting) + len(self._sent)

    @property
    def full(self) -> bool:
        """Whether no more should come in for now."""
        return len(self) >= self.limit

    def add(self, events: Iterable[Event]) -> None:
        """Take in events to deliver."""
        self._waiting.extend(events)

    def drain(self, edge: MqttEdge) -> None:
        """Settle what the broker has answered, and hand over what waits."""
        retry = []
        for delivery in edge.completed():
            event = self._sent.pop(str(delivery.token))
            if delivery.retry:
                retry.append(event)
            elif not delivery.ok:
                self._give_up(event, delivery)
        self._waiting.extendleft(reversed(retry))
        while self._waiting:
            event = self._waiting[0]
            if not edge.publish(event.id, event.topic, event.payload, qos=self._qos):
                return
            self._sent[event.id] = self._waiting.popleft()

    def _give_up(self, event: Event, delivery: Delivery) -> None:
        self.undeliverable += 1
        allowed, held_back = self._sparingly.allows("refused")
        if allowed:
            more = f" ({held_back} more were not logged)" if held_back else ""
            log.error("the broker refuses event %s on %r: %s%s", event.id, event.topic, delivery.reason, more)
