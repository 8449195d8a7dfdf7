"""The faults of the plant, matched with the incidents of the daemon."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from streamdetect.demo.plant import INTERVAL
from streamdetect.offline.backtest.faults import Span, meet

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from streamdetect.demo.plant import Injection
    from streamdetect.offline.backtest.faults import Fate
    from streamdetect.service.pipeline import Processed

ROUNDING = 0.001  # s; events carry microseconds


@dataclass(eq=False, slots=True)
class Incident:
    """An incident as its events describe it; times in Unix seconds."""

    sensor: str
    started: float  # its first anomalous window
    opened: float  # the window that made it an incident
    severity: str = "warning"
    score: float = 0.0  # the highest so far
    ended: float | None = None  # its last anomalous window
    closed: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The faults that were found, and the incidents that were false."""

    found: dict[Injection, Incident] = field(default_factory=dict)  # with the first incident that matches it
    cover: dict[Injection, float] = field(default_factory=dict)  # share of a found one with an incident open
    missed: list[Injection] = field(default_factory=list)
    late: list[Injection] = field(default_factory=list)  # of the missed: reported when it was over
    pending: list[Injection] = field(default_factory=list)  # not found, and not over
    false: list[Incident] = field(default_factory=list)

    def __str__(self) -> str:
        found, missed, late = len(self.found), len(self.missed), len(self.late)
        told = f"{missed} ({late} late)" if late else f"{missed}"
        return f"injected {found + missed}, found {found}, missed {told}, false {len(self.false)}"


def compare(injections: Sequence[Injection], incidents: Collection[Incident]) -> Outcome:
    """Match faults with incidents, as strictly as a backtest: found only while the fault lasts.

    What opens after a fault has ended is late, and false; see `streamdetect.offline.backtest.faults`.
    """
    outcome = Outcome()
    names = [*(one.sensor for one in injections), *(one.sensor for one in incidents)]
    for sensor in dict.fromkeys(names):
        done = [one for one in injections if one.sensor == sensor]
        heard = sorted((one for one in incidents if one.sensor == sensor), key=lambda one: one.opened)
        met = meet(
            [Span(one.started - ROUNDING, one.ended + ROUNDING) for one in done],
            [Span(one.opened, math.inf if one.closed is None else one.closed) for one in heard],
            INTERVAL,
        )
        for one, fate in zip(done, met.fates, strict=True):
            _note(outcome, one, fate, heard)
        outcome.false.extend(heard[at] for at in met.false)
    return outcome


def _note(outcome: Outcome, one: Injection, fate: Fate, heard: Sequence[Incident]) -> None:
    if fate.by is not None:
        outcome.found[one], outcome.cover[one] = heard[fate.by], fate.cover
        return
    (outcome.missed if one.over else outcome.pending).append(one)
    if one.over and fate.late:
        outcome.late.append(one)


def explains(injection: Injection, incident: Incident) -> bool:
    """Tell whether the incident started in the fault's interval, on its sensor."""
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
