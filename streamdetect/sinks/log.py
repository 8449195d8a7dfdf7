"""A line in the log for each edge of an incident."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from streamdetect.logs import Sparingly

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streamdetect.store import Event

log = logging.getLogger(__name__)

_BURST = 100  # lines a minute: a fleet that fails as a whole must not fill the disk
_TOLD = ("opened", "updated", "drifted")
_LEVELS = {"warning": logging.WARNING, "critical": logging.ERROR}


class IncidentLog:
    """Logs the edges of incidents, once they are committed."""

    def __init__(self) -> None:
        self._sparingly = Sparingly(burst=_BURST)

    def say(self, events: Iterable[Event]) -> None:
        """Write the lines of these events."""
        for event in events:
            allowed, held_back = self._sparingly.allows("incident")
            if allowed:
                self._say(event, held_back)

    def _say(self, event: Event, held_back: int) -> None:
        facts = event.facts
        data, edge = facts["data"], facts["type"].rpartition(".")[2]
        if edge == "answered":
            return  # who carries it out says it
        if held_back:
            log.warning("%d edges of incidents were not logged", held_back)
        level = _LEVELS[data["severity"]] if edge in _TOLD else logging.INFO
        log.log(
            level,
            "%s: %s [%s, %s]",
            _words(edge, data["severity"]),
            data["message"],
            event.detector,
            event.id,
        )


def _words(edge: str, severity: str) -> str:
    return f"{edge}, {severity}" if edge in _TOLD else edge
