"""Incidents, received as the daemon's events over MQTT, as by any subscriber."""

from __future__ import annotations

import threading
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson
from paho.mqtt.client import Client, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion

from streamdetect.demo.outcome import Incident
from streamdetect.errors import StreamdetectError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from paho.mqtt.client import MQTTMessage

_QOS = 1
_PATIENCE = 30.0  # s
_ANOMALY = "io.streamdetect.anomaly."


class Subscriber:
    """A subscriber to events; a context manager.

    Attributes:
        incidents: by id, in the order in which they opened.
        received: events.
    """

    def __init__(self, host: str, port: int, topic: str, heard: Callable[[str, Incident], None]) -> None:
        """Prepare.

        Args:
            host: of the broker.
            port: of the broker.
            topic: filter of the events.
            heard: told of each edge, `opened`, `updated` or `closed`, on the network thread.
        """
        self.incidents: dict[str, Incident] = {}
        self.received = 0
        self._subscribed = threading.Event()
        self._address = host, port
        self._heard = heard
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv311)
        self._client.on_connect = lambda client, *_: client.subscribe(topic, _QOS)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._on_message

    def __enter__(self) -> Self:
        """Connect and subscribe.

        Raises:
            StreamdetectError: the broker does not answer.
        """
        self._client.connect(*self._address)
        self._client.loop_start()
        if not self._subscribed.wait(_PATIENCE):
            self.__exit__()
            raise StreamdetectError("the demo's broker does not answer")
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        event = orjson.loads(message.payload)
        if event["type"].startswith(_ANOMALY):
            self._take(event["type"].removeprefix(_ANOMALY), _unix(event["time"]), event["data"])
        self.received += 1

    def _take(self, kind: str, moment: float, data: dict[str, Any]) -> None:
        if data["incident"] not in self.incidents:
            self.incidents[data["incident"]] = Incident(data["sensor"], _unix(data["started"]), moment)
        incident = self.incidents[data["incident"]]
        incident.severity, incident.score = data["severity"], data["peak"]["score"]
        incident.ended = None if data["ended"] is None else _unix(data["ended"])
        incident.closed = moment if kind == "closed" else None
        self._heard(kind, incident)


def _unix(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
