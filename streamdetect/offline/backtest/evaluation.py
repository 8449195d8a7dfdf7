"""Verdicts against labels: by point, and by event.

By point: a window counts by its newest reading. By event: an incident finds every labelled range that a
reading of its anomalous windows lies in; one that finds none is a false alarm. A range found by several
incidents is found once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from streamdetect.core.readings import Outcome
from streamdetect.times import DAY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from streamdetect.offline.backtest.results import SensorResult


@dataclass(frozen=True, slots=True)
class Counts:
    """True positives, false positives, false negatives, and what is made of them; NaN where undefined."""

    tp: int
    fp: int
    fn: int

    @property
    def precision(self) -> float:
        """Share of what was flagged that is known: tp / (tp + fp)."""
        return _share(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float:
        """Share of what is known that was flagged: tp / (tp + fn)."""
        return _share(self.tp, self.tp + self.fn)

    @property
    def f1(self) -> float:
        """2 tp / (2 tp + fp + fn), the harmonic mean of precision and recall."""
        return _share(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How the verdicts on one labelled recording, or on several together, compare with its labels."""

    points: Counts
    events: Counts
    days: float
    """Recorded, from the first reading to the last, all sensors added up."""

    @property
    def false_alarms_per_day(self) -> float:
        """False alarms per sensor and day."""
        return _share(self.events.fp, self.days)

    def __add__(self, other: Evaluation) -> Evaluation:
        return Evaluation(self.points + other.points, self.events + other.events, self.days + other.days)


def _share(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


def evaluate(result: SensorResult) -> Evaluation | None:
    """Compare with the labels; None when the recording has none."""
    labels = result.recording.labels
    if labels is None:
        return None
    return Evaluation(
        points=points(result.anomalous, labels[result.index]),
        events=events(covered(result), runs(labels)),
        days=days(result.recording.times),
    )


def days(times: NDArray[np.float64]) -> float:
    """From the first reading to the last, in days."""
    return float(np.ptp(times)) / DAY if len(times) else 0.0


def points(anomalous: NDArray[np.bool_], labels: NDArray[np.bool_]) -> Counts:
    """Count the windows (M,) by verdict and by label."""
    return Counts(
        tp=int((anomalous & labels).sum()),
        fp=int((anomalous & ~labels).sum()),
        fn=int((~anomalous & labels).sum()),
    )


def events(incidents: Sequence[tuple[int, int]], ranges: Sequence[tuple[int, int]]) -> Counts:
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


def covered(result: SensorResult) -> list[tuple[int, int]]:
    """The readings that each incident's anomalous windows hold, as half-open ranges of the recording."""
    accepted = np.flatnonzero(result.outcomes == Outcome.ACCEPTED)
    place = np.searchsorted(accepted, result.index)  # of each window's newest reading among those accepted
    times = result.times
    covered = []
    for incident in result.incidents:
        first, last = (
            np.searchsorted(times, incident.started),
            np.searchsorted(times, incident.ended, "right") - 1,
        )
        start = accepted[max(place[first] - result.time_steps + 1, 0)]
        covered.append((int(start), int(result.index[last]) + 1))
    return covered


def runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Half-open [start, end) of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
