"""The edge under test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from streamdetect.config import MqttConfig
from streamdetect.mqtt.edge import MqttEdge
from streamdetect.mqtt.inbox import Inbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from streamdetect.mqtt.inbox import Message

    Edges = Callable[..., tuple[MqttEdge, Inbox]]


@pytest.fixture
def edge(until) -> Iterator[Edges]:
    """Start edges: `edge(broker, "in/#", qos=0)`; further options are those of the `mqtt` section."""
    edges: list[MqttEdge] = []

    def make(
        broker: Any,
        *filters: str,
        inbox: Inbox | None = None,
        wait: bool = True,
        factory: Any = None,
        **options: Any,
    ) -> tuple[MqttEdge, Inbox]:
        address = {"host": broker.host, "port": broker.port}
        settings = MqttConfig(**{**address, "client_id": "edge", "reconnect_max": 1.0, **options})
        inbox = inbox or Inbox(10_000)
        made = {} if factory is None else {"client_factory": factory}
        one = MqttEdge(settings, filters or ["in/#"], inbox, status_topic="test/status", **made)
        edges.append(one)
        one.start()
        if wait:
            until(lambda: one.subscribed, "subscribed")
        return one, inbox

    yield make
    for one in edges:
        assert one.stop(5)


@pytest.fixture
def take(until) -> Callable[[Inbox, int], list[Message]]:
    """Take exactly so many messages from an inbox, and see that no more are there."""

    def exactly(inbox: Inbox, count: int) -> list[Message]:
        messages: list[Message] = []

        def enough() -> bool:
            messages.extend(inbox.take(count, 0, 0.01))
            if large := inbox.take_large():
                messages.append(large)
                inbox.finished(large)
            return len(messages) >= count

        until(enough, f"{count} messages")
        assert len(messages) == count
        return messages

    return exactly
