"""Incidents of several sensors that belong together: they overlap in time and have something in common.

As OpenSearch correlates anomalies: intervals are widened, for causes act with a delay; two belong together
when enough of the shorter one lies within the other; and incidents linked by others are one group.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from streamdetect.store.history import Incident

WIDEN = 300.0  # s at either end
CONTAINED = 0.5  # of the shorter interval


class Group(NamedTuple):
    """Incidents that belong together, in the order in which they began."""

    incidents: Sequence[Incident]

    @property
    def first(self) -> Incident:
        """The incident that began first, and may be the cause."""
        return self.incidents[0]


def groups(incidents: Iterable[Incident], widen: float = WIDEN) -> list[Group]:
    """Put incidents into groups, one alone is a group as well; in the order in which they began.

    Args:
        incidents: in any order.
        widen: seconds by which an interval is longer at either end.
    """
    ordered = sorted(incidents, key=lambda one: (one.started, one.sensor, one.id))
    parents = list(range(len(ordered)))
    active: list[int] = []  # may still overlap with what comes
    for at, one in enumerate(ordered):
        active = [other for other in active if _end(ordered[other], widen) >= one.started - widen]
        for other in active:
            if _alike(ordered[other], one) and _overlap(ordered[other], one, widen) >= CONTAINED:
                parents[_root(parents, at)] = _root(parents, other)
        active.append(at)
    members: dict[int, list[Incident]] = {}
    for at, one in enumerate(ordered):
        members.setdefault(_root(parents, at), []).append(one)
    return [Group(tuple(some)) for some in members.values()]


def _root(parents: list[int], at: int) -> int:
    while parents[at] != at:
        parents[at] = parents[parents[at]]
        at = parents[at]
    return at


def _alike(one: Incident, other: Incident) -> bool:
    """Tell whether they share the detector or a label."""
    if one.detector == other.detector:
        return True
    return not set(one.data["labels"].items()).isdisjoint(other.data["labels"].items())


def _overlap(one: Incident, other: Incident, widen: float) -> float:
    """Return the share of the shorter widened interval that lies within the other."""
    begin = max(one.started, other.started) - widen
    end = min(_end(one, widen), _end(other, widen))
    shorter = min(_end(each, widen) - each.started + widen for each in (one, other))
    if shorter == inf:
        return 1.0
    return max(0.0, end - begin) / shorter if shorter else 1.0


def _end(one: Incident, widen: float) -> float:
    return inf if one.ended is None else one.ended + widen
