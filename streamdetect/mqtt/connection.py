"""The network thread: one broker connection, kept up.

This thread owns the paho client and is the only one that ever calls it. It drives paho's functions for
external loops rather than `loop_start`, which gives jitter between attempts, a stop that interrupts every
wait, a sign of life for the watchdog, a thread that outlives a fault inside paho, acknowledgements that
cannot slip into the next connection, none of paho's locks between two threads, and a third more messages a
second (paho's own loop selects after every packet).
"""

from __future__ import annotations

import logging
import random
import select
import socket
import threading
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar

from streamdetect.metrics import counter
from streamdetect.mqtt.client import CONNECT_WITHIN
from streamdetect.mqtt.keepalive import Keepalive

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamdetect.metrics import Metric
    from streamdetect.mqtt.client import PacedClient
    from streamdetect.mqtt.publications import Publications
    from streamdetect.mqtt.session import Session

log = logging.getLogger(__name__)

_TICK = 1.0  # s; longest sleep, so also the grain of keepalive and of `last_sign`
_READS = 100  # packets read before looking after writes, acknowledgements and keepalive again
_FIRST_DELAY = 1.0  # s before the second attempt, doubled before each further one
_BLOCKED = 1.0  # s that answers which we need may wait behind messages for which there is no room
_REST = 9.0  # of the time that it took to skip messages
_LASTING = 3.0  # s; a shorter connection, as with two clients of one id, lengthens the next delay


