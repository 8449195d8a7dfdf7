"""Events on their way out: each is kept until every sink that wants it has it."""

from __future__ import annotations

import logging
import time
from collections import deque
from typing import TYPE_CHECKING, ClassVar

from streamdetect.logs import Sparingly
from streamdetect.metrics import counter, gauge
from streamdetect.store import DeadLetter, Place, Queued

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from streamdetect.metrics import Metric
    from streamdetect.sinks.sink import Delivery, Sink
    from streamdetect.store import Event

log = logging.getLogger(__name__)

PAUSE = 1.0  # s after a refusal that may pass
LIMIT = 10_000  # events that wait for one sink


class Lane:
    """One sink's events, in order of time.

    Attributes:
        full: true if as many wait as may.
        published: how many were delivered so far.
        undeliverable: how many were given up.
    """

    def __init__(self, sink: Sink, limit: int, delivered: list[Place], dead: list[DeadLetter]) -> None:
        self.sink = sink
        self.limit = limit
        self.published = self.undeliverable = 0
        self.full = False
        self._delivered, self._dead = delivered, dead
        self._waiting: deque[Queued] = deque()
        self._next = 1
        self._sent: dict[int, Queued] = {}
        self._pause_until = 0.0
        self._sparingly = Sparingly()

    def __len__(self) -> int:
        return len(self._waiting) + len(self._sent)

    def queued(self, events: Iterable[Event], now: float) -> list[Queued]:
        """Return the events for this sink, with the numbers that they will have."""
        wanted = filter(self.sink.wants, events)
        return [Queued(self.sink.name, number, event, now) for number, event in enumerate(wanted, self._next)]

    def take(self, queued: Sequence[Queued]) -> None:
        """Take in events to deliver."""
        self._waiting.extend(queued)
        if queued:
            self._next = queued[-1].number + 1
        while not self.sink.holds_up and len(self) > self.limit and self._waiting:
            self._give_up(self._waiting.popleft(), f"more than {self.limit} events wait for this sink")
        self._see_whether_full()

    def undelivered(self) -> list[Queued]:
        """Return the events that the sink does not have yet, as far as we know, in order."""
        return sorted([*self._sent.values(), *self._waiting], key=lambda one: one.number)

    def drain(self) -> None:
        """Settle the sink's answers, and hand over the waiting events."""
        self._settle(self.sink.settled())
        if time.monotonic() < self._pause_until:
            return
        handed_over = False
        while self._waiting and self.sink.send(self._waiting[0]):
            queued = self._waiting.popleft()
            self._sent[queued.number] = queued
            handed_over = True
        if handed_over:
            self.sink.give_way()

    def _settle(self, deliveries: Sequence[Delivery]) -> None:
        retry = []
        for delivery in deliveries:
            queued = self._sent.pop(delivery.number)
            if delivery.ok:
                self.published += 1
                self._delivered.append(queued.place)
            elif delivery.retry:
                retry.append(queued)
            else:
                self._give_up(queued, delivery.reason)
        if retry:
            self._waiting.extendleft(reversed(retry))
            self._pause_until = time.monotonic() + PAUSE
        self._see_whether_full()

    def _see_whether_full(self) -> None:
        """Stop at the limit, and go on at half of it: stopping and starting may take a new connection."""
        self.full = len(self) >= self.limit or (self.full and len(self) > self.limit // 2)

    def _give_up(self, queued: Queued, reason: str) -> None:
        self.undeliverable += 1
        self._dead.append(DeadLetter(queued, reason))
        allowed, held_back = self._sparingly.allows("refused")
        if allowed:
            more = f" ({held_back} more were not logged)" if held_back else ""
            log.error("sink %s does not take event %s: %s%s", self.sink.name, queued.event.id, reason, more)


class Outbox:
    """A lane for each sink, none of which waits for another.

    Attributes:
        delivered: places of the events that their sinks have; `forget` them once that is on the disk.
        dead: events that were given up, likewise.
    """

    def __init__(
        self,
        sinks: Sequence[Sink],
        queued: Iterable[Queued] = (),
        *,
        limit: int = LIMIT,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Begin with the undelivered events of an earlier run.

        Args:
            sinks: where events go.
            queued: events of an earlier run; those of sinks that are gone are given up.
            limit: events that may wait for one sink.
            clock: Unix time in seconds.
        """
        self.delivered: list[Place] = []
        self.dead: list[DeadLetter] = []
        self.lanes: dict[str, Lane] = {
            sink.name: Lane(sink, limit, self.delivered, self.dead) for sink in sinks
        }
        self._clock = clock
        orphans: dict[str, int] = {}
        for one in sorted(queued, key=lambda one: one.number):
            if (lane := self.lanes.get(one.sink)) is not None:
                lane.take([one])
            else:
                orphans[one.sink] = orphans.get(one.sink, 0) + 1
                self.dead.append(DeadLetter(one, "the sink is no longer configured"))
        for name, count in orphans.items():
            log.warning("%d events are discarded: the sink %s is no longer configured", count, name)

    metrics: ClassVar[Sequence[Metric[Outbox]]] = (
        gauge(
            "outbox_depth",
            "Events that wait for the broker.",
            lambda outbox: sum(len(lane) for lane in outbox.lanes.values() if lane.sink.holds_up),
        ),
        counter(
            "events_published",
            "Events that the broker took.",
            lambda outbox: sum(lane.published for lane in outbox.lanes.values() if lane.sink.holds_up),
        ),
        counter(
            "events_undeliverable",
            "Events given up because a sink refused them for good or failed for too long.",
            lambda outbox: sum(lane.undeliverable for lane in outbox.lanes.values()),
        ),
        gauge(
            "sink_events_waiting",
            "Events that wait to be delivered to the sink.",
            lambda outbox: {(name,): len(lane) for name, lane in outbox.lanes.items()},
            ("sink",),
        ),
        counter(
            "sink_events_delivered",
            "Events that the sink took.",
            lambda outbox: {(name,): lane.published for name, lane in outbox.lanes.items()},
            ("sink",),
        ),
        counter(
            "sink_events_undeliverable",
            "Events given up because the sink did not take them.",
            lambda outbox: {(name,): lane.undeliverable for name, lane in outbox.lanes.items()},
            ("sink",),
        ),
        counter(
            "sink_failures",
            "Attempts to deliver an event that failed.",
            lambda outbox: {(name,): lane.sink.failures for name, lane in outbox.lanes.items()},
            ("sink",),
        ),
        gauge(
            "sink_failing",
            "Whether the last attempt to deliver an event failed, or has not ended for five minutes.",
            lambda outbox: {
                (name,): bool(lane.sink.failure) or lane.sink.hangs for name, lane in outbox.lanes.items()
            },
            ("sink",),
        ),
    )

    def __len__(self) -> int:
        return sum(map(len, self.lanes.values()))

    @property
    def full(self) -> bool:
        """True if no more readings should come in for now."""
        return any(lane.full and lane.sink.holds_up for lane in self.lanes.values())

    @property
    def hopeful(self) -> bool:
        """True if waiting a moment is likely to deliver something."""
        return any(len(lane) and lane.sink.hopeful for lane in self.lanes.values())

    def queued(self, events: Iterable[Event]) -> list[Queued]:
        """Return the events with their place at each sink that wants them; `add` these before asking anew."""
        events, now = list(events), self._clock()
        return [one for lane in self.lanes.values() for one in lane.queued(events, now)]

    def add(self, queued: Iterable[Queued]) -> None:
        """Take in events to deliver, as `queued` gave them."""
        for name, lane in self.lanes.items():
            lane.take([one for one in queued if one.sink == name])

    def undelivered(self) -> list[Queued]:
        """Return the events that the sinks do not have yet, as far as we know, in order."""
        return [one for lane in self.lanes.values() for one in lane.undelivered()]

    def forget(self, delivered: int, dead: int) -> None:
        """Drop the first of `delivered` and of `dead`, by number."""
        del self.delivered[:delivered], self.dead[:dead]

    def start(self) -> None:
        """Start the sinks."""
        for lane in self.lanes.values():
            lane.sink.start()

    def close(self) -> None:
        """Close the sinks."""
        for lane in self.lanes.values():
            lane.sink.close()

    def drain(self) -> None:
        """Settle the sinks' answers, and hand over the waiting events."""
        for lane in self.lanes.values():
            lane.drain()
