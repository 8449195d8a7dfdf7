"""Publications and their outcomes.

The main thread submits and collects; the network thread sends and records the broker's answers. Between the
two stand two deques, so neither ever waits for the other.
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from paho.mqtt.enums import MQTTErrorCode

from streamdetect.metrics import counter
from streamdetect.mqtt.broker import topic_problem
from streamdetect.mqtt.client import LARGEST_PACKET

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from paho.mqtt.client import Client
    from paho.mqtt.reasoncodes import ReasonCode

    from streamdetect.metrics import Metric

_PACKET_OVERHEAD = 16  # fixed header, packet id, topic length and property length, rounded up

# Refusals that may be over when the same publication is sent again: implementation specific error, packet
# identifier in use, quota exceeded. Any other refusal is about the publication itself.
_PASSING_REFUSALS = frozenset({0x83, 0x91, 0x97})
KEPT_TOO_LARGE = 3600.0  # s that a limit of the broker may be too low before events are given up for it


class Publication(NamedTuple):
    """One message to publish; `token` is the caller's name for it."""

    token: Hashable
    topic: str
    payload: bytes
    qos: int
    retain: bool


class Delivery(NamedTuple):
    """The outcome of one publication.

    `ok` means that the broker took it: a successful PUBACK at QoS 1, written to the socket at QoS 0. `retry`
    says that the same publication may succeed later; without it, it never will.
    """

    token: Hashable
    ok: bool
    reason: str
    retry: bool


class Publications:
    """Holds at most `limit` publications between `submit` and `completed`."""

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit = limit
        self._clock = clock
        self.unfinished = 0
        self.delivered = 0
        self.failed = 0
        self._submitted: deque[Publication] = deque()
        self._finished: deque[Delivery] = deque()
        self._in_flight: dict[int, Publication] = {}  # by packet id; network thread only
        self._too_large: dict[Hashable, float] = {}  # tokens, and when they first were, monotonic seconds
        self._window = limit
        self._largest = LARGEST_PACKET
        self._highest_qos = 1
        self._retains = True

    # Main thread

    metrics: ClassVar[Sequence[Metric[Publications]]] = (
        counter(
            "mqtt_publications_delivered",
            "Publications that the broker took.",
            lambda publications: publications.delivered,
        ),
        counter(
            "mqtt_publications_failed",
            "Publications not delivered.",
            lambda publications: publications.failed,
        ),
    )

    def submit(self, publication: Publication) -> bool:
        """Take a publication; False if `limit` of them are unfinished.

        One that can never be sent is not handed to the network thread: `completed` reports it.
        """
        if self.unfinished >= self.limit:
            return False
        self.unfinished += 1
        if problem := topic_problem(publication.topic):
            self._finish(publication, problem, retry=False)
        else:
            self._submitted.append(publication)
        return True

    def completed(self) -> list[Delivery]:
        """Return the deliveries decided since the last call."""
        deliveries = [self._finished.popleft() for _ in range(len(self._finished))]
        succeeded = sum(delivery.ok for delivery in deliveries)
        self.unfinished -= len(deliveries)
        self.delivered += succeeded
        self.failed += len(deliveries) - succeeded
        return deliveries

    # Network thread

    @property
    def idle(self) -> bool:
        """True if nothing waits to be sent or answered."""
        return not self._submitted and not self._in_flight

    def connected(
        self, receive_maximum: int, largest_packet: int, highest_qos: int, *, retains: bool
    ) -> None:
        """Keep to the broker's limits on this connection."""
        self._window = max(1, min(self.limit, receive_maximum - 1))  # one place is for the status message
        self._largest = largest_packet
        self._highest_qos = highest_qos
        self._retains = retains

    def disconnected(self) -> None:
        """Report all unfinished publications as not delivered; nobody knows if the broker took them."""
        for publication in (*self._in_flight.values(), *self._take_all()):
            self._finish(publication, "connection lost", retry=True)
        self._in_flight.clear()

    def send(self, client: Client) -> None:
        """Send what was submitted, as far as the window allows."""
        while self._submitted and len(self._in_flight) < self._window:
            publication = self._submitted.popleft()
            if len(publication.topic.encode()) + len(publication.payload) + _PACKET_OVERHEAD > self._largest:
                self._refuse_large(publication)
                continue
            qos = min(publication.qos, self._highest_qos)
            info = client.publish(
                publication.topic, publication.payload, qos, publication.retain and self._retains
            )
            if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
                self._finish(publication, "connection lost", retry=True)
            elif info.is_published():  # QoS 0, already written
                self._finish(publication)
            else:
                self._in_flight[info.mid] = publication
                self._too_large.pop(publication.token, None)

    def _refuse_large(self, publication: Publication) -> None:
        """Report a publication over the broker's limit; a mistake in its configuration may pass."""
        now = self._clock()
        passing = now - self._too_large.setdefault(publication.token, now) < KEPT_TOO_LARGE
        if not passing:
            del self._too_large[publication.token]
        self._finish(publication, "packet is too large for the broker", retry=passing)

    def answered(self, mid: int, reason: ReasonCode) -> None:
        """Record the broker's answer; paho calls a refused publication published all the same."""
        publication = self._in_flight.pop(mid, None)
        if publication is None:
            return
        if reason.is_failure:
            self._finish(publication, str(reason), retry=reason.value in _PASSING_REFUSALS)
        else:
            self._finish(publication)

    def _take_all(self) -> list[Publication]:
        return [self._submitted.popleft() for _ in range(len(self._submitted))]

    def _finish(self, publication: Publication, reason: str = "", *, retry: bool = False) -> None:
        self._finished.append(Delivery(publication.token, not reason, reason, retry))
