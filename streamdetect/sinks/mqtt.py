"""Events to the broker, at the topic that the configuration gives them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote

from streamdetect.logs import Sparingly
from streamdetect.sinks.events import ANSWERED
from streamdetect.sinks.sink import Delivery, Sink

if TYPE_CHECKING:
    from streamdetect.config import EventsConfig
    from streamdetect.mqtt.edge import MqttEdge
    from streamdetect.store import Event, Queued

log = logging.getLogger(__name__)

NAME = "mqtt"


class MqttSink(Sink):
    """The broker that the readings come from.

    It holds the daemon up: while it takes no events it most likely brings no readings either, and it keeps
    those.
    """

    holds_up: ClassVar[bool] = True

    def __init__(self, edge: MqttEdge, settings: EventsConfig) -> None:
        """Publish over this edge; the daemon starts and stops it."""
        super().__init__(NAME)
        self._edge, self._settings = edge, settings
        self._sparingly = Sparingly()

    def send(self, queued: Queued) -> bool:
        """Hand an event to the network thread; False while there is no connection or place."""
        event = queued.event
        topic = self._topic(event)
        return self._edge.publish(queued.number, topic, event.payload, qos=self._settings.qos)

    def _topic(self, event: Event) -> str:
        if event.facts["type"] == ANSWERED:
            return self._settings.answers_topic
        return self._settings.topic_for(event.detector, topic_levels(event.sensor))

    def settled(self) -> list[Delivery]:
        """Return the answers of the broker."""
        found = []
        for number, ok, reason, retry in self._edge.completed():
            if isinstance(number, int):
                found.append(Delivery(number, ok, reason, retry))
            elif not ok and not retry and self._sparingly.allows("refused")[0]:
                log.warning("the broker does not take what is published beside events: %s", reason)
        return found

    def give_way(self) -> None:
        """Let the network thread send."""
        self._edge.give_way()

    @property
    def hopeful(self) -> bool:
        """True if there is a connection."""
        return self._edge.connected


def topic_levels(sensor: str) -> str:
    """Return the id as topic levels of `[A-Za-z0-9_.%-]`; any other character becomes %XX of its UTF-8.

    An id that came by MQTT is written like that already, and stays as it is. No input reaches an output topic
    as it is: no wildcard, control or bidi character.
    """
    return "/".join(quote(level, safe="%").replace("~", "%7E") for level in sensor.split("/"))
