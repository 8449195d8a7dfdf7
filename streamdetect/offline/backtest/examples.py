"""Windows that show what a model has learned: those with the worst reconstructions, and some usual ones."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING

import numpy as np

from streamdetect.config import DetectorConfig
from streamdetect.core.detector import Detector
from streamdetect.offline.backtest.choosing import MOST_OTHERS, Choice, apart
from streamdetect.offline.backtest.rebuilding import rebuild
from streamdetect.offline.backtest.running import backtest
from streamdetect.service.assembly import detector_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamdetect.bundles.bundle import Bundle
    from streamdetect.offline.backtest.rebuilding import Rebuilt
    from streamdetect.offline.recordings import Recording


def examples(bundle: Bundle, recordings: Sequence[Recording], largest: float = inf) -> list[Rebuilt]:
    """Rebuild the three windows with the largest errors of all recordings, and three with about the median.

    Args:
        bundle: The model; windows are cut as they were for its training.
        recordings: Those that the model was trained on, or others.
        largest: Windows with larger errors are skipped: training may have left some out.
    """
    training = bundle.manifest.record
    settings = replace(
        detector_settings(DetectorConfig(), bundle.manifest),
        stride=training.stride,
        max_gap=inf if training.max_gap is None else training.max_gap,
        max_sensors=len(recordings),
    )
    detector = Detector(settings, bundle.reconstructor())
    results = backtest(detector, recordings)
    errors = [result.errors for result in results]
    used = np.concatenate([own[own <= largest] for own in errors])
    middle = float(np.median(used)) if len(used) else 0.0
    found: dict[tuple[int, int], tuple[float, str]] = {}
    for place, (result, own) in enumerate(zip(results, errors, strict=True)):
        within = np.flatnonzero(own <= largest)
        worst = apart(result, within[np.argsort(-own[within], kind="stable")])
        usual = apart(result, np.argsort(np.abs(own - middle), kind="stable"), worst)
        found |= {(place, at): (-own[at], "large error") for at in worst}
        found |= {(place, at): (abs(own[at] - middle), "usual error") for at in usual}
    chosen: list[tuple[int, Choice]] = []
    for why in ("large error", "usual error"):
        ranked = sorted((rank, where) for where, (rank, kind) in found.items() if kind == why)
        chosen += [(place, Choice(at, why)) for _, (place, at) in ranked[:MOST_OTHERS]]
    return [rebuild(detector, results[place], [choice])[0] for place, choice in chosen]
