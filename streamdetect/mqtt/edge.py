"""The edge to the broker, as the main thread sees it.

The network thread (`streamdetect.mqtt.connection`) does the talking; this side starts and stops it, hands it
acknowledgements and publications, and raises the errors in it.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, ClassVar

from streamdetect.metrics import gauge
from streamdetect.mqtt.broker import make_client
from streamdetect.mqtt.client import PacedClient
from streamdetect.mqtt.connection import Connection
from streamdetect.mqtt.publications import Publication, Publications
from streamdetect.mqtt.session import Session
from streamdetect.mqtt.status import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence

    from streamdetect.config import MqttConfig
    from streamdetect.metrics import Measured, Metric
    from streamdetect.mqtt.inbox import Inbox
    from streamdetect.mqtt.publications import Delivery

_GIVE_WAY = 0.001  # s


class MqttEdge:
    """One broker connection that reads into an inbox, acknowledges and publishes.

    Everything here is for the main thread, and nothing here waits for the broker, except `stop`; `give_way`
    waits for the network thread.
    """

    def __init__(
        self,
        settings: MqttConfig,
        filters: Iterable[str],
        inbox: Inbox,
        *,
        status_topic: str | None,
        max_publications: int = 1000,
        client_factory: Callable[..., PacedClient] = PacedClient,
        stamp: Callable[[], float] = time.time,
        forget: bool = False,
    ) -> None:
        """Prepare; nothing is sent before `start`.

        Args:
            settings: the `mqtt` section of the configuration.
            filters: topic filters, subscribed to on every connect.
            inbox: where messages go.
            status_topic: carries retained `online` or `offline`, by the will if need be; None: nothing does.
            max_publications: bound on publications not yet returned by `completed`.
            client_factory: makes the paho client.
            stamp: Unix time in seconds, for `Message.arrival`.
            forget: whether to give up what the broker has kept of an earlier run, of which nothing is known.

        Raises:
            ConfigError: the password or a TLS file cannot be read or does not fit.
        """
        client = make_client(settings, client_factory, forget=forget)
        self.on_connected: list[Callable[[], None]] = []  # run by `completed` after every connect
        self._publications = Publications(max_publications)
        self._session = Session(
            settings, client, inbox, self._publications, Status(client, status_topic), stamp
        )
        self._connection = Connection(
            client, self._session, self._publications, _unique(filters), settings.reconnect_max
        )
        self._thread = threading.Thread(target=self._connection.run, name="mqtt", daemon=True)
        self._greeted = 0  # generation for which `on_connected` ran

    metrics: ClassVar[Sequence[Metric[MqttEdge]]] = (
        gauge("mqtt_connected", "Whether the broker is connected.", lambda edge: edge.connected),
        gauge(
            "mqtt_subscribed",
            "Whether the broker has granted every subscription.",
            lambda edge: edge.subscribed,
        ),
        gauge(
            "mqtt_unacknowledged",
            "QoS 1 messages received and not acknowledged yet.",
            lambda edge: edge.unacknowledged,
        ),
    )

    def start(self) -> None:
        """Connect in the background, now and whenever the connection is lost."""
        self._thread.start()

    def stop(self, timeout: float) -> bool:
        """Publish `offline`, disconnect and end the network thread; True if that was done in time.

        What was handed over before is still sent. A thread that is stuck, in a name lookup for example, is
        left behind: it is a daemon thread and cannot keep the process.

        Args:
            timeout: seconds for all of it.
        """
        if not self._thread.is_alive():
            return True
        self.take_no_more()
        self._connection.stop_by = time.monotonic() + 0.8 * timeout
        self._connection.wake()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def ack(self, acks: Sequence[tuple[int, int]]) -> None:
        """Acknowledge messages above QoS 0 whose effect is safe, given as (generation, packet id).

        The broker hears of them in the order in which they came (MQTT 5, 4.6), however they are given. Those
        of an earlier connection are counted in `stale_acks` and left to the broker, which sends them again.
        """
        if acks:
            self._connection.acks.append(acks)
            self._connection.wake()

    def publish(
        self, token: Hashable, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False
    ) -> bool:
        """Hand over one publication; its outcome comes from `completed` under `token`.

        Returns:
            False, with nothing done, while there is no connection or `max_publications` are unfinished.
        """
        if not self._session.connected:
            return False
        if not self._publications.submit(Publication(token, topic, payload, qos, retain)):
            return False
        self._connection.handed_over.clear()
        self._connection.wake()
        return True

    def give_way(self) -> None:
        """Let the network thread send what was handed over to it, for at most a millisecond.

        Otherwise it gets its turn only once this thread lets go of the interpreter, as a rule when the model
        runs on the next batch.
        """
        self._connection.handed_over.wait(_GIVE_WAY)

    def need_answers(self, *, needed: bool) -> None:
        """Say whether the main thread takes no more messages until publications are answered.

        The answers may stand behind messages for which there is no place, of a broker that does not keep to
        Receive Maximum. These messages are then left to the broker, and come again on a new connection once
        the answers are no longer needed.
        """
        self._connection.needs_answers = needed

    def take_no_more(self) -> None:
        """Leave further messages above QoS 0 to the broker, which sends them again when we are back.

        Other packets are read, however many messages are unacknowledged.
        """
        self._session.leaving = True
        self._connection.wake()

    def completed(self) -> list[Delivery]:
        """Return the deliveries decided since the last call, and run `on_connected` after a connect.

        Raises:
            RuntimeError: the network thread failed.
        """
        self.raise_if_broken()
        generation = self._session.generation
        if self._session.connected and generation != self._greeted:
            self._greeted = generation
            for hook in self.on_connected:
                hook()
        return self._publications.completed()

    def raise_if_broken(self) -> None:
        """Raise if the network thread has died or one of our callbacks failed in it.

        Raises:
            RuntimeError: with the failure as its cause.
        """
        bug = self._session.bug
        died = self._thread.ident is not None and not self._thread.is_alive() and not self._connection.stop_by
        if bug is not None or died:
            raise RuntimeError("the MQTT network thread failed") from bug

    def set_filters(self, filters: Iterable[str], stale: Iterable[str] = ()) -> None:
        """Subscribe to these filters from now on, and no longer to the others nor to those that are stale."""
        self._connection.stale = _unique(stale)
        self._connection.filters = _unique(filters)
        self._connection.wake()

    @property
    def connected(self) -> bool:
        """True if the broker has accepted the connection, and it has not been lost since."""
        return self._session.connected

    @property
    def subscribed(self) -> bool:
        """True if every subscription is granted on this connection; without it no message can come."""
        return self._session.subscribed and self._session.subscription.filters == self._connection.filters

    @property
    def silence(self) -> float:
        """Seconds since the network thread's last sign of life."""
        return time.monotonic() - self._connection.last_sign

    @property
    def starved(self) -> float:
        """Seconds that no message could be read because none was acknowledged; 0 while messages are read."""
        return self._session.starved

    @property
    def last_error(self) -> str:
        """The reason why there is no connection or no subscription; empty while all is well."""
        return self._session.last_error or self._session.subscription.problem

    @property
    def unfinished(self) -> int:
        """Publications not yet returned by `completed`."""
        return self._publications.unfinished

    @property
    def unacknowledged(self) -> int:
        """Messages above QoS 0 that are here and were not answered, of any connection."""
        return self._session.held

    @property
    def parts(self) -> tuple[Measured, ...]:
        """The edge and its parts, each with metrics of its own."""
        return self, self._session, self._connection, self._publications


def _unique(filters: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filters))
