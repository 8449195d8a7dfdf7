"""What holds between a CONNACK and the loss of that connection.

Everything here runs on the network thread, inside paho's callbacks or between them.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, ClassVar

from streamdetect.metrics import counter
from streamdetect.mqtt.broker import OFFLINE, ONLINE, subscription_options
from streamdetect.mqtt.inbox import Message
from streamdetect.mqtt.publications import LARGEST_PACKET

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode

    from streamdetect.config import MqttConfig
    from streamdetect.metrics import Metric
    from streamdetect.mqtt.inbox import Inbox
    from streamdetect.mqtt.publications import Publications

log = logging.getLogger(__name__)

_UNSPECIFIED, _TAKEN_OVER = 0x80, 0x8E  # reason codes of DISCONNECT
_FILTERS_PER_SUBSCRIBE = 8  # what AWS IoT Core takes in one packet; others take more


class Session:
    """The client's callbacks, and the state that lives as long as a connection.

    The network thread is the one writer of every attribute but `leaving`; any thread may read them.
    """

    def __init__(
        self,
        settings: MqttConfig,
        client: Client,
        inbox: Inbox,
        publications: Publications,
        status_topic: str,
        stamp: Callable[[], float],
    ) -> None:
        self.connected = False
        self.closing = False  # we disconnect on purpose
        self.leaving = False  # no QoS 1 message is taken any more; set by the main thread
        self.discarding = False  # nor on this connection: once one was left out, none may overtake it
        self.generation = 0  # number of the latest connection
        self.last_error = ""  # why there is no connection or no subscription; empty while all is well
        self.bug: BaseException | None = None  # a failure of ours on the network thread
        self.received = 0
        self.disconnects = 0
        self.session_losses = 0
        self.stale_acks = 0
        self.filters: tuple[str, ...] = ()  # asked for on this connection
        self.farewell: int | None = None  # packet id of the last status message, until it is answered
        self._settings = settings
        self._client = client
        self._inbox = inbox
        self._publications = publications
        self._status_topic = status_topic
        self._stamp = stamp
        self.held = 0  # QoS 1 messages, of any connection, that the main thread has yet to answer
        self._unanswered: dict[int, list[str]] = {}  # filters that await their SUBACK, by packet id
        self._refused = False
        for name in (
            "on_connect",
            "on_disconnect",
            "on_subscribe",
            "on_message",
            "on_publication",
            "on_publish",
        ):
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
        """Whether the broker has granted every subscription on this connection."""
        return self.connected and bool(self.filters) and not self._unanswered and not self._refused

    @property
    def overfed(self) -> bool:
        """Whether as many messages are here as may be.

        MQTT 3.1.1 has no Receive Maximum, and Mosquitto 2.0.11 keeps to it only until the first
        acknowledgement. Not reading the socket makes TCP hold the broker back. One that keeps to it never
        gets us here: it is told one less.
        """
        return not self._discards and self.held >= self._settings.max_undelivered_messages

    @property
    def _discards(self) -> bool:
        """Whether QoS 1 messages are left to the broker, which sends them again on the next connection."""
        return self.leaving or self.discarding

    def acknowledge(self, acks: Iterable[tuple[int, int]]) -> None:
        """Send PUBACKs for (generation, packet id) pairs, in that order."""
        for generation, mid in acks:
            self.held -= 1
            # A packet id of an earlier connection may name another message on this one.
            if self.connected and generation == self.generation:
                self._client.ack(mid, 1)
            else:
                self.stale_acks += 1

    def subscribe(self, filters: tuple[str, ...], stale: tuple[str, ...] = ()) -> None:
        """Ask for these filters, and give up those that we had and the stale ones that are not among them."""
        for some in _chunks(
            [topic for topic in (*self.filters, *stale) if topic not in filters], _FILTERS_PER_SUBSCRIBE
        ):
            self._client.unsubscribe(some)
        self.filters, self._refused = filters, False
        options = subscription_options(self._settings)
        for some in _chunks(list(filters), _FILTERS_PER_SUBSCRIBE):
            _, mid = self._client.subscribe([(topic, options) for topic in some])  # type: ignore[arg-type] # one type for all of the list, as paho wants it
            if mid is not None:
                self._unanswered[mid] = some

    def say_offline(self) -> None:
        """Publish the last status; `farewell` is None again once the broker has answered."""
        self.farewell = self._client.publish(self._status_topic, OFFLINE, qos=1, retain=True).mid

    def lost(self, reason: str) -> None:
        """Forget the connection; may be called more than once for one."""
        if self.connected:
            self.connected = False
            if not self.closing:
                self.disconnects += 1
                log.warning("disconnected from the broker: %s", reason)
        if not self.closing:
            self.last_error = self.last_error or reason
        self.filters = ()
        self.farewell = None
        self._unanswered.clear()
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
            return
        if self.generation and self._settings.persistent_session and not flags.session_present:
            self.session_losses += 1
            log.warning("the broker has lost our session, and with it any message it held for us")
        self.generation += 1
        self.discarding = False
        if flags.session_present:
            self.held -= self._inbox.forget_acknowledgeable()  # they come again
        self.last_error = ""
        self._publications.connected(
            receive_maximum=getattr(properties, "ReceiveMaximum", 65_535),
            largest_packet=getattr(properties, "MaximumPacketSize", LARGEST_PACKET),
            highest_qos=getattr(properties, "MaximumQoS", 1),
        )
        client.drop_out_messages()  # reported as not delivered; paho would send them again behind our back
        client.publish(self._status_topic, ONLINE, qos=1, retain=True)
        self.connected = True
        log.info("connected to the broker, session %s", "resumed" if flags.session_present else "new")

    def _on_disconnect(
        self, _client: Client, _: object, flags: DisconnectFlags, reason: ReasonCode, _props: Properties
    ) -> None:
        if reason.value == _TAKEN_OVER:
            self.lost(f"another client has our client id, {self._settings.client_id!r}")
        elif reason.value == _UNSPECIFIED and not flags.is_disconnect_packet_from_server:
            self.lost("connection lost")  # all that paho knows of a socket's error
        else:
            self.lost(str(reason))

    def _on_subscribe(
        self, _client: Client, _: object, mid: int, reasons: list[ReasonCode], _props: Properties
    ) -> None:
        for topic, reason in zip(self._unanswered.pop(mid, ()), reasons, strict=False):
            if reason.is_failure:
                self._refused = True
                self.last_error = f"subscription to {topic!r} refused: {reason}"
                log.error("%s", self.last_error)

    def _on_message(self, _client: Client, _: object, message: MQTTMessage) -> None:
        topic, payload = message._topic, bytes(message.payload)  # noqa: SLF001 - as it came; `topic` may raise
        self._on_publication(topic, payload, message.qos, message.mid, message.retain)

    def _on_publication(self, name: bytes, payload: bytes, qos: int, mid: int, retain: bool) -> None:  # noqa: FBT001 - once a message
        self.received += 1
        if qos and self._discards:
            return
        self.held += qos
        try:
            topic = name.decode()
        except UnicodeDecodeError:
            topic = ""
        self._inbox.put(Message(topic, payload, qos, mid, self.generation, self._stamp(), retain))

    def _on_publish(
        self, _client: Client, _: object, mid: int, reason: ReasonCode, _props: Properties
    ) -> None:
        if mid == self.farewell:
            self.farewell = None
        self._publications.answered(mid, reason)


def _chunks(items: list[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