class Connection:
    """Connects, reads, writes and reconnects until told to stop; `run` is the thread's body.

    The main thread sets `stale`, `filters`, `needs_answers` and `stop_by`, appends to `acks`, clears
    `handed_over`, and calls `wake`. It may read the rest.
    """

    def __init__(
        self,
        client: PacedClient,
        session: Session,
        publications: Publications,
        filters: tuple[str, ...],
        longest_delay: float,
    ) -> None:
        self.filters = filters
        self.stale: tuple[str, ...] = ()  # filters of earlier runs, which the session may still have
        self.stop_by: float | None = None  # monotonic seconds
        self.acks: deque[Sequence[tuple[int, int]]] = deque()  # (generation, packet id), in receive order
        self.needs_answers = False  # to publications, before anything more is acknowledged
        self.handed_over = threading.Event()  # set after each attempt to send what this thread was given
        self.connect_failures = 0
        self.faults = 0  # exceptions inside paho, each of which cost a connection
        self.last_sign = time.monotonic()
        self._rests_until = 0.0  # monotonic seconds until which nothing is read
        self._client = client
        self._session = session
        self._publications = publications
        self._longest_delay = longest_delay
        self._random = random.SystemRandom()
        client.stopped = self._stops_while_connecting
        self._keepalive: Keepalive
        self._blocked_since: float  # monotonic seconds; while not blocked, the present
        self._ear: socket.socket  # reads what `_bell` sends, and so ends a sleep
        self._bell: socket.socket | None = None

    metrics: ClassVar[Sequence[Metric[Connection]]] = (
        counter(
            "mqtt_connect_failures",
            "Attempts to connect that failed.",
            lambda connection: connection.connect_failures,
        ),
        counter(
            "mqtt_library_faults",
            "Connections lost to a fault in the MQTT library.",
            lambda connection: connection.faults,
        ),
    )

    def wake(self) -> None:
        """End the thread's sleep; may be called from any thread."""
        if self._bell is not None:
            with suppress(OSError):  # full: it has many reasons to wake already; closed: it has ended
                self._bell.send(b"\0")

    def run(self) -> None:
        """Keep the connection up until `stop_by` is set."""
        self._ear, bell = socket.socketpair()
        self._ear.settimeout(0)
        bell.settimeout(0)
        with self._ear, bell:
            self._bell = bell
            try:
                self._keep_up()
            except BaseException as bug:  # noqa: BLE001 - the main thread raises it
                self._session.bug = self._session.bug or bug
            finally:
                self._session.closing = True
                self._session.lost("stopped")

    def _keep_up(self) -> None:
        failed_in_a_row = 0
        while self.stop_by is None:
            began = time.monotonic()
            accepted = self._attempt()
            if not accepted:
                self.connect_failures += 1
            lasted = accepted and time.monotonic() - began > _LASTING
            failed_in_a_row = 1 if lasted else failed_in_a_row + 1
            if accepted and failed_in_a_row > 1:
                self._session.suspect_a_twin()
            if self.stop_by is None:
                self._pause(failed_in_a_row)

    def _attempt(self) -> bool:
        """Connect and serve the connection until it ends; False if the broker never accepted it."""
        generation, began = self._session.generation, time.monotonic()
        try:
            self._session.prepare()
            self._client.reconnect()
            self._serve(began)
        except OSError as error:
            self._session.last_error = str(error) or type(error).__name__
        except Exception as error:
            self.faults += 1
            self._session.last_error = repr(error)
            log.exception("fault in the MQTT library, reconnecting")
        finally:
            sock = self._client.socket()
            if sock is not None:
                sock.close()
            self._session.lost("connection closed")
        return self._session.generation != generation

    def _stops_while_connecting(self) -> bool:
        """Tell whether to end an attempt; asked several times a second during the attempt."""
        self.last_sign = time.monotonic()
        return self.stop_by is not None

    def _serve(self, began: float) -> None:
        """Serve the connection; `began` is when it began to open, in monotonic seconds."""
        poll = self._poll()
        self._blocked_since = time.monotonic()
        self._keepalive = Keepalive(self._client, self._blocked_since)
        while self._client.socket() is not None and self.stop_by is None:
            self._cycle(poll, _TICK)
            if problem := self._problem(began):
                self._session.last_error = problem
                return
        if self.stop_by is not None:
            self._say_goodbye(poll, self.stop_by)

    def _problem(self, began: float) -> str:
        """Return the reason why this connection, begun at `began`, has to end; empty while it may go on."""
        now = time.monotonic()
        # A frozen broker's kernel still accepts connections.
        if not self._session.connected and now - began > CONNECT_WITHIN:
            return "the broker does not answer"
        if self._keepalive.lost(now):
            return "the broker has fallen silent"
        if self._session.discarding and not self.needs_answers:
            return "the broker has to send again the messages that were not taken"
        # A broker that ignores Receive Maximum does so on a new connection, too: nothing else would bring the
        # answers. With one that keeps to it we never stop reading.
        if self._wants_more() or not self.needs_answers:
            self._blocked_since = now
        elif now - self._blocked_since > _BLOCKED:
            log.warning("reading stops until the broker has confirmed events: messages wait at the broker")
            self._session.discarding = True
        return ""

    def _cycle(self, poll: select.poll, timeout: float) -> None:
        """Send what the main thread handed over, wait for the socket, read and write."""
        self._hand_over()
        sock = self._client.socket()
        if sock is None:
            return
        now = time.monotonic()
        reading = self._wants_more() and now >= self._rests_until
        if now < self._rests_until:
            timeout = min(timeout, self._rests_until - now)
        descriptor = sock.fileno()
        poll.register(
            descriptor,
            (select.POLLIN if reading else 0) | (select.POLLOUT if self._client.want_write() else 0),
        )
        pending = reading and self._client.pending > 0
        ready = self._wait(poll, 0.0 if pending else timeout).get(descriptor, 0)
        spoken = pending or bool(ready & ~select.POLLOUT)
        if spoken and not reading:
            raise ConnectionResetError("connection lost")
        if spoken or not reading:
            self._keepalive.heard(time.monotonic())
        if spoken:
            self._read()
        if ready & select.POLLOUT:
            self._client.loop_write()

    def _read(self) -> None:
        """Read messages until none is there; rest if they come faster than they can be used.

        To skip one costs little, 0.5 µs, but there may be any number of them.
        """
        dropped, began = self._session.dropped, time.thread_time()
        for _ in range(_READS):
            received = self._session.received
            if self._client.loop_read() or self._session.received == received or not self._wants_more():
                break
        if self._session.dropped != dropped:
            self._rests_until = time.monotonic() + _REST * (time.thread_time() - began)

    def _wants_more(self) -> bool:
        """Tell whether to read: up to the limit of unacknowledged messages, and always before the first."""
        return not self._session.overfed or not self._session.connected

    def _hand_over(self) -> None:
        """Send the main thread's acknowledgements, subscriptions and publications."""
        while self.acks:
            self._session.acknowledge(self.acks.popleft())
        if self._session.connected:
            subscription = self._session.subscription
            if subscription.filters != self.filters:
                subscription.ask(self.filters, self.stale)
            subscription.turn()
            self._publications.send(self._client)
        self.handed_over.set()

    def _say_goodbye(self, poll: select.poll, stop_by: float) -> None:
        """Finish what is underway, publish `offline` and disconnect.

        The answer to that last message means that the broker has handled everything before it: closing a
        socket with unread data in it may otherwise destroy what is still on its way.
        """
        session = self._session
        if session.connected:
            self._hand_over()
            session.say_offline()
            while session.connected and (session.farewell is not None or not self._publications.idle):
                if (left := stop_by - time.monotonic()) <= 0:
                    break
                self._cycle(poll, min(left, _TICK))
        session.closing = True
        self._client.disconnect()
        while self._client.socket() is not None and (left := stop_by - time.monotonic()) > 0:
            self._cycle(poll, min(left, _TICK))

    def _pause(self, attempts: int) -> None:
        """Wait before the next attempt: 1, 2, 4 … `longest_delay` seconds, less up to half by chance."""
        longest = min(self._longest_delay, _FIRST_DELAY * 2.0 ** min(attempts - 1, 16))
        delay = longest * self._random.uniform(0.5, 1.0)
        log.warning(
            "no connection to the broker at %s: %s; next attempt in %.1f s",
            self._session.address,
            self._session.last_error,
            delay,
        )
        until = time.monotonic() + delay
        poll = self._poll()
        while self.stop_by is None and (left := until - time.monotonic()) > 0:
            self._wait(poll, min(left, _TICK))
            self._hand_over()

    def _poll(self) -> select.poll:
        poll = select.poll()
        poll.register(self._ear, select.POLLIN)
        return poll

    def _wait(self, poll: select.poll, timeout: float) -> dict[int, int]:
        """Sleep until a descriptor is ready or `wake` was called; returns events by descriptor."""
        ready = dict(poll.poll(timeout * 1000))
        if ready.pop(self._ear.fileno(), 0):
            self._ear.recv(65_536)
        self.last_sign = time.monotonic()
        return ready
