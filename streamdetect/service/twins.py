"""Two sensors behind one topic that nobody told apart: noticed by what their payloads say by turns."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger(__name__)

_TOPICS: Final = 1_000  # watched
_VALUES: Final = 8  # of one field
_TWICE: Final = 2


class Twins:
    """Watches the fields of payloads that look like an identity: an id, a tag, a serial number.

    When a topic brings one value, another and the first again, two sensors are merged into one there. A
    counter of messages never comes back to a value, a renamed device not to its old name.
    """

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], dict[str, int]] = {}  # turns of each value by topic and field
        self._last: dict[tuple[str, str], str] = {}
        self._said: set[str] = set()  # topics

    def look(self, detector: str, topic: str, identity: Mapping[str, str]) -> None:
        """Take note of what one payload says about who it is of."""
        for field, value in identity.items():
            key = (topic, field)
            if self._last.get(key) == value or topic in self._said or len(self._seen) >= _TOPICS:
                continue
            self._last[key] = value
            turns = self._seen.setdefault(key, {})
            if value in turns or len(turns) < _VALUES:
                turns[value] = turns.get(value, 0) + 1
            if sum(count >= _TWICE for count in turns.values()) >= _TWICE:
                self._said.add(topic)
                self._say(detector, topic, field, turns)

    def _say(self, detector: str, topic: str, field: str, turns: Mapping[str, int]) -> None:
        log.warning(
            "detector %s takes several sensors on %r for one: %s alternates between %s; "
            'tell them apart with a `sensor` that names it, like "{topic}/{%s}"',
            detector,
            topic,
            field,
            ", ".join(map(repr, turns)),
            field,
        )
