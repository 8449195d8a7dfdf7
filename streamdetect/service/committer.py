"""Group commits: results become durable first, and are acknowledged and published only then."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, ClassVar

from streamdetect.failpoints import failpoint
from streamdetect.metrics import counter, gauge
from streamdetect.sinks.log import IncidentLog
from streamdetect.store import Change, DamagedError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from streamdetect.metrics import Metric
    from streamdetect.mqtt.edge import MqttEdge
    from streamdetect.mqtt.inbox import Message
    from streamdetect.service.receipts import Receipts
    from streamdetect.sinks.outbox import Outbox
    from streamdetect.store import DetectorState, Entry, Event, Mute, Queued, Store

log = logging.getLogger(__name__)

COMMIT_EVERY = 0.1  # s; the longest that something waits for its commit
RETRY_EVERY = 1.0  # s, while the disk does not take it
LULL = 0.005  # s without a message after which the broker may be waiting for acknowledgements
LULL_MESSAGES = (
    10  # what brokers keep in flight at least, whatever Receive Maximum says (HiveMQ 10, Mosquitto 20)
)


class Committer:
    """Gathers the results of batches of messages, commits them, and lets them take effect.

    A commit is due at once when there are events, when so many messages are unacknowledged that the broker
    could soon have to wait, or when it seems to be waiting already; and otherwise after `COMMIT_EVERY`.

    Attributes:
        failure: why the last attempt failed; empty while all is well. Until it is, take nothing more.
        failures: attempts that failed.
        mutes: the mutes as saved, or to be saved with the next commit.
        listeners: are given the events that have taken effect; must not wait.
    """

    def __init__(
        self,
        store: Store,
        outbox: Outbox,
        edge: MqttEdge,
        states: Callable[[], Sequence[DetectorState]],
        *,
        receipts: Receipts,
        window: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Set where things go.

        Args:
            store: makes them durable.
            outbox: events go there, once they are.
            edge: takes the acknowledgements.
            states: gives all detectors, for snapshots.
            receipts: tells what was taken in, to be kept with what it did.
            window: messages that the broker sends before it waits for acknowledgements.
            clock: monotonic seconds.
        """
        self.failure = ""
        self.failures = 0
        self._store, self._outbox, self._edge, self._states = store, outbox, edge, states
        self._receipts = receipts
        self._most = max(1, window // 2)
        self._clock = clock
        self.listeners: list[Callable[[Sequence[Event]], object]] = [IncidentLog().say]
        self._acks: list[tuple[int, int]] = []  # (generation, packet id) of messages to be acknowledged
        self._entries: list[Entry] = []
        self._events: list[Event] = []
        self._since: float | None = None  # when the oldest of these came
        self.mutes: list[Mute] = []
        self._mutes_are_news = False
        self._anew = False  # true if all detectors have to be saved as they are
        self._complete = False  # true if the outbox has to be saved as it is
        self._retry_at = 0.0

    metrics: ClassVar[Sequence[Metric[Committer]]] = (
        gauge(
            "checkpoint_age_seconds",
            "How long the oldest effect has waited for its commit; 0 when all are done.",
            lambda committer: committer.age,
        ),
        counter(
            "state_commit_failures",
            "Transactions that failed; they are tried again.",
            lambda committer: committer.failures,
        ),
        gauge(
            "state_writable",
            "Whether the last attempt to save state succeeded.",
            lambda committer: not committer.failure,
        ),
    )

    def take(self, messages: Sequence[Message], entries: Sequence[Entry], events: Sequence[Event]) -> None:
        """Gather messages, their changes to detectors, and their events."""
        self._acks += [(message.generation, message.mid) for message in messages if message.qos]
        self._entries += entries
        self._events += events
        if self._since is None:
            self._since = self._clock()

    def note_mutes(self, mutes: Iterable[Mute]) -> None:
        """Save these mutes with the next commit, in place of those before."""
        self.mutes, self._mutes_are_news = list(mutes), True
        self.take((), (), ())

    def save_anew(self, events: Sequence[Event] = ()) -> None:
        """Save all detectors as they are with the next commit, at once: they are not those of before."""
        self._anew = True
        self.take((), (), events)

    @property
    def age(self) -> float:
        """Seconds that the oldest uncommitted message has waited."""
        return 0.0 if self._since is None else self._clock() - self._since

    def patience(self, idle: float) -> float:
        """Seconds that the loop may wait for a message, at most `idle`: a commit may be due before."""
        if self._store.snapshot_underway:
            return 0.0
        if self._since is None:
            return idle
        if len(self._acks) >= LULL_MESSAGES:
            return min(idle, LULL)
        return min(idle, max(0.0, COMMIT_EVERY - self.age))

    def turn(self, *, lull: bool) -> None:
        """Commit if it is time to; `lull` says that no message came just now."""
        if self._settled and self._since is None:
            self._since = self._clock()
        if self._is_due(lull=lull):
            self.commit()
        if self._since is None and self._store.snapshot_due:
            self._store.begin_snapshot(self._states())

    def commit(self) -> bool:
        """Commit everything, then let it take effect; False if the disk does not take it."""
        outbox = self._outbox
        news = outbox.queued(self._events)
        events = [*outbox.undelivered(), *news] if self._complete else news
        delivered, dead = outbox.delivered[:], outbox.dead[:]
        mutes = self.mutes if self._mutes_are_news or self._complete else None
        change = Change(self._entries, events, delivered, dead, mutes, self._receipts.pending())
        if change or self._anew or self._store.snapshot_underway:
            try:
                self._store.commit(change, self._states() if self._anew and self._store.durable else ())
            except DamagedError as error:
                if self._complete:  # the new one as well
                    return self._failed(str(error))
                self._anew = self._complete = True
                return self.commit()
            except UnavailableError as error:
                return self._failed(str(error))
        self._anew = self._complete = self._mutes_are_news = False
        self._receipts.committed()
        outbox.forget(len(delivered), len(dead))
        self._take_effect(news)
        return True

    def conclude(self) -> None:
        """Commit for the last time, as a snapshot: the next start has nothing to replay."""
        self._anew = self._anew or bool(self._entries or self._store.journal_size)
        self.commit()

    @property
    def _settled(self) -> bool:
        return bool(self._outbox.delivered or self._outbox.dead)

    def _is_due(self, *, lull: bool) -> bool:
        if self.failure:
            return self._clock() >= self._retry_at
        if self._anew or self._events or self._mutes_are_news or self._store.snapshot_underway:
            return True
        waiting = len(self._acks)
        if waiting >= self._most or (lull and waiting >= LULL_MESSAGES):
            return True
        return self.age >= COMMIT_EVERY

    def _take_effect(self, news: Sequence[Queued]) -> None:
        """Acknowledge the messages, pass the events on and say them."""
        self._edge.ack(self._acks)
        failpoint("commit.acked")
        self._outbox.add(news)
        if self._events:
            for listen in self.listeners:
                listen(self._events)
        self._acks, self._entries, self._events = [], [], []
        self._since = None
        if self.failure:
            log.info("state can be saved again")
            self.failure = ""

    def _failed(self, reason: str) -> bool:
        self.failures += 1
        if not self.failure:
            log.error("cannot save state, nothing is acknowledged until it can be: %s", reason)
        self.failure = reason
        self._retry_at = self._clock() + RETRY_EVERY
        return False
