"""Detectors to be measured: a bundle, and the project's defaults with changes put over them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, TypeVar

from streamdetect import config
from streamdetect.bundles.architecture import Architecture
from streamdetect.bundles.bundle import Bundle
from streamdetect.bundles.tensorflow import load_keras
from streamdetect.core.detector import Detector
from streamdetect.core.incidents import IncidentSettings
from streamdetect.core.judge_settings import JudgeSettings
from streamdetect.core.rules import VIEWS
from streamdetect.errors import BundleError
from streamdetect.service.assembly import make_detector
from streamdetect.training.fit import train
from streamdetect.training.series import Series
from streamdetect.training.settings import TrainingSettings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from quality_data import Case

Settings = TypeVar("Settings", JudgeSettings, IncidentSettings)
Changes = tuple[tuple[str, str], ...]

SMALL = TrainingSettings(time_steps=16, epochs=20, batch_size=64, patience=4)
RECIPES: Mapping[str, TrainingSettings] = {
    "dense-16": replace(SMALL, architecture=Architecture("dense", units=(32, 4))),
    "conv-16": replace(SMALL, architecture=Architecture("conv", units=(16, 4))),
    "lstm-16": replace(SMALL, architecture=Architecture("lstm", units=(16,))),
    "bidirectional-16": replace(SMALL, architecture=Architecture("bidirectional", units=(12,))),
    "dropout-16": replace(SMALL, architecture=Architecture("dropout", units=(16,))),
    "masked-16": replace(SMALL, architecture=Architecture("masked", units=(16,))),
    "stacked-20": replace(SMALL, time_steps=20, architecture=Architecture("stacked", units=(32, 16))),
}
"""Small on purpose: a model has 186 to 8,640 readings to learn from. The number is T."""
WITHOUT = "without the autoencoder"


@dataclass(frozen=True, slots=True)
class Choice:
    """The settings of detectors beside their bundle."""

    autoencoder: bool = True
    changes: Changes = ()  # of settings, over the defaults

    def detector(self, bundle: Bundle) -> Detector:
        """A fresh one, made as the daemon makes it."""
        views = [view for view in VIEWS if self.autoencoder or view != "reconstruction"]
        asked = config.validate({"detectors": [{"views": views}]}).detectors[0]
        made = make_detector(asked, bundle)
        settings = replace(
            made.settings,
            judging=changed(made.settings.judging, dict(self.changes)),
            incidents=changed(made.settings.incidents, dict(self.changes)),
        )
        return Detector(settings, made.reconstruct)


def changed(settings: Settings, changes: Mapping[str, str]) -> Settings:
    """The same with those of the changes that it has a field for."""
    known = {field.name: type(getattr(settings, field.name)) for field in fields(settings)}
    return replace(settings, **{name: known[name](value) for name, value in changes.items() if name in known})


def bundle_for(case: Case, model: str, cache: Path) -> Bundle:
    """The one trained on the case's normal part, which is kept."""
    normal = Series(case.recording.sensor, case.recording.values[: case.normal])
    recipe = RECIPES[model]
    folder = cache / hashlib.sha256(f"{recipe!r} {normal.digest()}".encode()).hexdigest()[:24]
    if folder.exists():
        try:
            return Bundle.load(folder)
        except BundleError:
            pass  # of an earlier format: made anew
    try:
        return train([normal], recipe, folder).bundle
    finally:
        load_keras().utils.clear_session()  # dozens of models are trained in this process
