"""Publishing at a bounded distance ahead of the broker's acknowledgements."""

from __future__ import annotations

import secrets
import threading
from typing import TYPE_CHECKING, Any

from paho.mqtt.client import Client, MQTTv5, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from streamdetect.errors import StreamdetectError
from streamdetect.mqtt.broker import give_access

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode

    from streamdetect.config import MqttConfig

_AHEAD = 1000  # messages; what the broker's Receive Maximum allows, if that is less
_GOODBYE = 2.0  # s
_UNUSED_PORT = 1883  # paho insists on a port for a unix socket too


class Publisher:
    """A connection that only publishes; a context manager.

    Args:
        settings: Where the broker is; the client id is a fresh one, not to take over the daemon's session.
        qos: 0 or 1.
        patience: Seconds without any sign of progress after which the broker counts as lost.
    """

    def __init__(self, settings: MqttConfig, qos: int, patience: float) -> None:
        self.confirmed = 0
        """Messages that the broker took: acknowledged at QoS 1, written to the socket at QoS 0."""
        self.refused = 0
        self._refusal = ""  # the first
        self._trouble = ""  # with the connection, until there is one
        self._settings = settings
        self._qos = qos
        self._patience = patience
        self._ahead = _AHEAD
        self._sent = 0
        self._progress = threading.Condition()
        self._connected = False
        self._client = self._make_client()

    @property
    def answered(self) -> int:
        """Messages that the broker took or refused."""
        return self.confirmed + self.refused

    @property
    def problem(self) -> str:
        """The first refusal, or the reason why there is no connection; empty while all is well."""
        return self._refusal or self._trouble

    def __enter__(self) -> Self:
        """Connect.

        Raises:
            StreamdetectError: There is no broker, or it does not let us in.
        """
        where = f"{self._settings.host}:{self._settings.resolved_port}"
        if self._settings.transport == "unix":
            where = str(self._settings.path)
        try:
            self._connect()
        except OSError as error:
            raise StreamdetectError(f"no broker at {where}: {error.strerror or error}") from error
        self._client.loop_start()
        with self._progress:
            self._progress.wait_for(lambda: self._connected or self.problem, self._patience)
        if not self._connected:
            self.__exit__()
            raise StreamdetectError(f"the broker at {where} refuses us: {self.problem or 'no answer'}")
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        with self._progress:
            ended = self._progress.wait_for(lambda: not self._connected, _GOODBYE)
        if ended:  # from a broker that is stuck, paho's thread never comes back; it is a daemon thread
            self._client.loop_stop()

    def publish(self, topic: str, payload: bytes) -> None:
        """Publish, when the broker has acknowledged enough earlier messages.

        Raises:
            StreamdetectError: It has not in `patience` seconds.
        """
        self._wait_until_open(self._ahead - 1)
        self._sent += 1
        info = self._client.publish(topic, payload, self._qos)
        if self._qos == 0 and info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:  # at QoS 1 paho sends it later
            with self._progress:
                self.refused += 1
                self._refusal = self._refusal or "connection lost"

    def finish(self) -> None:
        """Wait until the broker has answered everything.

        Raises:
            StreamdetectError: It made no progress in `patience` seconds.
        """
        self._wait_until_open(0)

    def _wait_until_open(self, most: int) -> None:
        with self._progress:
            while (unanswered := self._sent - self.answered) > most:
                if not self._progress.wait_for(self._answers_since(self.answered), self._patience):
                    silence = f"{unanswered} messages unanswered for {self._patience:g} s"
                    raise StreamdetectError(f"{silence}: {self.problem or 'no acknowledgement'}")

    def _answers_since(self, before: int) -> Callable[[], bool]:
        return lambda: self.answered > before

    def _make_client(self) -> Client:
        settings = self._settings
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"streamdetect-replay-{secrets.token_hex(4)}",
            protocol=MQTTv5 if settings.protocol == "5" else MQTTv311,
            transport=settings.transport,
        )
        client.max_inflight_messages_set(0)  # bounded here instead, where the broker's own limit is known
        give_access(client, settings)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        return client

    def _connect(self) -> None:
        settings = self._settings
        if settings.transport == "unix":
            self._client.connect(str(settings.path), _UNUSED_PORT)
        else:
            self._client.connect(settings.host, settings.resolved_port)

    # On paho's thread. Nothing here takes a lock that is held around a call of paho's.

    def _on_connect(
        self,
        _client: Client,
        _data: object,
        _flags: object,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        with self._progress:
            self._connected = not reason.is_failure
            self._trouble = str(reason) if reason.is_failure else ""
            receive_maximum: Any = getattr(properties, "ReceiveMaximum", _AHEAD)
            self._ahead = max(1, min(_AHEAD, receive_maximum))
            self._progress.notify_all()

    def _on_disconnect(
        self, _client: Client, _data: object, _flags: object, reason: ReasonCode, _: object
    ) -> None:
        with self._progress:
            self._connected = False
            if reason.is_failure and not self._trouble:
                self._trouble = f"disconnected: {reason}"
            self._progress.notify_all()

    def _on_publish(self, _client: Client, _data: object, _mid: int, reason: ReasonCode, _: object) -> None:
        with self._progress:
            if reason.is_failure:
                self.refused += 1
                self._refusal = self._refusal or f"refused: {reason}"
            else:
                self.confirmed += 1
            self._progress.notify_all()
