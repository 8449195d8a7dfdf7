"""A bundle from a model that was trained elsewhere, and normal data.

Scaling, windows, errors and their statistics are made by the code that training uses.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from streamdetect.bundles.manifest import Brought
from streamdetect.bundles.tensorflow import load_keras
from streamdetect.errors import BundleError, DataError
from streamdetect.training.bundling import feature_names, write_bundle
from streamdetect.training.encoder import LATENT
from streamdetect.training.export import probe_destination
from streamdetect.training.foreign import load_foreign, read_archive, read_file
from streamdetect.training.forms import KerasForm
from streamdetect.training.rhythm import rhythm_of
from streamdetect.training.series import prepare
from streamdetect.training.worth import check_data

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from streamdetect.bundles.tensorflow import Model
    from streamdetect.training.bundling import BundleReport
    from streamdetect.training.forms import Form
    from streamdetect.training.series import Series
    from streamdetect.training.settings import TrainingSettings

_WINDOW_RANK = 3  # windows × steps × features


class _Brought(NamedTuple):
    """A model that was brought along, ready to be written."""

    form: Form
    window: tuple[int, int]  # (T, F)
    facts: dict[str, Any]  # its entry in the manifest


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
    """Make a bundle of a saved model, (None, T, F) -> (None, T, F), and normal data.

    Args:
        path: the `.keras`, `.onnx` or `.tflite` file.
        series: normal readings, F features each.
        settings: scaler, error, stride and gap; T is the model's, and what concerns fitting is not used.
        out: the bundle's directory; an earlier bundle there is replaced, anything else is refused.
        time_steps: T, for a model that takes any.
        latent_layer: whose output is the latent vector, of a Keras model; by default `latent`, if there is
            such a layer.
        features: F names; by default `value`, or `value_1`, `value_2`, ….

    Raises:
        BundleError: the file is not safe or not such a model, it does not compile, the compiled graph differs
            from Keras, the model rebuilds whatever it is given, or `out` cannot take a bundle.
        ConfigError: T is out of range.
        DataError: the series do not fit each other or the model, or are too short, or never move.
        StreamdetectError: TensorFlow is not installed.
    """
    probe_destination(out)
    read = {".onnx": _from_graph, ".tflite": _from_graph}.get(path.suffix.lower(), _from_keras)
    brought = read(path, time_steps, latent_layer)
    steps, wanted = brought.window
    settings = replace(settings, time_steps=steps, validation_split=0.0)
    for one in series:
        _check_features(one, wanted)
    prepared = prepare(series, settings)
    check_data(prepared, feature_names(features, wanted))
    record = Brought(
        **brought.facts,
        parameters=brought.form.parameters,
        scaler=settings.scaler,
        stride=settings.stride,
        max_gap=settings.max_gap if settings.max_gap < inf else None,
    )
    return write_bundle(
        brought.form,
        prepared,
        out,
        features=features,
        error=settings.error,
        origin={"brought": record},
        rhythm=rhythm_of([one.checked() for one in series]),
    )


def _from_keras(path: Path, time_steps: int | None, latent_layer: str | None) -> _Brought:
    content = read_archive(path)
    model = load_foreign(path, content)
    taken, made = model.inputs[0], model.outputs[0]
    window = _window(path, tuple(taken.shape), time_steps)
    if taken.dtype != "float32" or made.dtype != "float32":
        raise BundleError(f"{path}: must take and give float32, got {taken.dtype} and {made.dtype}")
    if taken.shape[1] is None:
        model = _any_to(path, model, window)
    if tuple(model.output_shape) != tuple(model.input_shape):
        raise BundleError(
            f"{path}: must give the shape that it takes, {model.input_shape}, got {model.output_shape}"
        )
    if latent_layer is None and LATENT in {layer.name for layer in model.layers}:
        latent_layer = LATENT
    return _Brought(KerasForm(model, None, latent_layer), window, _facts("keras", content))


def _from_graph(path: Path, time_steps: int | None, latent_layer: str | None) -> _Brought:
    from streamdetect.training.graphs import read_onnx, read_tflite  # noqa: PLC0415 - onnx takes a second

    if latent_layer:
        raise BundleError(f"{path}: --latent-layer is for Keras models, whose layers have names")
    form = path.suffix.lower().removeprefix(".")
    content = read_file(path, f"must be a readable .{form} file")
    graph = read_onnx(path, content) if form == "onnx" else read_tflite(path, content)
    window = _window(path, graph.shape, time_steps)
    if not graph.floats:
        raise BundleError(f"{path}: must take and give float32, got another type")
    return _Brought(graph.form(window[0]), window, _facts(form, content))


def _facts(form: str, content: bytes) -> dict[str, Any]:
    return {"form": form, "sha256": hashlib.sha256(content).hexdigest()}


def _window(path: Path, shape: tuple[int | None, ...], time_steps: int | None) -> tuple[int, int]:
    """Return T and F of a model that takes this shape."""
    if len(shape) != _WINDOW_RANK:
        raise BundleError(f"{path}: must take windows (None, T, F), got {shape}")
    batch, steps, features = shape
    if batch is not None:
        raise BundleError(f"{path}: must take any number of windows, (None, T, F), got {shape}")
    if features is None:
        raise BundleError(f"{path}: must say how many features it takes, got {shape}")
    if steps is None and time_steps is None:
        raise BundleError(f"{path}: must say how many readings a window has, or --time-steps, got {shape}")
    if None not in (steps, time_steps) and steps != time_steps:
        raise BundleError(f"{path}: --time-steps must be the model's {steps}, got {time_steps}")
    return steps or time_steps or 0, features


def _any_to(path: Path, model: Model, window: tuple[int, int]) -> Model:
    """Return the model with windows of this many readings instead of any."""
    keras = load_keras()
    try:
        sized = keras.models.clone_model(model, input_tensors=keras.Input(window, name="window"))
    except Exception as error:
        # A layer may refuse the size for any reason.
        raise BundleError(f"{path}: must take windows of {window[0]} readings, got {error}") from error
    sized.set_weights(model.get_weights())
    return sized


def _check_features(one: Series, wanted: int) -> None:
    got = 1 if np.ndim(one.values) == 1 else np.shape(one.values)[-1]
    if got != wanted:
        raise DataError(
            f"{one.name}: must have {wanted} features for the model, got {got}: --columns chooses, "
            "--per-column makes each a sensor"
        )
