"""Messages of a broker, received for a while without a trace there: no session, status or acknowledgement."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from streamdetect.codecs.filters import uncovered
from streamdetect.errors import StreamdetectError
from streamdetect.mqtt.edge import MqttEdge
from streamdetect.mqtt.inbox import Inbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from streamdetect.config import MqttConfig
    from streamdetect.mqtt.inbox import Message

_AT_ONCE = 500  # messages
_IDLE = 0.1  # s
_GOODBYE = 2.0  # s
_CONNECT = 20.0  # s


def hear(
    settings: MqttConfig,
    filters: Sequence[str],
    seconds: float,
    stop: Callable[[], bool] = bool,
) -> Iterator[Message]:
    """Return the messages that come within these seconds of the subscription.

    Args:
        settings: the broker; no other client may use this client id.
        filters: what to subscribe to.
        seconds: for how long.
        stop: asked several times a second.

    Raises:
        StreamdetectError: there is no connection, or a subscription is not granted.
    """
    quiet = settings.model_copy(update={"persistent_session": False, "qos": 0})
    inbox = Inbox(100_000)
    edge = MqttEdge(quiet, uncovered(filters), inbox, status_topic=None)
    edge.start()
    try:
        _wait(edge, settings)
        until = time.monotonic() + seconds
        while time.monotonic() < until and not stop():
            yield from inbox.take(_AT_ONCE, 0.0, _IDLE)
            while message := inbox.take_large():
                inbox.finished(message)
                yield message
    finally:
        edge.stop(_GOODBYE)


def _wait(edge: MqttEdge, settings: MqttConfig) -> None:
    until = time.monotonic() + _CONNECT
    while not edge.subscribed:
        if time.monotonic() > until or edge.last_error:
            why = edge.last_error or "no answer"
            raise StreamdetectError(f"the broker at {settings.address}: {why}")
        time.sleep(_IDLE)
