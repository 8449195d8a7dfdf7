"""Two sensors that are taken for one, because nothing tells them apart: noticed and logged, once."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

log = logging.getLogger(__name__)

_WATCHED: Final = 1_000  # fields of topics, and sensors
_VALUES: Final = 8  # of one field
_TWICE: Final = 2


class Twins:
    """Watches for several sensors behind one id.

    They may share a topic, and their payloads name them in turn: an id, a tag, a serial number. Their
    topics may differ where the templates do not look. Or `sensor` joins their names to the same id.
    A counter never returns to an earlier value, and a renamed device not to its old name; so neither counts.
    """

    def __init__(self) -> None:
        self._turns: dict[tuple[str, str], dict[str, int]] = {}  # of each value, by what is watched
        self._last: dict[tuple[str, str], str] = {}
        self._said: set[str] = set()  # topics, and detectors

    def look(self, detector: str, topic: str, identity: Mapping[str, str]) -> None:
        """Note which sensor one payload names."""
        for field, value in identity.items():
            if topic not in self._said and (turns := self._alternate((topic, field), value)):
                self._said.add(topic)
                log.warning(
                    "detector %s treats several sensors on %r as one: %s alternates between %s; "
                    'tell them apart with a `sensor` that names it, such as "{topic}/{%s}"',
                    detector, topic, field, ", ".join(map(repr, turns)), field,
                )  # fmt: skip

    def hear(self, detector: str, sensor: str, topic: str) -> None:
        """Take note of the topic that a reading came on."""
        if detector not in self._said and (turns := self._alternate((detector, sensor), topic)):
            self._said.add(detector)
            log.warning(
                "detector %s treats readings that alternate between %s as one sensor, %s; tell several "
                "sensors apart with `templates` and `sensor` that name the level in which the topics differ",
                detector, " and ".join(map(repr, turns)), sensor,
            )  # fmt: skip

    def merge(self, detector: str, sensor: str, one: Sequence[str], other: Sequence[str]) -> None:
        """Take note of two sensors that `sensor` gives the same id."""
        if detector in self._said:
            return
        self._said.add(detector)
        log.warning(
            "detector %s gives the sensor of %s and the sensor of %s the same id, %s; put / between the "
            "names in `sensor`",
            detector, " and ".join(map(repr, one)), " and ".join(map(repr, other)), sensor,
        )  # fmt: skip

    def _alternate(self, watched: tuple[str, str], value: str) -> Mapping[str, int] | None:
        """Count a turn of a value; gives all turns once two values have come back."""
        if self._last.get(watched) == value or (watched not in self._turns and len(self._turns) >= _WATCHED):
            return None
        self._last[watched] = value
        turns = self._turns.setdefault(watched, {})
        if value in turns or len(turns) < _VALUES:
            turns[value] = turns.get(value, 0) + 1
        return turns if sum(count >= _TWICE for count in turns.values()) >= _TWICE else None
