"""Reconstruction errors of a whole stream, made once for every threshold to be held against."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, get_args

import numpy as np
from streamdetect.core.thresholds import TrainingError

from streamdetect.bundles.architecture import Architecture
from streamdetect.bundles.bundle import GENERAL, Bundle
from streamdetect.bundles.tensorflow import load_keras
from streamdetect.core.cutting import windows_of
from streamdetect.core.detector import Detector, DetectorSettings
from streamdetect.core.readings import Readings
from streamdetect.core.reconstruction import ErrorMetric, reconstruction_errors
from streamdetect.core.scaling import PADDING
from streamdetect.errors import BundleError
from streamdetect.training.fit import train
from streamdetect.training.series import Series
from streamdetect.training.settings import TrainingSettings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray
    from quality_data import Case

    from streamdetect.offline.recordings import Recording

    Floats = NDArray[np.float64]

METRICS: tuple[ErrorMetric, ...] = get_args(ErrorMetric)
SMALL = TrainingSettings(time_steps=16, epochs=20, batch_size=64, patience=4)
RECIPES: Mapping[str, TrainingSettings] = {
    "dense-16": replace(SMALL, architecture=Architecture("dense", units=(32, 4))),
    "conv-16": replace(SMALL, architecture=Architecture("conv", units=(16, 4))),
    "lstm-16": replace(SMALL, architecture=Architecture("lstm", units=(16,))),
    "bidirectional-16": replace(SMALL, architecture=Architecture("bidirectional", units=(12,))),
    "dropout-16": replace(SMALL, architecture=Architecture("dropout", units=(16,))),
    "masked-16": replace(SMALL, architecture=Architecture("masked", units=(16,))),
    "stacked-20": replace(SMALL, time_steps=20, architecture=Architecture("stacked", units=(32, 16))),
    "dense-48": replace(SMALL, time_steps=48, architecture=Architecture("dense", units=(64, 8))),
    "conv-48": replace(SMALL, time_steps=48, architecture=Architecture("conv", units=(16, 4))),
}
"""Small on purpose: a model has 186 to 8,640 readings to learn from. The number is T."""


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """The errors of one recording by one model."""

    recording: Recording
    errors: Floats  # (M,)
    settings: DetectorSettings
    seconds: float  # that the model took


def scored(case: Case, model: str, metric: ErrorMetric, cache: Path) -> list[Scored]:
    """The case by a model trained on its normal part; or by the bundle "general", a sensor per feature."""
    if model == GENERAL:
        bundle = Bundle.load(GENERAL)
        return [_scored(one, bundle, one.values[: case.normal], metric, cache) for one in case.per_feature()]
    normal = case.recording.values[: case.normal]
    bundle = _trained(Series(case.recording.sensor, normal), RECIPES[model], cache)
    return [_scored(case.recording, bundle, normal, metric, cache)]


def _trained(normal: Series, recipe: TrainingSettings, cache: Path) -> Bundle:
    folder = cache / _key(repr(recipe), normal.digest())
    if folder.exists():
        try:
            return Bundle.load(folder)
        except BundleError:
            pass  # of an earlier format: made anew
    try:
        return train([normal], recipe, folder).bundle
    finally:
        load_keras().utils.clear_session()  # hundreds of models are trained in this process


def _scored(recording: Recording, bundle: Bundle, normal: Floats, metric: ErrorMetric, cache: Path) -> Scored:
    manifest = bundle.manifest
    settings = DetectorSettings(
        time_steps=manifest.time_steps,
        features=len(manifest.features),
        scaling=manifest.scaling,
        training_error=TrainingError(manifest.training_error.mean, manifest.training_error.std),
        error=metric,
        min_steps=manifest.min_steps,
    )
    path = cache / f"{_key(bundle.fingerprint, Series(recording.sensor, recording.values).digest())}.npz"
    if not path.exists():
        np.savez(path, allow_pickle=False, **_made(recording, bundle, settings, normal))
    with np.load(path, allow_pickle=False) as held:
        if metric != manifest.error:
            settings = replace(settings, training_error=TrainingError(*held[f"normal_{metric}"].tolist()))
        return Scored(recording, held[metric], settings, float(held["seconds"]))


def _made(
    recording: Recording, bundle: Bundle, settings: DetectorSettings, normal: Floats
) -> dict[str, Floats]:
    """The errors by every metric, their mean and standard deviation over the normal part, and the time."""
    detector = Detector(settings, bundle.reconstructor())
    count = len(recording)
    pushed = detector.push(Readings([recording.sensor] * count, recording.times, recording.values))
    started = time.perf_counter()
    rebuilt = detector.reconstruct(pushed.windows)
    made = {"seconds": np.array(time.perf_counter() - started)}
    windows = windows_of(normal, settings.time_steps, settings.scaling, min_steps=settings.min_steps)
    learnt = detector.reconstruct(windows)
    real = windows != PADDING if settings.min_steps else None
    for metric in METRICS:
        made[metric] = reconstruction_errors(pushed.windows, rebuilt, metric, pushed.real)[0]
        usual = reconstruction_errors(windows, learnt, metric, real)[0]
        made[f"normal_{metric}"] = np.array([usual.mean(), usual.std()])
    return made


def _key(*parts: str) -> str:
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:24]
