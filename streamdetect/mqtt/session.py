"""The state between a CONNACK and the loss of that connection.

Everything here runs on the network thread, inside paho's callbacks or between them.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from typing import TYPE_CHECKING, Any, ClassVar

from streamdetect.metrics import counter
from streamdetect.mqtt.broker import renew_access
from streamdetect.mqtt.client import LARGEST_PACKET
from streamdetect.mqtt.inbox import Message
from streamdetect.mqtt.status import OFFLINE, ONLINE
from streamdetect.mqtt.subscription import Subscription

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags
    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode

    from streamdetect.config import MqttConfig
    from streamdetect.metrics import Metric
    from streamdetect.mqtt.client import PacedClient, Publication
    from streamdetect.mqtt.inbox import Inbox
    from streamdetect.mqtt.publications import Publications
    from streamdetect.mqtt.status import Status

log = logging.getLogger(__name__)

_UNSPECIFIED, _TAKEN_OVER = 0x80, 0x8E  # reason codes of DISCONNECT


class Session:
    """The client's callbacks, and the state that lives as long as a connection.

    The network thread is the one writer of every attribute but `leaving`; any thread may read them.
    """

    def __init__(
        self,
        settings: MqttConfig,
        client: PacedClient,
        inbox: Inbox,
        publications: Publications,
        status: Status,
        stamp: Callable[[], float],
    ) -> None:
        self.connected = False
        self.closing = False  # we disconnect on purpose
        self.leaving = False  # no message above QoS 0 is taken any more; set by the main thread
        self.discarding = False  # nor on this connection: once one was left out, none may overtake it
        self.generation = 0  # number of the latest connection
        self.last_error = ""  # why there is no connection or no subscription; empty while all is well
        self.bug: BaseException | None = None  # a failure of ours on the network thread
        self.received = 0
        self.disconnects = 0
        self.session_losses = 0
        self.stale_acks = 0
        self.subscription = Subscription(settings, client)
        self.farewell: int | None = None  # packet id of the last status message, until it is answered
        self._settings = settings
        self._client = client
        self._inbox = inbox
        self._publications = publications
        self._status = status
        self._stamp = stamp
        self.held = 0  # messages above QoS 0, of any connection, that the main thread has yet to answer
        self.answered_at = time.monotonic()  # when it last did, or had nothing to answer
        self._owed: deque[tuple[int, int]] = (
            deque()
        )  # packet id and QoS of those of this connection, as they came
        self._here: set[int] = set()  # the packet ids among them
        self._answers: set[int] = set()  # those that may be answered once all that came before them are
        client.overrun = lambda: inbox.overrun
        client.on_overrun = inbox.drop
        for name in ("on_connect", "on_disconnect", "on_subscribe", "on_publication", "on_publish"):
            setattr(client, name, self._guard(getattr(self, "_" + name)))

    metrics: ClassVar[Sequence[Metric[Session]]] = (
        counter("mqtt_connects", "Connections that the broker accepted.", lambda session: session.generation),
        counter("mqtt_disconnects", "Connections lost.", lambda session: session.disconnects),
        counter(
            "mqtt_session_losses",
            "Connections on which the broker had forgotten our session.",
            lambda session: session.session_losses,
        ),
        counter(
            "mqtt_stale_acks",
            "Acknowledgements dropped because their connection was gone.",
            lambda session: session.stale_acks,
        ),
    )

    @property
    def subscribed(self) -> bool:
        """True if the broker has granted every subscription on this connection."""
        return self.connected and self.subscription.granted

    @property
    def overfed(self) -> bool:
        """True if the limit on messages or on bytes is reached.

        MQTT 3.1.1 has no Receive Maximum, and Mosquitto 2.0.11 keeps to it only until the first
        acknowledgement. Not reading the socket makes TCP hold the broker back. With a broker that keeps to it
        this never happens: it is told one less.
        """
        most = self._settings.max_undelivered_messages
        return not self._discards and (self.held >= most or (self.held > 0 and self._inbox.crowded))

    @property
    def dropped(self) -> int:
        """Messages at QoS 0 for which there was no room."""
        return self._inbox.dropped

    @property
    def starved(self) -> float:
        """Seconds that no message could be read because none was answered; 0 while messages are read."""
        return time.monotonic() - self.answered_at if self.connected and self.overfed else 0.0

    @property
    def _discards(self) -> bool:
        """True if messages above QoS 0 are left to the broker; they come again on the next connection."""
        return self.leaving or self.discarding

    @property
    def address(self) -> str:
        """The broker's address, for messages."""
        return self._settings.address

    def suspect_a_twin(self) -> None:
        """Name the likely cause when connections end as soon as they begin: MQTT 3.1.1 gives no reason."""
        if "client id" not in self.last_error:
            self.last_error += f"; does another client have our client id, {self._settings.client_id!r}?"

    def prepare(self) -> None:
        """Prepare for an attempt to connect: a password may have been renewed since the last one."""
        renew_access(self._client, self._settings)

    def acknowledge(self, acks: Sequence[tuple[int, int]]) -> None:
        """Answer messages, (generation, packet id) each, in the order in which they came (MQTT 5, 4.6)."""
        self.held -= len(acks)
        # A packet id of an earlier connection may name another message on this one.
        now = self.generation if self.connected else None
        known = [mid for generation, mid in acks if generation == now]
        self.stale_acks += len(acks) - len(known)
        owed, answers, due = self._owed, self._answers, []
        answers.update(known)
        while owed and owed[0][0] in answers:
            due.append(owed.popleft())
        answered = [mid for mid, _ in due]
        answers.difference_update(answered)
        self._here.difference_update(answered)
        self._client.answer(due)
        self.answered_at = time.monotonic()

    def say_offline(self) -> None:
        """Publish the last status; `farewell` is None again once the broker has answered."""
        self.farewell = self._status.say(OFFLINE)

    def lost(self, reason: str) -> None:
        """Forget the connection; may be called more than once for one."""
        if self.connected:
            self.connected = False
            self._status.lost()
            if not self.closing:
                self.disconnects += 1
                log.warning("disconnected from the broker: %s", reason)
        if not self.closing:
            self.last_error = self.last_error or reason
        self.subscription.lost()
        self.farewell = None
        self._owed.clear()
        self._here.clear()
        self._answers.clear()
        self._publications.disconnected()

    def _guard(self, callback: Callable[..., None]) -> Callable[..., None]:
        """Wrap a callback: an exception in it would kill the thread while the socket stays open."""

        def guarded(*arguments: Any) -> None:  # noqa: ANN401 - paho's callbacks differ
            try:
                callback(*arguments)
            except Exception as bug:  # noqa: BLE001 - the main thread raises it
                self.bug = self.bug or bug

        return guarded

    def _on_connect(
        self, client: Client, _: object, flags: ConnectFlags, reason: ReasonCode, properties: Properties
    ) -> None:
        if reason.is_failure:
            self.last_error = f"refused: {reason}"
            self._status.refused(reason.value)
            return
        if self.generation and self._settings.persistent_session and not flags.session_present:
            self.session_losses += 1
            log.warning("the broker has lost our session, and with it any message it held for us")
        if self._settings.protocol != "5" and self._settings.persistent_session and client._clean_session:  # noqa: SLF001 - paho has no setter
            # MQTT 3.1.1 gives a session up only by connecting without one.
            client._clean_session = False  # noqa: SLF001
            self.last_error = "discarded the session of an earlier run, whose state was not kept"
            client.disconnect()
            return
        self.generation += 1
        self.discarding = False
        if flags.session_present:
            self.held -= self._inbox.forget_acknowledgeable()  # they come again
        self.last_error = ""
        self._publications.connected(
            receive_maximum=getattr(properties, "ReceiveMaximum", 65_535),
            largest_packet=getattr(properties, "MaximumPacketSize", LARGEST_PACKET),
            highest_qos=min(self._status.form.qos, getattr(properties, "MaximumQoS", 1)),
            retains=self._status.form.retain and bool(getattr(properties, "RetainAvailable", 1)),
        )
        self.subscription.identifies = self._settings.protocol == "5" and bool(
            getattr(properties, "SubscriptionIdentifierAvailable", 1)
        )
        client.drop_out_messages()  # reported as not delivered; paho would send them again behind our back
        self._status.say(ONLINE)
        self.connected = True
        log.info("connected to the broker, session %s", "resumed" if flags.session_present else "new")

    def _on_disconnect(
        self, _client: Client, _: object, flags: DisconnectFlags, reason: ReasonCode, _props: Properties
    ) -> None:
        if not self.connected and self._settings.protocol != "5":
            self._status.refused(None)
        if reason.value == _TAKEN_OVER:
            self.lost(f"another client has our client id, {self._settings.client_id!r}")
        elif reason.value == _UNSPECIFIED and not flags.is_disconnect_packet_from_server:
            self.lost("connection lost")  # all that paho knows of a socket's error
        else:
            self.lost(str(reason))

    def _on_subscribe(
        self, _client: Client, _: object, mid: int, reasons: list[ReasonCode], _props: Properties
    ) -> None:
        self.subscription.answered(mid, reasons)

    def _on_publication(self, publication: Publication) -> None:
        name, payload, qos, mid, retain, dup, skipped, subscriptions = publication
        self.received += 1
        if qos:
            if self._discards or mid in self._here:  # what is here already is all the same message
                return
            self._owed.append((mid, qos))
            self._here.add(mid)
            if not self.held:
                self.answered_at = time.monotonic()
            self.held += 1
        try:
            topic = name.decode()
        except UnicodeDecodeError:
            topic = ""
        copy = bool(subscriptions) and not self.subscription.is_first(topic, subscriptions)
        self._inbox.put(
            Message(topic, payload, qos, mid, self.generation, self._stamp(), retain, dup, skipped, copy)
        )

    def _on_publish(
        self, _client: Client, _: object, mid: int, reason: ReasonCode, _props: Properties
    ) -> None:
        if mid == self.farewell:
            self.farewell = None
        self._publications.answered(mid, reason)
