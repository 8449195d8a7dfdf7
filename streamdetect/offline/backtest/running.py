"""Run recordings through the detector that runs live."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from streamdetect.core.readings import Readings
from streamdetect.errors import DataError
from streamdetect.offline.backtest.results import Incident, SensorResult

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from streamdetect.core.detector import Detector
    from streamdetect.core.transitions import Transition
    from streamdetect.core.verdicts import Verdicts
    from streamdetect.offline.recordings import Recording

COLUMNS = (
    *("errors", "feature_errors", "means", "sigmas", "thresholds", "scores", "views"),
    *("expected", "lower", "upper", "anomalous"),
)
BATCH, BATCH_EACH = 1024, 32
"""Readings in a batch: at least, and for each sensor. Any number gives the same verdicts; more are no
faster."""


def backtest(
    detector: Detector,
    recordings: Sequence[Recording],
    *,
    batch: int | None = None,
    progress: Callable[[int], object] = lambda _: None,
) -> list[SensorResult]:
    """Feed the recordings as they came, all sensors side by side, and sort the verdicts by recording.

    Args:
        detector: Takes in the readings; a new one, unless what it already knows should count.
        recordings: Of F features each, as many as the detector's.
        batch: Readings in a batch.
        progress: Called with the number of readings done so far.

    Raises:
        DataError: A recording has another number of features than the bundle.
    """
    check_features(detector, recordings)
    batch = batch or max(BATCH, BATCH_EACH * len(recordings))
    sensors = list(chain.from_iterable([recording.sensor] * len(recording) for recording in recordings))
    times = np.concatenate([recording.times for recording in recordings])
    values = np.concatenate([recording.values for recording in recordings])
    order = _as_they_came(recordings)
    found: list[Verdicts] = []
    for start in range(0, len(sensors), batch):
        part = order[start : start + batch]
        ids = [sensors[at] for at in part.tolist()]
        found.append(detector.process(Readings(ids, times[part], values[part])))
        progress(start + len(found[-1].outcomes))
    return _by_recording(recordings, found, order, detector.settings.time_steps)


def _as_they_came(recordings: Sequence[Recording]) -> NDArray[np.intp]:
    """Return the order (N,) of the readings of all recordings by time; late ones follow the one before."""
    due = [np.maximum.accumulate(recording.times) for recording in recordings]
    return np.argsort(np.concatenate(due), kind="stable")


def _known_until(recordings: Sequence[Recording]) -> dict[str, float]:
    """Return the time, in Unix seconds, after which nothing more is known of each sensor.

    Recordings that overlap were made together: a sensor that is missing at their end has fallen silent. After
    that end no sensor was listened to.
    """
    spans = [(float(one.times.min()), float(one.times.max()), one.sensor) for one in recordings if len(one)]
    until: dict[str, float] = {}
    together: list[str] = []
    reached = -np.inf
    for first, last, sensor in sorted(spans):
        if first > reached:
            together = []
        together.append(sensor)
        reached = max(reached, last)
        until |= dict.fromkeys(together, reached)
    return until


def check_features(detector: Detector, recordings: Sequence[Recording]) -> None:
    """Refuse recordings that have another number of features than the detector.

    Raises:
        DataError: A recording has another number.
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
    recordings: Sequence[Recording], found: Sequence[Verdicts], order: NDArray[np.intp], time_steps: int
) -> list[SensorResult]:
    offsets = np.cumsum([0, *(len(part.outcomes) for part in found)])[:-1]
    came = np.concatenate([part.index + offset for part, offset in zip(found, offsets, strict=True)])
    index = order[came]
    sort = np.argsort(index)
    index = index[sort]
    ends = np.cumsum([len(recording) for recording in recordings])
    cuts = np.searchsorted(index, ends)
    columns = {
        name: np.split(np.concatenate([getattr(part, name) for part in found])[sort], cuts)
        for name in COLUMNS
    }
    outcomes_of = np.empty(len(order), dtype=np.uint8)
    outcomes_of[order] = np.concatenate([part.outcomes for part in found])
    outcomes = np.split(outcomes_of, ends)
    until = _known_until(recordings)
    transitions: dict[str, list[Transition]] = {recording.sensor: [] for recording in recordings}
    for transition in chain.from_iterable(part.transitions for part in found):
        if transition.time <= until[transition.sensor]:
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
    """Pair each opening with the last transition of its incident."""
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
    """Return an incident that is still open, as it is at the end of the recording."""
    anomalous = np.flatnonzero(result.anomalous & (result.times >= incident.started))
    if not len(anomalous):  # the sensor has been silent since
        return Incident(incident.opened, incident.latest, incident.latest.time)
    peak = anomalous[result.scores[anomalous].argmax()]
    latest = replace(
        incident.latest,
        windows=len(anomalous),
        peak_error=float(result.errors[peak]),
        peak_score=float(result.scores[peak]),
        peak_time=float(result.times[peak]),
        peak_value=tuple(result.recording.values[result.index[peak]].tolist()),
    )
    return Incident(incident.opened, latest, float(result.times[anomalous[-1]]))
