"""The messages received, topic by topic: how often, in which format, with which fields."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from streamdetect.codecs import CODECS, PayloadSettings
from streamdetect.codecs.filters import RESERVED
from streamdetect.codecs.influx import InfluxCodec
from streamdetect.codecs.trees import TreeCodec
from streamdetect.errors import RejectedPayload
from streamdetect.offline.discovery.fields import number_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streamdetect.mqtt.inbox import Message

_MOST_TOPICS: Final = 5_000
_MOST_MESSAGES: Final = 50  # kept of a topic
_LARGEST: Final = 1 << 20  # bytes of a payload
_DOCUMENTS: Final = ("json", "cbor", "msgpack")
_QUANTITY: Final = re.compile(r"[+-]?[\d.]*(?:,\d+)?\d*\s*[^\s\d.,:+-]{0,6}")  # 21,5 or 20.6 °C


@dataclass
class Heard:
    """One topic."""

    topic: str
    messages: list[Message] = field(default_factory=list)
    count: int = 0
    retained: int = 0

    @property
    def every(self) -> float:
        """Seconds between two messages, 0 if there were fewer."""
        live = [one.arrival for one in self.messages if not one.retain]
        return (live[-1] - live[0]) / (len(live) - 1) if len(live) > 1 else 0.0


class Topics:
    """Everything that was received, bounded."""

    def __init__(self, own: Iterable[str] = ()) -> None:
        """Begin with nothing.

        Args:
            own: first levels of the topics that we publish: they are skipped.
        """
        self.heard: dict[str, Heard] = {}
        self._own = (*RESERVED, *own)

    def add(self, message: Message) -> None:
        """Take in a message."""
        first = message.topic.partition("/")[0]
        if not message.topic or first in self._own or message.topic.endswith("/config"):
            return  # Home Assistant's discovery ends with /config
        if message.topic not in self.heard and len(self.heard) >= _MOST_TOPICS:
            return
        one = self.heard.setdefault(message.topic, Heard(message.topic))
        one.count += 1
        one.retained += message.retain
        if len(one.messages) < _MOST_MESSAGES:
            one.messages.append(message)


def parsed(payload: bytes) -> tuple[str, Any]:
    """Tell the format of a payload, and its content: a document, a number, lines, or text as it is."""
    for name in _DOCUMENTS:
        document = _document(name, payload)
        if isinstance(document, dict | list) and document:
            return name, document
        if name == "json" and number_of(document) is not None and not isinstance(document, str):
            return "number", document
    try:
        lines = InfluxCodec(PayloadSettings("influx")).lines(payload)
    except RejectedPayload:
        lines = []
    if lines and all(line.fields for line in lines):
        return "influx", lines
    text = payload.decode(errors="replace").strip()
    return ("quantity", text) if _QUANTITY.fullmatch(text) else ("text", payload)


def _document(name: str, payload: bytes) -> Any:  # noqa: ANN401 - a document
    made = CODECS[name](PayloadSettings(name, max_payload=_LARGEST))
    try:
        return made.document(payload, "") if isinstance(made, TreeCodec) else None
    except (RejectedPayload, ImportError):
        return None
