"""One question to a daemon over the broker, and its answer."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from streamdetect.errors import StreamdetectError
from streamdetect.mqtt.publisher import Publisher

if TYPE_CHECKING:
    from collections.abc import Callable

    from paho.mqtt.client import Client, MQTTMessage

    from streamdetect.config import MqttConfig


class Asker(Publisher):
    """A connection that publishes, and waits for what is published in return; a context manager."""

    def __init__(self, settings: MqttConfig, patience: float) -> None:
        """Note the broker's address, and the seconds to wait for an answer."""
        super().__init__(settings, 1, patience)
        self._heard: list[bytes] = []
        self._changed = threading.Condition()
        self._subscribed = False
        self._client.on_message = self._on_message
        self._client.on_subscribe = self._on_subscribe

    def ask(self, topic: str, payload: bytes, answers: str, is_mine: Callable[[bytes], bool]) -> bytes:
        """Publish, and return the first message on the topic `answers` that is ours.

        Raises:
            StreamdetectError: the broker refuses it, or no daemon answers.
        """
        self._client.subscribe(answers, qos=1)
        self._wait(lambda: self._subscribed, "the broker does not grant a subscription")
        self.publish(topic, payload)
        self.finish()
        if self.problem:
            raise StreamdetectError(f"the broker does not take it: {self.problem}")
        self._wait(lambda: any(map(is_mine, self._heard)), f"no daemon answered on {answers}")
        return next(filter(is_mine, self._heard))

    def _wait(self, condition: Callable[[], bool], otherwise: str) -> None:
        with self._changed:
            if not self._changed.wait_for(condition, self._patience):
                raise StreamdetectError(f"{otherwise} within {self._patience:g} s")

    def _on_message(self, _client: Client, _: object, message: MQTTMessage) -> None:
        with self._changed:
            self._heard.append(bytes(message.payload))
            self._changed.notify()

    def _on_subscribe(self, *_: object) -> None:
        with self._changed:
            self._subscribed = True
            self._changed.notify()
