"""Verdicts against labels: by point, and by fault.

By point: every accepted reading counts. By fault: see `faults`.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isnan
from typing import TYPE_CHECKING

import numpy as np

from streamdetect.offline.backtest.faults import Span, meet, usual_step
from streamdetect.times import DAY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from streamdetect.offline.backtest.faults import Fate, Meeting
    from streamdetect.offline.backtest.results import SensorResult


@dataclass(frozen=True, slots=True)
class Counts:
    """True positives, false positives, false negatives, and their ratios; NaN where undefined."""

    tp: int
    fp: int
    fn: int

    @property
    def precision(self) -> float:
        """Precision, the share of what was flagged that is a known anomaly: tp / (tp + fp)."""
        return _share(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float:
        """Recall, the share of the known anomalies that were flagged: tp / (tp + fn)."""
        return _share(self.tp, self.tp + self.fn)

    @property
    def f1(self) -> float:
        """2 tp / (2 tp + fp + fn), the harmonic mean of precision and recall."""
        return _share(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The comparison of the verdicts on one labelled recording, or on several together, with its labels."""

    points: Counts
    fates: tuple[Fate, ...]
    """The outcome of each known fault."""
    false: int
    """Incidents that match no known fault."""
    days: float
    """Days recorded, from the first reading to the last, summed over all sensors."""

    @property
    def events(self) -> Counts:
        """Faults found and missed, and false incidents."""
        found = sum(fate.found for fate in self.fates)
        return Counts(found, self.false, len(self.fates) - found)

    @property
    def late(self) -> int:
        """Missed faults for which an incident opened only after they had ended."""
        return sum(fate.late for fate in self.fates)

    @property
    def cover(self) -> float:
        """Share of a fault during which an incident was open: the mean of the faults that last."""
        known = [fate.cover for fate in self.fates if not isnan(fate.cover)]
        return _share(sum(known), len(known))

    @property
    def delay(self) -> float:
        """Median of the seconds from the start of a found fault to the opening of its incident."""
        found = [fate.delay for fate in self.fates if fate.found]
        return float(np.median(found)) if found else float("nan")

    @property
    def again(self) -> Counts:
        """The known faults that come after a found fault of the same sensor: found and missed."""
        later = [fate.found for fate in self.fates if fate.again]
        return Counts(sum(later), 0, len(later) - sum(later))

    @property
    def false_alarms_per_week(self) -> float:
        """False incidents per sensor and week."""
        return _share(7.0 * self.false, self.days)

    def __add__(self, other: Evaluation) -> Evaluation:
        return Evaluation(
            self.points + other.points,
            self.fates + other.fates,
            self.false + other.false,
            self.days + other.days,
        )


def _share(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


def evaluate(result: SensorResult) -> Evaluation | None:
    """Compare with the labels; None when the recording has none."""
    labels = result.recording.labels
    if labels is None:
        return None
    met = meeting(result)
    return Evaluation(
        points=points(result.anomalous, labels[result.index]),
        fates=met.fates,
        false=len(met.false),
        days=days(result.recording.times),
    )


def meeting(result: SensorResult) -> Meeting:
    """Match the known faults of a recording with its incidents."""
    times, labels = result.recording.times, result.recording.labels
    known = [] if labels is None else runs(labels)
    faults = [Span(float(times[start]), float(times[end - 1])) for start, end in known]
    incidents = [Span(one.opened.time, one.latest.time if one.closed else inf) for one in result.incidents]
    return meet(faults, incidents, usual_step(times.tolist()))


def days(times: NDArray[np.float64]) -> float:
    """Return the days from the first reading to the last."""
    return float(np.ptp(times)) / DAY if len(times) else 0.0


def points(anomalous: NDArray[np.bool_], labels: NDArray[np.bool_]) -> Counts:
    """Count the readings (M,) by verdict and by label."""
    return Counts(
        tp=int((anomalous & labels).sum()),
        fp=int((anomalous & ~labels).sum()),
        fn=int((~anomalous & labels).sum()),
    )


def runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the half-open [start, end) of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
