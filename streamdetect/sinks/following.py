"""Gathers the readings around incidents for the history: before, while they last, and after."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from streamdetect.store.around import Around, Kept, is_complete, joined, kept, nothing
from streamdetect.store.history import incident_of
from streamdetect.times import unix

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from streamdetect.sinks.trail import Trail
    from streamdetect.store import Event
    from streamdetect.store.history import Incident

FEATURES: Final = 4
"""Features that are kept of an incident, those that are rebuilt worst."""
MOST: Final = 1000
"""Incidents that are followed at a time."""
PATIENCE: Final = 3600.0
"""Seconds after the end of an incident within which its last readings have to come."""
_EDGES = ("opened", "updated", "closed")


@dataclass(slots=True)
class _Followed:
    """An incident to which readings may still be added."""

    incident: Incident
    names: Sequence[str]  # of the features that are kept
    places: Sequence[int]  # and their places in a reading
    around: Around
    since: float  # of its last event, monotonic seconds
    changed: bool = field(default=True)

    def add(self, found: Around) -> None:
        """Add readings with all features."""
        if max(self.places) >= found.values.shape[1]:
            return  # of a bundle with other features
        own = found.of_features(self.places)
        both = kept(joined(self.around, own), self.incident.started, self.incident.ended)
        self.changed |= not np.array_equal(both.times, self.around.times)
        self.around = both

    def is_late(self, now: float) -> bool:
        """Tell whether it has been closed for so long that its last readings will not come."""
        return self.incident.ended is not None and now - self.since > PATIENCE

    def kept(self, now: float) -> Kept:
        """Return the readings for the history to keep."""
        complete = self.is_late(now) or is_complete(self.around, self.incident.ended)
        return Kept(self.names, self.around, complete)


class Follower:
    """Follows the open incidents, and the readings around them so far; on one thread."""

    def __init__(self, trail: Trail, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin without any.

        Args:
            trail: has the latest readings of each sensor.
            clock: monotonic seconds.
        """
        self._trail, self._clock = trail, clock
        self._followed: dict[str, _Followed] = {}  # by incident, the oldest first

    def resume(self, unfinished: Iterable[tuple[Incident, Kept | None]]) -> None:
        """Continue with the incidents of an earlier run."""
        for incident, found in unfinished:
            one = self._follow(incident)
            if found is not None and list(found.features) == list(one.names):
                one.around = found.around

    def take(self, events: Sequence[Event]) -> None:
        """Take in the readings around the incidents of these events."""
        keys = dict.fromkeys((event.detector, event.sensor) for event in events)
        found = {key: reduce(joined, taken) for key in keys if (taken := self._trail.take(*key))}
        for event in events:
            around = found.get((event.detector, event.sensor))
            if around is not None:
                self._take(event.facts, around)

    def look(self) -> None:
        """Add the readings that have come since."""
        for one in self._followed.values():
            around = self._trail.around(one.incident.detector, one.incident.sensor)
            if around is not None:
                one.add(around)

    def changed(self) -> dict[str, Kept]:
        """Return the readings for the history to write, by incident; call `written` once it has."""
        now = self._clock()
        return {
            name: one.kept(now) for name, one in self._followed.items() if one.changed or one.is_late(now)
        }

    def written(self, kept: Mapping[str, Kept]) -> None:
        """Note what the history has written, and forget incidents that are complete."""
        for name, one in kept.items():
            self._followed[name].changed = False
            if one.complete:
                del self._followed[name]

    def _take(self, facts: Mapping[str, Any], found: Around) -> None:
        if facts["type"].rpartition(".")[2] not in _EDGES:
            return
        incident = incident_of(dict(facts))
        one = self._followed.get(incident.id) or self._follow(incident)
        one.incident, one.since, one.changed = incident, self._clock(), True
        one.add(joined(_worst(incident, found.values.shape[1]), found))

    def _follow(self, incident: Incident) -> _Followed:
        value = incident.data["value"]
        names = list(value) if isinstance(value, dict) else [incident.data.get("feature") or "value"]
        places = _worst_features(incident.data, names)
        chosen = [names[place] for place in places]
        one = _Followed(incident, chosen, places, nothing(len(places)), self._clock())
        self._followed[incident.id] = one
        if len(self._followed) > MOST:
            del self._followed[next(iter(self._followed))]
        return one


def _worst_features(data: Mapping[str, Any], names: Sequence[str]) -> list[int]:
    """Places of the features that are kept, in their order: the one that the event names, and the worst."""
    errors = data.get("feature_errors") or {}
    order = sorted(names, key=lambda name: (name != data.get("feature"), -(errors.get(name) or 0.0)))
    return sorted(names.index(name) for name in order[:FEATURES])


def _worst(incident: Incident, features: int) -> Around:
    """Return the worst reading by its event: in a backlog it may have left the trail too soon."""
    peak = incident.data.get("peak") or {}
    value = peak.get("value")
    values = list(value.values()) if isinstance(value, dict) else [value]
    if not peak.get("time") or None in values or len(values) != features:
        return nothing(features)
    row = np.array([values], dtype=np.float32)
    unknown = np.full_like(row, np.nan)
    scores = np.array([np.nan if peak.get("score") is None else peak["score"]], dtype=np.float32)
    return Around(np.array([unix(peak["time"])]), row, unknown, unknown, scores)
