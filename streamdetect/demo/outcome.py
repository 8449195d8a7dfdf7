"""What was done to the plant against what the daemon said about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from streamdetect.demo.plant import Injection
    from streamdetect.service.pipeline import Processed

ROUNDING = 0.001  # s; events carry microseconds


@dataclass(eq=False, slots=True)
class Incident:
    """An incident as its events tell it; times in Unix seconds."""

    sensor: str
    started: float  # its first anomalous window
    opened: float  # the window that made it an incident
    severity: str = "warning"
    score: float = 0.0  # the highest so far
    ended: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """Which faults were found, and what was taken for one."""

    found: dict[Injection, Incident] = field(default_factory=dict)  # with the first that tells of it
    missed: list[Injection] = field(default_factory=list)
    pending: list[Injection] = field(default_factory=list)  # not found, and not over
    false: list[Incident] = field(default_factory=list)

    def __str__(self) -> str:
        found, missed = len(self.found), len(self.missed)
        return f"injected {found + missed}, found {found}, missed {missed}, false {len(self.false)}"


def compare(injections: Sequence[Injection], incidents: Collection[Incident]) -> Outcome:
    """Match faults with incidents.

    A fault is found when an incident of its sensor started in its interval: from its first reading to the
    newest one whose window still holds a faulty reading, which is time_steps - 1 readings after its last.
    An incident that was open before does not count. An incident that started in no fault's interval is false.
    """
    outcome = Outcome()
    explained: set[Incident] = set()
    for one in injections:
        mine = [incident for incident in incidents if explains(one, incident)]
        explained |= set(mine)
        if mine:
            outcome.found[one] = min(mine, key=lambda incident: incident.opened)
        else:
            (outcome.missed if one.over else outcome.pending).append(one)
    outcome.false.extend(incident for incident in incidents if incident not in explained)
    return outcome


def explains(injection: Injection, incident: Incident) -> bool:
    """Whether the incident started in the fault's interval, on its sensor."""
    return incident.sensor == injection.sensor and _within(injection, incident.started)


def _within(injection: Injection, time: float) -> bool:
    return injection.started - ROUNDING <= time <= injection.last + ROUNDING


class Watch:
    """Counts what the daemon has processed, and notes the highest score in each fault's interval.

    An observer of the daemon: called on its main thread.
    """

    def __init__(self) -> None:
        self.processed = 0  # messages
        self.events = 0  # made
        self.latest: dict[str, Injection] = {}  # by sensor

    def __call__(self, processed: Processed) -> None:
        """Take in one batch."""
        for _, verdicts in processed.verdicts:
            for at, sensor in enumerate(verdicts.sensors):
                one = self.latest.get(sensor)
                if one is not None and _within(one, verdicts.times[at]):
                    one.peak = max(one.peak, float(np.nan_to_num(verdicts.scores[at])))
        self.events += len(processed.events)
        self.processed += sum(processed.report.messages.values())
