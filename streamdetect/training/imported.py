"""A Keras model that was trained elsewhere, and normal data: a bundle.

Scaling, windows, errors and their statistics are made by the code that training uses.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING

import numpy as np

from streamdetect.bundles.manifest import Brought
from streamdetect.bundles.tensorflow import load_keras
from streamdetect.errors import BundleError, DataError
from streamdetect.training.bundling import feature_names, write_bundle
from streamdetect.training.encoder import LATENT
from streamdetect.training.export import probe_destination
from streamdetect.training.foreign import load_foreign, read_archive
from streamdetect.training.rhythm import rhythm_of
from streamdetect.training.series import prepare
from streamdetect.training.worth import check_data

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from streamdetect.bundles.tensorflow import Model
    from streamdetect.training.bundling import BundleReport
    from streamdetect.training.series import Series
    from streamdetect.training.settings import TrainingSettings

_WINDOW_RANK = 3  # windows × steps × features


@dataclass(frozen=True, slots=True)
class _Given:
    """The model as it was saved, and where."""

    path: Path
    model: Model

    def refuse(self, rule: str, got: object) -> BundleError:
        return BundleError(f"{self.path}: {rule}, got {got}")


def bring(
    path: Path,
    series: Sequence[Series],
    settings: TrainingSettings,
    out: Path,
    *,
    time_steps: int | None = None,
    latent_layer: str | None = None,
    features: Sequence[str] = (),
) -> BundleReport:
    """Make a bundle of a saved Keras model, (None, T, F) -> (None, T, F), and normal data.

    Args:
        path: the `.keras` file.
        series: normal readings, F features each.
        settings: scaler, error, stride and gap; T is the model's, and what is about fitting has no use here.
        out: the bundle's directory; an earlier bundle there is replaced, anything else is refused.
        time_steps: T, for a model that takes any.
        latent_layer: whose output is the latent vector; by default `latent`, if there is such a layer.
        features: F names; by default `value`, or `value_1`, `value_2`, ….

    Raises:
        BundleError: the file is not safe or no such model, it does not compile, the compiled graph differs
            from Keras, the model rebuilds whatever it is given, or `out` cannot take a bundle.
        ConfigError: T is out of range.
        DataError: the series do not fit each other or the model, or are too short, or never move.
        StreamdetectError: TensorFlow is not installed.
    """
    probe_destination(out)
    content = read_archive(path)
    model = _with_steps(_Given(path, load_foreign(path, content)), time_steps)
    steps, wanted = model.input_shape[1:]
    settings = replace(settings, time_steps=steps, validation_split=0.0)
    for one in series:
        _check_features(one, wanted)
    prepared = prepare(series, settings)
    check_data(prepared, feature_names(features, wanted))
    brought = Brought(
        sha256=hashlib.sha256(content).hexdigest(),
        parameters=model.count_params(),
        scaler=settings.scaler,
        stride=settings.stride,
        max_gap=settings.max_gap if settings.max_gap < inf else None,
    )
    if latent_layer is None and LATENT in {layer.name for layer in model.layers}:
        latent_layer = LATENT
    return write_bundle(
        model,
        prepared,
        out,
        features=features,
        error=settings.error,
        origin={"brought": brought},
        latent_layer=latent_layer,
        rhythm=rhythm_of([one.checked() for one in series]),
    )


def _with_steps(given: _Given, time_steps: int | None) -> Model:
    """The model with T fixed, (None, T, F) float32 -> (None, T, F) float32."""
    taken, made = given.model.inputs[0], given.model.outputs[0]
    if len(taken.shape) != _WINDOW_RANK:
        raise given.refuse("must take windows (None, T, F)", tuple(taken.shape))
    batch, steps, features = taken.shape
    if batch is not None:
        raise given.refuse("must take any number of windows, (None, T, F)", tuple(taken.shape))
    if features is None:
        raise given.refuse("must say how many features it takes", tuple(taken.shape))
    if steps is None and time_steps is None:
        raise given.refuse("must say how many readings a window has, or --time-steps", tuple(taken.shape))
    if None not in (steps, time_steps) and steps != time_steps:
        raise given.refuse(f"--time-steps must be the model's {steps}", time_steps)
    if taken.dtype != "float32" or made.dtype != "float32":
        raise given.refuse("must take and give float32", f"{taken.dtype} and {made.dtype}")
    model = given.model if steps else _any_to(given, time_steps, features)
    if tuple(model.output_shape) != tuple(model.input_shape):
        raise given.refuse(f"must give the shape that it takes, {model.input_shape}", model.output_shape)
    return model


def _any_to(given: _Given, time_steps: int | None, features: int) -> Model:
    """The model with windows of this many readings instead of any."""
    keras = load_keras()
    window = keras.Input((time_steps, features), name="window")
    try:
        model = keras.models.clone_model(given.model, input_tensors=window)
    except Exception as error:
        # Whatever a layer has against the size.
        raise given.refuse(f"must take windows of {time_steps} readings", error) from error
    model.set_weights(given.model.get_weights())
    return model


def _check_features(one: Series, wanted: int) -> None:
    got = 1 if np.ndim(one.values) == 1 else np.shape(one.values)[-1]
    if got != wanted:
        raise DataError(
            f"{one.name}: must have {wanted} features for the model, got {got}: --columns chooses, "
            "--per-column makes each a sensor"
        )
