"""Recordings through a detector, the same one that runs live."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from streamdetect.core.incidents import LEAST_THRESHOLD
from streamdetect.core.readings import Readings
from streamdetect.errors import DataError
from streamdetect.offline.backtest.results import Incident, SensorResult

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from streamdetect.core.detector import Detector
    from streamdetect.core.incidents import Transition
    from streamdetect.core.verdicts import Verdicts
    from streamdetect.offline.recordings import Recording

BATCH = 1024
"""Readings at once. Any number gives the same verdicts; throughput is flat from here on."""


def backtest(
    detector: Detector,
    recordings: Sequence[Recording],
    *,
    batch: int = BATCH,
    progress: Callable[[int], object] = lambda _: None,
) -> list[SensorResult]:
    """Feed the recordings, one after the other, and sort what comes out by recording.

    Args:
        detector: Takes in the readings; a fresh one, unless what it knows already is meant to count.
        recordings: Of F features each, as many as the detector's.
        batch: Readings at once.
        progress: Called with the number of readings done so far.

    Raises:
        DataError: A recording has another number of features than the bundle.
    """
    check_features(detector, recordings)
    sensors = list(chain.from_iterable([recording.sensor] * len(recording) for recording in recordings))
    times = np.concatenate([recording.times for recording in recordings])
    values = np.concatenate([recording.values for recording in recordings])
    found: list[Verdicts] = []
    for start in range(0, len(sensors), batch):
        part = slice(start, start + batch)
        found.append(detector.process(Readings(sensors[part], times[part], values[part])))
        progress(start + len(found[-1].outcomes))
    return _by_recording(recordings, found, batch, detector.settings.time_steps)


def check_features(detector: Detector, recordings: Sequence[Recording]) -> None:
    """Refuse recordings that have another number of features than the detector.

    Raises:
        DataError: One has.
    """
    wanted = detector.settings.features
    for recording in recordings:
        if len(recording.features) != wanted:
            hint = "--per-column makes each column a sensor; " if wanted == 1 else ""
            raise DataError(
                f"{recording.name}: {len(recording.features)} value columns "
                f"({', '.join(recording.features)}), but the bundle takes {wanted}: {hint}--columns chooses"
            )


def _by_recording(
    recordings: Sequence[Recording], found: Sequence[Verdicts], batch: int, time_steps: int
) -> list[SensorResult]:
    offsets = np.arange(len(found)) * batch
    index = np.concatenate([part.index + offset for part, offset in zip(found, offsets, strict=True)])
    ends = np.cumsum([len(recording) for recording in recordings])
    cuts = np.searchsorted(index, ends)
    columns = {
        name: np.split(np.concatenate([getattr(part, name) for part in found]), cuts)
        for name in ("errors", "feature_errors", "means", "sigmas", "thresholds", "anomalous")
    }
    outcomes = np.split(np.concatenate([part.outcomes for part in found]), ends)
    transitions: dict[str, list[Transition]] = {recording.sensor: [] for recording in recordings}
    for transition in chain.from_iterable(part.transitions for part in found):
        transitions[transition.sensor].append(transition)
    indices = np.split(index, cuts)
    results = []
    for place, recording in enumerate(recordings):
        own = indices[place] - (ends[place] - len(recording))
        edges = transitions[recording.sensor]
        result = SensorResult(
            recording=recording,
            outcomes=outcomes[place],
            index=own,
            **{name: parts[place] for name, parts in columns.items()},
            transitions=tuple(edges),
            incidents=(),
            time_steps=time_steps,
        )
        results.append(replace(result, incidents=tuple(_incidents(result))))
    return results


def _incidents(result: SensorResult) -> list[Incident]:
    """Pair each opening with its last word."""
    incidents: list[Incident] = []
    for transition in result.transitions:
        if transition.kind == "opened":
            incidents.append(Incident(transition, transition, np.nan))
        elif transition.kind in ("updated", "closed"):
            ended = np.nan if transition.ended is None else transition.ended
            incidents[-1] = Incident(incidents[-1].opened, transition, ended)
    if incidents and not incidents[-1].closed:
        incidents[-1] = _so_far(incidents[-1], result)
    return incidents


def _so_far(incident: Incident, result: SensorResult) -> Incident:
    """An incident that is still open, as it is at the recording's end: its last word may be its opening."""
    windows = np.flatnonzero(result.anomalous & (result.times >= incident.started))
    peak = windows[result.errors[windows].argmax()]
    error, threshold = float(result.errors[peak]), float(result.thresholds[peak])
    latest = replace(
        incident.latest,
        windows=len(windows),
        peak_error=error,
        peak_score=error / max(threshold, LEAST_THRESHOLD),
        peak_time=float(result.times[peak]),
    )
    return Incident(incident.opened, latest, float(result.times[windows[-1]]))
