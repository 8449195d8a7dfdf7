"""Replace today's model if another is better, on unseen readings and on known incidents."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streamdetect.core.cutting import windows_of
from streamdetect.errors import DataError
from streamdetect.offline.backtest import backtest
from streamdetect.offline.backtest.evaluation import meeting
from streamdetect.offline.recordings.ranges import Range, mark
from streamdetect.service.assembly import make_detector
from streamdetect.store.history import read as read_history

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from streamdetect.bundles.bundle import Bundle
    from streamdetect.config import DetectorConfig
    from streamdetect.offline.recordings import Recording
    from streamdetect.store.history import Incident

NORMAL_NOW = ("regime_change", "accepted")
"""Reasons for closing an incident that mean that the present values are normal."""
_MORE = 0.005  # of the variance; a smaller share is chance


class Trial(NamedTuple):
    """The results of a model."""

    found: int
    """How many of the known faults: earlier incidents that nobody called false, and labels."""
    faults: int
    false: int
    """Incidents in the held-out part that match no fault."""
    explained: float
    """Share of the variance of the held-out windows that it rebuilds."""
    where: frozenset[tuple[str, float]] = frozenset()
    """Sensor and start, in Unix seconds, of the faults that it finds."""

    def is_better_than(self, other: Trial) -> bool:
        """Tell whether it finds no less, has no more false alarms, and is better in one of three things."""
        if self.found < other.found or self.false > other.false:
            return False
        gains = self.found > other.found, self.false < other.false, self.explained > other.explained + _MORE
        return any(gains)

    def lost(self, other: Trial) -> list[tuple[str, float]]:
        """Return the sensor and start of the faults that it finds and the other misses, earliest first."""
        return sorted(self.where - other.where, key=lambda one: one[1])

    def __str__(self) -> str:
        return (
            f"{self.found} of {self.faults} known faults found, {self.false} false alarms in the held-out "
            f"part, {self.explained:.1%} of its variance explained"
        )


def with_incidents(recordings: Sequence[Recording], history: Path | None, detector: str) -> list[Recording]:
    """Label the faults of past incidents.

    Incidents that were answered false are left out. So are those that ended because the values are normal
    now, unless they were answered true: a model that no longer fits causes such incidents, and the next model
    has to learn from these readings.

    Args:
        recordings: Of sensors with the ids that the daemon uses.
        history: The file of the daemon's incidents; None if it keeps none.
        detector: Name of the detector whose incidents these are.
    """
    known: dict[str, list[Range]] = {}
    for one in read_history(history, since=-inf) if history and history.exists() else ():
        if one.detector == detector and _is_fault(one):
            end = inf if one.ended is None else one.ended
            known.setdefault(one.sensor, []).append(Range(one.started, end, by_row=False))
    return [_labelled(one, known.get(one.name, [])) for one in recordings]


def _is_fault(incident: Incident) -> bool:
    """Tell whether an incident was a fault, as far as answers say."""
    if incident.label:
        return incident.label == "true"
    return incident.reason not in NORMAL_NOW


def _labelled(recording: Recording, ranges: Sequence[Range]) -> Recording:
    marked = mark(ranges, np.arange(len(recording)), recording.times)
    return replace(recording, labels=marked | recording.labelled)


def split(recordings: Sequence[Recording], held_out: float) -> float:
    """Return the time, in Unix seconds, from which readings are held out.

    Raises:
        DataError: the recordings have no length.
    """
    first = min(float(one.times.min()) for one in recordings if len(one))
    last = max(float(one.times.max()) for one in recordings if len(one))
    if last <= first:
        raise DataError("recordings: must span some time, got a single time")
    return last - held_out * (last - first)


def before(recordings: Sequence[Recording], time: float) -> list[Recording]:
    """Return the readings before a time."""
    return [_part(one, one.times < time) for one in recordings if (one.times < time).any()]


def trial(config: DetectorConfig, bundle: Bundle, recordings: Sequence[Recording], since: float) -> Trial:
    """Judge all recordings; the readings since a time are the held-out part.

    Args:
        config: Of the detector.
        bundle: The model.
        recordings: Labelled, with the bundle's features.
        since: Unix seconds.
    """
    results = backtest(make_detector(config, bundle), recordings)
    met = [meeting(result) for result in results]
    fates = [fate for one in met for fate in one.fates]
    false = sum(
        result.incidents[at].opened.time >= since
        for result, one in zip(results, met, strict=True)
        for at in one.false
    )
    where = frozenset(
        (result.recording.name, fate.fault.start)
        for result, one in zip(results, met, strict=True)
        for fate in one.fates
        if fate.found
    )
    return Trial(len(where), len(fates), false, _explained(bundle, recordings, since), where)


def _explained(bundle: Bundle, recordings: Sequence[Recording], since: float) -> float:
    """Return the share of the variance of all scaled windows of the held-out part; NaN without one."""
    manifest, reconstruct = bundle.manifest, bundle.reconstructor()
    missed = spread = 0.0
    for one in (_part(one, (one.times >= since) & ~one.labelled) for one in recordings):
        if len(one) < manifest.time_steps:
            continue
        windows = windows_of(one.values, manifest.time_steps, manifest.scaling, times=one.times)
        if len(windows):
            missed += float(np.square(windows - reconstruct(windows), dtype=np.float64).sum())
            spread += float(np.square(windows - windows.mean(axis=(0, 1)), dtype=np.float64).sum())
    return 1 - missed / spread if spread else float("nan")


def _part(recording: Recording, which: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Recording:
    labels = None if recording.labels is None else recording.labels[which]
    return replace(recording, times=recording.times[which], values=recording.values[which], labels=labels)
