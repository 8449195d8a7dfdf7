"""Known faults of one sensor against its incidents, counted strictly: found only while the fault lasts.

A fault is found by an incident that is open at some time while it lasts and opened at most five readings
before it: a false alarm that happens to last finds nothing. An incident that opens after the end is late: the
fault was missed, and the incident is false. Faults of at most ten readings may be found until ten readings
after.
"""

from __future__ import annotations

from itertools import pairwise
from math import inf
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

_EARLY = 5.0  # readings before a fault from which an incident may have opened
_SHORT = 10.0  # readings; a fault up to so long is over before much can be said of it
_RETURN = 60.0  # readings after a found fault in which the return to normal may open another incident


class Span(NamedTuple):
    """A span of Unix times."""

    start: float
    end: float = inf
    """inf while it goes on."""


class Fate(NamedTuple):
    """The outcome of one fault."""

    fault: Span
    by: int | None
    """Index of the incident that found it first; None if the fault was missed."""
    late: bool
    """Missed, and an incident opened soon after its end."""
    delay: float
    """Seconds from its start to the opening; NaN if missed."""
    cover: float
    """Share of the fault during which an incident was open; NaN for a short fault."""
    again: bool
    """True if an earlier fault of the sensor was found: a deaf detector loses the later ones."""

    @property
    def found(self) -> bool:
        """True if an incident found it."""
        return self.by is not None


class Meeting(NamedTuple):
    """Faults and incidents of one sensor."""

    fates: tuple[Fate, ...]
    """In the order of the faults."""
    false: tuple[int, ...]
    """Incidents that match no fault, nor the return to normal after a found one."""


def meet(faults: Sequence[Span], incidents: Sequence[Span], step: float) -> Meeting:
    """Compare the faults and incidents of one sensor, both in order of time.

    Args:
        faults: From the first to the last faulty reading.
        incidents: From their opening to their closing.
        step: Usual seconds between readings.
    """
    fates: list[Fate] = []
    for fault in faults:
        fates.append(_fate(fault, incidents, step, again=any(one.found for one in fates)))
    false = tuple(
        at
        for at, incident in enumerate(incidents)
        if not any(_explains(fate, incident, step) for fate in fates)
    )
    return Meeting(tuple(fates), false)


def _fate(fault: Span, incidents: Sequence[Span], step: float, *, again: bool) -> Fate:
    by = next((at for at, one in enumerate(incidents) if _finds(one, fault, step)), None)
    late = by is None and any(_until(fault, step) < one.start <= _back(fault, step) for one in incidents)
    delay = float("nan") if by is None else max(0.0, incidents[by].start - fault.start)
    return Fate(fault, by, late, delay, _cover(fault, incidents, step), again)


def _finds(incident: Span, fault: Span, step: float) -> bool:
    return _opened_within(incident, fault, step) and incident.end >= fault.start


def _opened_within(incident: Span, fault: Span, step: float) -> bool:
    return fault.start - _EARLY * step <= incident.start <= _until(fault, step)


def _explains(fate: Fate, incident: Span, step: float) -> bool:
    """Tell whether an incident is about a fault, or about the return to normal after a found one."""
    if fate.found and fate.fault.end < incident.start <= _back(fate.fault, step):
        return True
    return _opened_within(incident, fate.fault, step)


def _is_short(fault: Span, step: float) -> bool:
    return fault.end - fault.start <= _SHORT * step


def _until(fault: Span, step: float) -> float:
    """Return the latest time at which an incident may open and still find the fault."""
    return fault.end + _SHORT * step * _is_short(fault, step)


def _back(fault: Span, step: float) -> float:
    return fault.end + _RETURN * step


def _cover(fault: Span, incidents: Sequence[Span], step: float) -> float:
    if _is_short(fault, step):
        return float("nan")
    parts = [Span(max(one.start, fault.start), min(one.end, fault.end)) for one in incidents]
    open_for = sum(max(0.0, part.end - part.start) for part in parts)
    return open_for / (fault.end - fault.start)


def usual_step(times: Sequence[float]) -> float:
    """Return the median of the seconds between readings; 1 without any."""
    steps = sorted(later - earlier for earlier, later in pairwise(times) if later > earlier)
    return steps[len(steps) // 2] if steps else 1.0
