"""Recordings through a detector, and what its incidents are worth."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from functools import reduce
from itertools import chain
from operator import add
from typing import TYPE_CHECKING

import numpy as np

from streamdetect.offline.backtest.evaluation import Counts, runs
from streamdetect.offline.backtest.faults import Span, meet, usual_step
from streamdetect.offline.backtest.running import backtest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from quality_data import Case

    from streamdetect.core.detector import Detector
    from streamdetect.offline.backtest.results import Incident, SensorResult

    Range = tuple[int, int]  # half-open


@dataclass(frozen=True, slots=True)
class Tally:
    """The counts of incidents in the scored part of one case, or of several together."""

    events: Counts  # an incident finds what its anomalous windows hold
    meanwhile: int  # events found while they last, as `backtest` counts
    alarms: tuple[int, ...]  # readings of the case at which one opens; () when added up
    readings: int
    days: float
    unlabelled: int  # readings outside the labelled ranges
    open_outside: int  # of these, in an open incident
    judged: int  # readings, of each feature that is a sensor of its own
    seconds: float

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.events + other.events,
            self.meanwhile + other.meanwhile,
            (),
            self.readings + other.readings,
            self.days + other.days,
            self.unlabelled + other.unlabelled,
            self.open_outside + other.open_outside,
            self.judged + other.judged,
            self.seconds + other.seconds,
        )


@dataclass(frozen=True, slots=True)
class Found:
    """An incident in readings of its case."""

    at: int  # where it opens
    held: Range  # by its anomalous windows
    open: Range
    span: Span  # that it is open, in Unix seconds


def judge(case: Case, detector: Detector) -> Tally:
    """Judge one case as one sensor."""
    started = time.perf_counter()
    results = backtest(detector, [case.recording])
    return tally(case, results, time.perf_counter() - started)


def judge_side_by_side(cases: Sequence[Case], detector: Detector) -> list[Tally]:
    """Judge cases whose features are sensors of their own, all of them together, as a daemon would."""
    parts = [case.per_feature() for case in cases]
    started = time.perf_counter()
    results = iter(backtest(detector, list(chain.from_iterable(parts))))
    seconds = (time.perf_counter() - started) / len(cases)
    return [
        tally(case, [next(results) for _ in own], seconds) for case, own in zip(cases, parts, strict=True)
    ]


def tally(case: Case, results: Sequence[SensorResult], seconds: float) -> Tally:
    """Count the incidents of a case; with several sensors, an alarm of any of them is one of the case."""
    labels, times = case.recording.labels, case.recording.times
    if labels is None:
        raise ValueError(f"{case.name}: must have labels")
    found = sorted((one for result in results for one in _found(result, case.normal)), key=lambda one: one.at)
    known = [(start, end) for start, end in runs(labels) if end > case.normal]
    faults = [Span(float(times[start]), float(times[end - 1])) for start, end in known]
    met = meet(faults, [one.span for one in found], usual_step(times.tolist()))
    outside, is_open = ~labels, np.zeros(len(labels), dtype=np.bool_)
    outside[: case.normal] = False
    for one in found:
        is_open[slice(*one.open)] = True
    return Tally(
        events=_events([one.held for one in found], known),
        meanwhile=sum(fate.found for fate in met.fates),
        alarms=tuple(one.at for one in found),
        readings=len(labels) - case.normal,
        days=case.scored_days,
        unlabelled=int(outside.sum()),
        open_outside=int((is_open & outside).sum()),
        judged=sum(len(result.index) for result in results),
        seconds=seconds,
    )


def _found(result: SensorResult, normal: int) -> list[Found]:
    """Return incidents that open in the scored part; the end of a recording before others is no silence."""
    end = result.recording.times[-1]
    during = [incident for incident in result.incidents if incident.opened.time <= end]
    made = [_in_readings(result, incident) for incident in during]
    return [one for one in made if one.at >= normal]


def _in_readings(result: SensorResult, incident: Incident) -> Found:
    times, index = result.times, result.index
    last = len(index) - 1

    def place(time: float) -> int:  # of the first reading from then on
        return int(index[min(int(np.searchsorted(times, time)), last)])

    final = int(index[max(int(np.searchsorted(times, incident.ended, "right")) - 1, 0)])
    over = incident.latest.time if incident.closed else math.inf
    at, first = place(incident.opened.time), place(incident.started)
    return Found(
        at=at,
        held=(max(first - result.time_steps + 1, 0), max(first, final) + 1),
        open=(at, int(np.searchsorted(result.recording.times, over))),
        span=Span(incident.opened.time, over),
    )


def _events(held: Sequence[Range], known: Sequence[Range]) -> Counts:
    """Labelled ranges that an incident meets, incidents that meet none, ranges that none meets."""
    hits = np.array([[a < end and start < b for start, end in known] for a, b in held], dtype=np.bool_)
    hits = hits.reshape(len(held), len(known))
    found = int(hits.any(axis=0).sum())
    return Counts(found, int((~hits.any(axis=1)).sum()), len(known) - found)


def total(tallies: Sequence[Tally]) -> Tally:
    """All cases together."""
    return reduce(add, tallies)
