"""Choose how sensitive a detector may be for so many false alarms a week, and test it on held-out time."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import takewhile
from math import inf
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streamdetect.core.detector import Detector
from streamdetect.errors import DataError
from streamdetect.offline.backtest import backtest
from streamdetect.offline.backtest.evaluation import meeting
from streamdetect.service.assembly import detector_settings, make_detector
from streamdetect.times import DAY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from streamdetect.bundles.bundle import Bundle
    from streamdetect.config import DetectorConfig
    from streamdetect.core.reconstruction import Reconstruct
    from streamdetect.offline.backtest import Incident, SensorResult
    from streamdetect.offline.recordings import Recording

    Windows = NDArray[np.float32]

WEEK = 7 * DAY
STEPS = tuple(2 ** (step / 2) for step in range(4, -9, -1))
"""Sensitivities that are tried, the most sensitive first: 4 to 1/16, each a factor of √2 apart."""


class Part(NamedTuple):
    """The faults found and the false alarms in a part of the time."""

    weeks: float
    false: int
    """Incidents that match no fault; one that stays open counts anew every day."""
    found: int
    faults: int

    @property
    def false_per_week(self) -> float:
        """False alarms a week, of all sensors together."""
        return self.false / self.weeks


class Point(NamedTuple):
    """The results of one sensitivity."""

    sensitivity: float
    chosen_on: Part
    held_out: Part


@dataclass(frozen=True, slots=True)
class Tuning:
    """The curve, and the point on it that keeps to the limit."""

    points: tuple[Point, ...]
    """The most sensitive first."""
    chosen: Point | None
    """The most sensitive one up to which all keep to the limit; None if not even the least sensitive does."""
    labelled: bool
    """True if faults are known; otherwise every incident counts as false."""


def tune(
    config: DetectorConfig,
    bundle: Bundle,
    recordings: Sequence[Recording],
    most: float,
    *,
    held_out: float = 0.4,
    warm_up: float = 0.1,
    steps: Sequence[float] = STEPS,
    progress: Callable[[int], object] = lambda _: None,
) -> Tuning:
    """Find the most sensitive setting that keeps to a limit of false alarms.

    Args:
        config: of the detector.
        bundle: its model.
        recordings: of the sensors; labelled or not.
        most: false alarms a week, of all sensors together.
        held_out: share of the time, the latest, on which nothing is chosen.
        warm_up: share of the time, the earliest, in which nothing counts: sensors are still being learnt.
        steps: sensitivities to try, the most sensitive first.
        progress: called with the number of steps done.

    Raises:
        DataError: the recordings have no length.
    """
    first = min(float(one.times.min()) for one in recordings)
    last = max(float(one.times.max()) for one in recordings)
    if last <= first:
        raise DataError("recordings: must span some time, got a single time")
    begin, cut = first + warm_up * (last - first), last - held_out * (last - first)
    reconstruct = Remembered(make_detector(config, bundle).reconstruct)
    points = []
    for at, step in enumerate(steps, 1):
        settings = detector_settings(with_sensitivity(config, step), bundle.manifest)
        results = backtest(Detector(settings, reconstruct), recordings)
        points.append(Point(step, _part(results, begin, cut), _part(results, cut, last)))
        progress(at)
    within = list(takewhile(lambda point: point.chosen_on.false_per_week <= most, reversed(points)))
    labelled = any(one.labels is not None for one in recordings)
    return Tuning(tuple(points), within[-1] if within else None, labelled)


def with_sensitivity(config: DetectorConfig, sensitivity: float) -> DetectorConfig:
    """Return the same detector with another sensitivity; sensors with a sensitivity of their own keep it."""
    return config.model_copy(update={"sensitivity": sensitivity})


class Remembered:
    """A model that works once on the same windows: most stay as they are, whatever the sensitivity."""

    def __init__(self, reconstruct: Reconstruct) -> None:
        self._reconstruct = reconstruct
        self._made: dict[bytes, Windows] = {}

    def __call__(self, windows: Windows) -> Windows:
        """(M, T, F) to (M, T, F)."""
        key = hashlib.blake2b(np.ascontiguousarray(windows).tobytes(), digest_size=16).digest()
        if key not in self._made:
            self._made[key] = self._reconstruct(windows)
        return self._made[key]


def _alarms(incident: Incident, start: float, end: float) -> int:
    """Count the alarms of an incident in a part of the time."""
    closed = incident.latest.time if incident.closed else inf
    open_for = min(closed, end) - max(incident.opened.time, start)
    return 1 + int(open_for // DAY) if open_for >= 0 else 0


def _part(results: Sequence[SensorResult], start: float, end: float) -> Part:
    false = found = faults = 0
    for result in results:
        met = meeting(result)
        false += sum(_alarms(result.incidents[at], start, end) for at in met.false)
        own = [fate for fate in met.fates if start <= fate.fault.start < end]
        found, faults = found + sum(fate.found for fate in own), faults + len(own)
    return Part((end - start) / WEEK, false, found, faults)
