"""The base of every sink, and the thread on which one may wait.

A new sink is a file with a subclass of `Worker`, a section of the configuration and a line in
`streamdetect.sinks.KINDS`. It has to define how one event is delivered, and nothing else:

    class Lamp(Worker):
        kind = "lamp"

        def deliver(self, event: Event) -> None:
            self.lamp.switch_on()  # raises UnavailableError while the lamp does not answer

The outbox keeps the event on disk until `deliver` has returned, so no event is lost; one may come twice after
a crash, each time with the same id.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from streamdetect.errors import StreamdetectError
from streamdetect.failpoints import failpoint
from streamdetect.logs import Sparingly

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from streamdetect.sinks.inhibition import Inhibition
    from streamdetect.sinks.trail import Trail
    from streamdetect.store import Event, Queued

log = logging.getLogger(__name__)

ATTEMPTS = 8  # for an event that a sink answers but does not take: four minutes of back-off
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0  # s; doubled after each attempt
LONGEST_WAIT = 3600.0  # s; whatever a sink asks for
FAILS_AFTER = 300.0  # s; a delivery that takes longer counts as failing
HANGS_AFTER = 2.0  # s; nobody waits longer for a sink when the daemon ends


class RefusedError(StreamdetectError):
    """The sink will never take this event."""


class FailedError(StreamdetectError):
    """The sink did not take this event; it may take it another time."""


class UnavailableError(StreamdetectError):
    """The sink takes nothing at present, whatever the event.

    Attributes:
        wait: seconds for which it asked; None if it did not.
    """

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


class Delivery(NamedTuple):
    """The outcome of one event at one sink."""

    number: int
    ok: bool
    reason: str = ""
    retry: bool = False  # it may succeed another time; without, it never will


class Sink(ABC):
    """A destination of events. The main thread calls all of this, and nothing here may wait.

    Attributes:
        name: unique among the sinks of a daemon; the outbox keeps it beside each event.
        failure: why the last attempt to deliver failed; empty while all is well.
        failures: attempts that failed.
        holds_up: true if the daemon stops taking readings while too many events wait for this sink; otherwise
            the oldest of them are given up.
    """

    holds_up: ClassVar[bool] = False

    def __init__(self, name: str) -> None:
        self.name = name
        self.failure = ""
        self.failures = 0

    def wants(self, event: Event) -> bool:  # noqa: ARG002 - for those who choose
        """Tell whether the event is for this sink."""
        return True

    @abstractmethod
    def send(self, queued: Queued) -> bool:
        """Take an event; False, with nothing done, while there is no place for it."""

    @abstractmethod
    def settled(self) -> list[Delivery]:
        """Return the deliveries decided since the last call."""

    def give_way(self) -> None:  # noqa: B027 - nothing to do for most
        """Let accepted events go out, for at most a millisecond."""

    @property
    @abstractmethod
    def hopeful(self) -> bool:
        """True if accepted events are likely to be delivered within moments; asked when the daemon ends."""

    @property
    def hangs(self) -> bool:
        """True if an attempt to deliver has gone on for too long."""
        return False

    def start(self) -> None:  # noqa: B027 - likewise
        """Begin to work."""

    def close(self) -> None:  # noqa: B027 - likewise
        """Take no more events, and close everything; the outbox keeps those that are not settled."""


class Worker(Sink):
    """A sink with a thread of its own, whose `deliver` may wait."""

    kind: ClassVar[str]
    shows: bool = False
    """True if it shows the readings around an incident; it then finds them in `trail`."""
    trail: Trail | None = None
    inhibition: Inhibition | None = None
    """The configuration's parents and children; a sink heeds it or not."""
    window: ClassVar[int] = 100  # events that it is given before it has settled the first
    idle_every: ClassVar[float | None] = None
    """Seconds without an event after which `idle` is called; None = never."""

    def __init__(self, name: str, *, give_up_after: float) -> None:
        """Prepare; nothing is delivered before `start`.

        Args:
            name: of the sink.
            give_up_after: seconds in the outbox after which an event that cannot be delivered is given up.
        """
        super().__init__(name)
        self._give_up_after = give_up_after
        self._given: dict[int, Queued] = {}  # by number, oldest first
        self._deliveries: list[Delivery] = []
        self._changed = threading.Condition()
        self._closing = False
        self._attempts = 0  # at the oldest event
        self._tries = 0  # in a row that failed, of whatever event
        self._busy_since: float | None = None
        self._random = random.SystemRandom()
        self._sparingly = Sparingly()
        self._thread = threading.Thread(target=self._run, name=f"sink {name}", daemon=True)

    @abstractmethod
    def deliver(self, event: Event) -> None:
        """Deliver one event; return when the sink has it.

        Raises:
            RefusedError: it will never take it.
            FailedError: it did not take it, and may another time.
            UnavailableError: it takes nothing at present.
        """

    def equip(self, inhibition: Inhibition | None, trail: Trail | None) -> None:
        """Take the facts that are needed besides events, before `start`."""
        self.inhibition, self.trail = inhibition, trail

    def begin(self) -> None:
        """Prepare; the thread's first call."""

    def idle(self) -> None:
        """Do the work that needs no event."""

    def release(self) -> None:
        """Close everything that is open; the thread's last call."""

    def work(self, given: Mapping[int, Queued]) -> tuple[list[Delivery], float]:
        """Deliver the oldest of these events, at least one.

        Returns:
            Its outcome, nothing if it stays; and the seconds until it is worth calling again.
        """
        number, queued = next(iter(given.items()))
        try:
            self.deliver(queued.event)
            failpoint(f"sink.{self.kind}.delivered")
        except RefusedError as error:
            return [Delivery(number, ok=False, reason=str(error))], 0.0
        except FailedError as error:
            self._attempts += 1
            last = self._attempts >= ATTEMPTS
            return self._failed(
                queued, f"{error} ({self._attempts} attempts)" if last else str(error), last=last
            )
        except UnavailableError as error:
            return self._failed(queued, str(error), wait=error.wait)
        self._succeeded()
        return [Delivery(number, ok=True)], 0.0

    # The outbox's side

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def send(self, queued: Queued) -> bool:
        """Take an event; False while there are as many as allowed."""
        with self._changed:
            if self._closing or len(self._given) >= self.window:
                return False
            self._given[queued.number] = queued
            self._changed.notify()
        return True

    def settled(self) -> list[Delivery]:
        """Return the deliveries decided since the last call."""
        with self._changed:
            deliveries, self._deliveries = self._deliveries, []
        return deliveries

    @property
    def hopeful(self) -> bool:
        """True if it works on something, and neither waits nor hangs."""
        busy = self._busy_since
        return busy is not None and time.monotonic() - busy < HANGS_AFTER

    @property
    def hangs(self) -> bool:
        """True if it works on something for minutes: a server may send its answer a byte at a time."""
        busy = self._busy_since
        return busy is not None and time.monotonic() - busy > FAILS_AFTER

    def close(self) -> None:
        """End the thread, unless it hangs in a delivery: then it dies with the process."""
        with self._changed:
            self._closing = True
            self._changed.notify()

    # The thread's side

    def _run(self) -> None:
        again = 0.0
        self._attempt(self.begin)
        while True:
            with self._changed:
                self._busy_since = None
                self._wait(again)
                if self._closing:
                    break
                given = dict(self._given)
                self._busy_since = time.monotonic() if given else None
            if not given:
                self._attempt(self.idle)
                continue
            deliveries, again = self._guarded(given)
            with self._changed:
                for delivery in deliveries:
                    del self._given[delivery.number]
                self._deliveries += deliveries
        self._attempt(self.release)

    def _attempt(self, step: Callable[[], None]) -> None:
        """Take a step that concerns no event; a bug in it ends nothing else."""
        try:
            step()
        except Exception:
            allowed, _ = self._sparingly.allows("bug")
            if allowed:
                log.exception("sink %s has failed", self.name)

    def _guarded(self, given: Mapping[int, Queued]) -> tuple[list[Delivery], float]:
        """Work; a bug in a sink ends neither the daemon nor another sink, but costs the oldest event."""
        try:
            return self.work(given)
        except Exception as bug:
            number, queued = next(iter(given.items()))
            allowed, _ = self._sparingly.allows("bug")
            if allowed:
                log.exception("sink %s cannot handle event %s", self.name, queued.event.id)
            return [Delivery(number, ok=False, reason=f"{bug!r:.200}")], 0.0

    def _wait(self, seconds: float) -> None:
        """Wait for these seconds, and then for an event, or as long as it may be idle."""
        self._changed.wait_for(lambda: self._closing, seconds)
        self._changed.wait_for(lambda: self._closing or bool(self._given), self.idle_every)

    def _failed(
        self, queued: Queued, reason: str, *, wait: float | None = None, last: bool = False
    ) -> tuple[list[Delivery], float]:
        """Note an attempt that failed; give up an event that has waited too long."""
        self.failures += 1
        if not self.failure:
            log.warning("sink %s does not take events, they wait in the outbox: %s", self.name, reason)
        self.failure = reason
        if last or time.time() - queued.since > self._give_up_after:
            self._attempts = 0
            return [Delivery(queued.number, ok=False, reason=reason)], 0.0
        if wait is None or wait < FIRST_PAUSE:  # a sink that asks for no wait would be called without end
            self._tries = min(self._tries + 1, 30)
            pause = min(FIRST_PAUSE * 2.0 ** (self._tries - 1), LONGEST_PAUSE)
            wait = pause * self._random.uniform(0.5, 1.0)
        return [], min(wait, LONGEST_WAIT)

    def _succeeded(self) -> None:
        self._attempts = self._tries = 0
        if self.failure:
            log.info("sink %s takes events again", self.name)
            self.failure = ""
