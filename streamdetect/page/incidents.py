"""Incidents for the page: from the history in the state directory, or from one in memory."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from streamdetect.page.sensors import written
from streamdetect.store.around import columns
from streamdetect.store.groups import WIDEN, groups
from streamdetect.store.history import History, Wanted, among, answers, around, edges, incident_of, select

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from streamdetect.page.sources import Facts
    from streamdetect.store import Event
    from streamdetect.store.groups import Group
    from streamdetect.store.history import Answer, Incident

_IN_MEMORY = 8 << 20  # bytes; about 3,000 incidents
_LAST_MOMENT = 253_402_300_799.0  # Unix seconds of the end of the year 9999, the last that RFC 3339 can write
_SEVERITIES = ("critical", "warning")
_LOOKS, _LOOK_EVERY = 20, 0.05  # s
_GROUPED = 2_000  # the latest incidents, of which groups are made
_ANSWERS = 200  # shown at most


class Found(NamedTuple):
    """One page of incidents."""

    total: int
    incidents: Sequence[Incident]


class Incidents:
    """Reads the history of incidents; keeps one in memory if there is none on disk."""

    def __init__(self, path: Path | None, keep: float, clock: Callable[[], float]) -> None:
        """Prepare.

        Args:
            path: of the history that a sink writes; None if there is none.
            keep: seconds after which a closed incident is removed.
            clock: Unix time in seconds.
        """
        self._path, self._clock = path, clock
        self._kept = None if path else History(None, keep=keep, max_size=_IN_MEMORY)

    def note(self, events: Sequence[Event]) -> None:
        """Keep these events in memory, if no history on disk does."""
        if self._kept:
            self._kept.record(events, self._clock())

    def page(self, wanted: Wanted, *, limit: int, offset: int) -> Found:
        """Return one page of the incidents that are wanted, open ones first."""
        source = self._source
        return Found(*select(source, wanted, limit=limit, offset=offset)) if source else Found(0, [])

    def known(self, ids: Sequence[str]) -> dict[str, Incident]:
        """Return these incidents by id; unknown ones are left out."""
        source = self._source
        return among(source, ids) if source and ids else {}

    def edges(self, incident: str) -> list[Facts]:
        """Return the edges of an incident, in order: opened, updated, closed."""
        source = self._source
        found = edges(source, incident) if source else []
        return [{"time": written(one.time), "edge": one.edge, "message": one.message} for one in found]

    def readings(self, incident: str) -> Facts | None:
        """Return the readings around an incident; None if none are kept."""
        source = self._source
        kept = around(source, incident) if source else None
        if kept is None:
            return None
        told = columns(kept)
        return told | {"times": [written(time) for time in told["times"]]}

    def answers(self, about: Callable[[Facts], bool]) -> list[Facts]:
        """Return the answers of people, the latest first."""
        source = self._source
        found = answers(source, since=0.0) if source else []
        told = [_answer(one) for one in reversed(found) if about(one.data)]
        return told[:_ANSWERS]

    def groups(self, wanted: Wanted, *, limit: int, offset: int) -> tuple[int, list[Group]]:
        """Count the groups of the wanted incidents, and return one page of them, the latest first."""
        found = self.page(wanted, limit=_GROUPED, offset=0).incidents
        made = groups(found)[::-1]
        return len(made), made[offset : offset + limit]

    def group_of(self, incident: Incident) -> list[Incident]:
        """Return the other incidents of an incident's group, in the order in which they began."""
        near = Wanted(
            since=incident.started - 2 * WIDEN,
            until=(self._clock() if incident.ended is None else incident.ended) + 2 * WIDEN,
        )
        found = self.page(near, limit=_GROUPED, offset=0).incidents
        for group in groups(found):
            others = [one for one in group.incidents if one.id != incident.id]
            if len(others) < len(group.incidents):
                return others
        return []

    async def until_labelled(self, incident: str, label: str) -> None:
        """Wait a moment, until the sink has written the label of an incident into the history."""
        for _ in range(_LOOKS):
            known = self.known([incident]).get(incident)
            if known is None or known.label == label:
                return
            await asyncio.sleep(_LOOK_EVERY)

    @property
    def _source(self) -> Path | History | None:
        """The history to read; None before the first incident has made the database."""
        return self._kept or (self._path if self._path and _size(self._path) else None)


def _size(path: Path) -> int:
    """Return the bytes of a file; 0 if it is not there."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def told(incident: Incident) -> Facts:
    """Return an incident, with the facts of its last event."""
    return {
        "id": incident.id,
        "detector": incident.detector,
        "sensor": incident.sensor,
        "open": incident.open,
        "started": written(incident.started),
        "ended": None if incident.ended is None else written(incident.ended),
        "newest": written(incident.newest),
        "duration_seconds": (incident.newest if incident.ended is None else incident.ended)
        - incident.started,
        "severity": incident.severity,
        "message": incident.message,
        "reason": incident.reason,
        "label": incident.label,
        "muted": incident.data.get("muted"),
        **{name: incident.data.get(name) for name in _SHOWN},
    }


def of_event(facts: Facts) -> Facts:
    """Return the incident of an event, as it is after that event."""
    return told(incident_of(facts))


def told_of_group(group: Group) -> Facts:
    """Return a group, with its incidents in the order in which they began."""
    goes_on = any(one.open for one in group.incidents)
    return {
        "state": "open" if goes_on else "closed",
        "started": written(group.first.started),
        "ended": None if goes_on else written(max(one.ended or 0.0 for one in group.incidents)),
        "severity": min((one.severity for one in group.incidents), key=_SEVERITIES.index),
        "incidents": [told(one) for one in group.incidents],
    }


def _answer(answer: Answer) -> Facts:
    return {"time": written(answer.time), **told_of_answer(answer.data)}


def told_of_answer(data: Facts) -> Facts:
    """Return the outcome of a command, with its times in RFC 3339."""
    told = {name: value for name, value in data.items() if name != "request"}
    if isinstance(told.get("until"), float):
        told["until"] = written(min(told["until"], _LAST_MOMENT))
    return told


_SHOWN = (
    *("kind", "direction", "feature", "score", "value", "unit", "expected", "lower", "upper"),
    *("views", "peak", "labels", "feature_errors", "windows"),
)
"""The facts of an event that are shown."""
