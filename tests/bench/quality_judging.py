"""Recorded errors through the detector's own judging, and what its incidents are worth."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, fields, replace
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from streamdetect.core.thresholds import ThresholdSettings

from streamdetect.core.detector import Detector
from streamdetect.core.incidents import IncidentSettings
from streamdetect.offline.backtest.evaluation import Counts, runs
from streamdetect.offline.backtest.running import backtest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from quality_data import Case
    from quality_errors import Scored

    from streamdetect.core.verdicts import Pushed
    from streamdetect.offline.backtest.results import SensorResult

    Floats = NDArray[np.float64]
    Range = tuple[int, int]

Settings = TypeVar("Settings", ThresholdSettings, IncidentSettings)


def events(incidents: Sequence[Range], ranges: Sequence[Range]) -> Counts:
    """Count ranges found and missed, and incidents in none; both are half-open [start, end)."""
    if not ranges:
        return Counts(0, len(incidents), 0)
    starts, ends = np.array(ranges).T
    found = np.zeros(len(ranges), np.bool_)
    false = 0
    for start, end in incidents:
        hit = (starts < end) & (start < ends)
        found |= hit
        false += not hit.any()
    return Counts(tp=int(found.sum()), fp=false, fn=int((~found).sum()))


class Recorded(Detector):
    """A detector that is told the errors of its windows instead of asking a model."""

    def __init__(self, scored: Scored, threshold: ThresholdSettings, incidents: IncidentSettings) -> None:
        super().__init__(
            replace(scored.settings, threshold=threshold, incidents=incidents), lambda windows: windows
        )
        self._errors, self._told = scored.errors, 0

    def score(self, pushed: Pushed) -> tuple[Floats, Floats]:
        """The next errors; those of single features play no part in verdicts."""
        errors = self._errors[self._told : self._told + len(pushed.windows)]
        self._told += len(errors)
        return errors, np.repeat(errors[:, None], self.settings.features, axis=1)


@dataclass(frozen=True, slots=True)
class Tally:
    """What the incidents on the scored part of one case, or of several together, come to."""

    events: Counts
    prompt: Counts  # the same, where an incident finds by the windows up to its opening only
    alarms: tuple[int, ...]  # readings of the case at which one opens; () when added up
    readings: int
    days: float
    unlabelled: int  # readings outside the labelled ranges
    open_outside: int  # of these, in an open incident
    windows: int
    seconds: float

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.events + other.events,
            self.prompt + other.prompt,
            (),
            self.readings + other.readings,
            self.days + other.days,
            self.unlabelled + other.unlabelled,
            self.open_outside + other.open_outside,
            self.windows + other.windows,
            self.seconds + other.seconds,
        )


def changed(settings: Settings, changes: Mapping[str, float | str]) -> Settings:
    """The same with those of the changes that it has a field for."""
    known: dict[str, type] = {field.name: type(getattr(settings, field.name)) for field in fields(settings)}
    return replace(settings, **{name: known[name](value) for name, value in changes.items() if name in known})


def judge(
    case: Case, parts: Sequence[Scored], threshold: ThresholdSettings, incidents: IncidentSettings
) -> Tally:
    """Judge one case; where it is several sensors, an alarm of any of them is an alarm of the case."""
    started = time.perf_counter()
    results = [backtest(Recorded(one, threshold, incidents), [one.recording])[0] for one in parts]
    seconds = time.perf_counter() - started + sum(one.seconds for one in parts)
    labels = case.recording.labels
    if labels is None:
        raise ValueError(f"{case.name}: must have labels")
    opened, covered, prompt, is_open = [], [], [], np.zeros(len(labels), dtype=np.bool_)
    for result in results:
        for at, span, lasting in _incidents(result, case.normal):
            opened.append(at)
            covered.append(span)
            prompt.append((span[0], at + 1))
            is_open[slice(*lasting)] = True
    known = [(start, end) for start, end in runs(labels) if end > case.normal]
    outside = ~labels
    outside[: case.normal] = False
    return Tally(
        events=events(covered, known),
        prompt=events(prompt, known),
        alarms=tuple(sorted(opened)),
        readings=len(labels) - case.normal,
        days=case.scored_days,
        unlabelled=int(outside.sum()),
        open_outside=int((is_open & outside).sum()),
        windows=sum(len(result.index) for result in results),
        seconds=seconds,
    )


def _incidents(result: SensorResult, normal: int) -> list[tuple[int, Range, Range]]:
    """Where each of the scored part opens, what its anomalous windows hold, and how long it is open."""
    times, index = result.times, result.index
    found = []
    for incident in result.incidents:
        at = int(index[np.searchsorted(times, incident.opened.time)])
        if at < normal:
            continue
        first = int(index[np.searchsorted(times, incident.started)])
        last = int(index[np.searchsorted(times, incident.ended, "right") - 1])
        over = incident.latest.time if incident.closed else math.inf
        end = int(np.searchsorted(result.recording.times, over))
        found.append((at, (max(first - result.time_steps + 1, 0), last + 1), (at, end)))
    return found


def total(tallies: Sequence[Tally]) -> Tally:
    """All cases together."""
    return reduce(add, tallies)
