"""The choice of a sink's events: by detector, sensor, label, severity and edge."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from streamdetect.sinks.sink import Worker

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streamdetect.config import SinkConfig
    from streamdetect.store import Event

SEVERITIES = ("warning", "critical")


class ChoosingWorker(Worker):
    """A worker that takes the events that its section of the configuration chooses."""

    def __init__(self, name: str, settings: SinkConfig) -> None:
        """Prepare; nothing is delivered before `start`."""
        super().__init__(name, give_up_after=settings.give_up_after)
        self._choice = settings

    def wants(self, event: Event) -> bool:
        """Tell whether the configuration chooses the event."""
        return wants(self._choice, event.facts)


def wants(choice: SinkConfig, facts: dict[str, Any]) -> bool:
    """Tell whether a sink with this section wants an event; facts are those of the whole CloudEvent."""
    data, edge = facts["data"], facts["type"].rpartition(".")[2]
    return (
        edge in choice.edges
        and SEVERITIES.index(data["severity"]) >= SEVERITIES.index(choice.severity)
        and _any(data["detector"], choice.detectors)
        and _any(data["sensor"], choice.sensors)
        and all(fnmatchcase(data["labels"].get(name, ""), glob) for name, glob in choice.labels.items())
    )


def _any(name: str, globs: Iterable[str]) -> bool:
    return any(fnmatchcase(name, glob) for glob in globs)
