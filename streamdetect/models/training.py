"""Training: series of normal readings in, a bundle out.

The windows are cut and scaled by the code that does it live, and the errors whose statistics go into the
bundle are made by the compiled graph that runs live.
"""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import time
from dataclasses import dataclass
from math import inf, isfinite
from typing import TYPE_CHECKING

import numpy as np

from streamdetect.core.reconstruction import reconstruction_errors
from streamdetect.core.scaling import PADDING
from streamdetect.core.thresholds import ThresholdSettings
from streamdetect.errors import BundleError, DataError

from .architectures import build, compilable
from .manifest import Manifest, TrainingErrors, TrainingRecord
from .preparing import prepare
from .progress import training_progress
from .runtime import ONNX_BATCH
from .tensorflow import load_keras
from .writing import check_destination, describe_files, difference, export, publish, staging

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from streamdetect.core.reconstruction import ErrorMetric, Reconstruct

    from .architectures import Model
    from .bundle import Bundle
    from .manifest import GraphDifference, Quantile
    from .preparing import Prepared, Series
    from .settings import TrainingSettings

    Floats = NDArray[np.float64]
    Windows = NDArray[np.float32]

VERSIONED = ("streamdetect", "keras", "tensorflow", "tf2onnx", "onnx", "onnxruntime", "numpy")


@dataclass(frozen=True, slots=True)
class TrainingReport:
    """What a training came to.

    Attributes:
        bundle: as written.
        history: per epoch `loss`, and `val_loss` when windows were held out.
        errors: (M,) reconstruction errors of all windows, fitted and held out.
        threshold: mean + 2σ of the errors, the limit that live sensors start with.
        windows: M.
        parameters: weights of the model.
        graph_difference: how far the compiled graph is from Keras.
        seconds: the training took.
    """

    bundle: Bundle
    history: dict[str, list[float]]
    errors: Floats
    threshold: float
    windows: int
    parameters: int
    graph_difference: GraphDifference
    seconds: float


def train(
    series: Sequence[Series],
    settings: TrainingSettings,
    out: Path,
    *,
    features: Sequence[str] = (),
    quiet: bool = True,
) -> TrainingReport:
    """Train an autoencoder on normal data and write its bundle.

    Args:
        series: normal readings, F features each.
        settings: how.
        out: the bundle's directory; an earlier bundle there is replaced, anything else is refused.
        features: F names; by default `value`, or `value_1`, `value_2`, ….
        quiet: draw no progress bar.

    Raises:
        DataError: the series do not fit each other or the settings.
        BundleError: `out` cannot take a bundle, the fit diverged, or the compiled graph differs from Keras.
        StreamdetectError: TensorFlow is not installed.
    """
    started = time.perf_counter()
    check_destination(out)
    prepared = prepare(series, settings)
    names = _feature_names(features, prepared.fitted.shape[2])
    model, history = _fit(prepared, settings, quiet=quiet)
    windows = np.concatenate([prepared.fitted, prepared.held_out])
    with staging(out) as directory:
        graph = export(model, directory, compilable(settings.architecture, model))
        agreement = difference(model, graph, windows)
        errors, feature_errors = _errors(graph, windows, settings.error, padded=settings.least_steps > 0)
        manifest = Manifest(
            format=1,
            created=dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            time_steps=settings.time_steps,
            min_steps=settings.least_steps,
            features=names,
            architecture=settings.architecture.resolved(),
            scaling=prepared.scaling,
            error=settings.error,
            training_error=_statistics(errors, feature_errors),
            graph_difference=agreement,
            training=_record(settings, history, model.count_params()),
            trained_on=prepared.sources,
            versions={name: importlib.metadata.version(name) for name in VERSIONED},
            files=describe_files(directory),
        )
        bundle = publish(manifest, directory, out)
    return TrainingReport(
        bundle=bundle,
        history=history,
        errors=errors,
        threshold=float(errors.mean() + ThresholdSettings().sigma * errors.std()),
        windows=len(windows),
        parameters=model.count_params(),
        graph_difference=agreement,
        seconds=time.perf_counter() - started,
    )


def _feature_names(names: Sequence[str], count: int) -> tuple[str, ...]:
    if not names:
        return ("value",) if count == 1 else tuple(f"value_{i + 1}" for i in range(count))
    if len(names) != count or len(set(names)) < count:
        raise DataError(f"features: must be {count} different names, got {', '.join(names)}")
    return tuple(names)


def _fit(
    prepared: Prepared, settings: TrainingSettings, *, quiet: bool
) -> tuple[Model, dict[str, list[float]]]:
    """Fit a fresh model; the same seed on the same machine gives the same weights."""
    keras = load_keras()
    keras.utils.set_random_seed(settings.seed)
    fitted, held_out = prepared.fitted, prepared.held_out
    model = build(settings.architecture, *fitted.shape[1:])
    model.compile(optimizer=keras.optimizers.Adam(settings.learning_rate), loss=settings.loss)
    callbacks = [keras.callbacks.TerminateOnNaN()]
    if settings.patience:
        watched = "val_loss" if len(held_out) else "loss"
        callbacks.append(
            keras.callbacks.EarlyStopping(watched, patience=settings.patience, restore_best_weights=True)
        )
    with training_progress(keras, settings.epochs, quiet=quiet) as drawn:
        given, wanted, weights = _examples(fitted)
        fit = model.fit(
            given,
            wanted,
            sample_weight=weights,
            epochs=settings.epochs,
            batch_size=settings.batch_size,
            validation_data=_examples(held_out) if len(held_out) else None,
            shuffle=settings.shuffle,
            callbacks=[*callbacks, *drawn],
            verbose=0,
        )
    history = {name: [float(value) for value in values] for name, values in fit.history.items()}
    if not all(isfinite(value) for values in history.values() for value in values):
        raise BundleError(
            f"training: the loss must stay finite, got {history['loss'][-1]} in epoch "
            f"{len(history['loss'])}; a lower learning rate, a scaler or tanh helps"
        )
    return model, history


def _examples(windows: Windows) -> tuple[Windows, Windows, Windows | None]:
    """What the model is given, what it should make of it, and what each step counts, (M, T).

    Each window counts the same, however few of its steps are real.
    """
    real = windows != PADDING
    if real.all():
        return windows, windows, None
    steps = real.any(axis=2)
    weights = steps * (windows.shape[1] / steps.sum(axis=1, keepdims=True))
    return windows, np.where(real, windows, 0), weights.astype(np.float32)


def _errors(
    graph: Reconstruct, windows: Windows, error: ErrorMetric, *, padded: bool
) -> tuple[Floats, Floats]:
    """The reconstruction errors of all windows, (M,) and (M, F)."""
    parts = [windows[start : start + ONNX_BATCH] for start in range(0, len(windows), ONNX_BATCH)]
    made = [
        reconstruction_errors(part, graph(part), error, part != PADDING if padded else None) for part in parts
    ]
    return np.concatenate([one for one, _ in made]), np.concatenate([each for _, each in made])


def _statistics(errors: Floats, feature_errors: Floats) -> TrainingErrors:
    shares: dict[Quantile, float] = {
        "0.5": 0.5,
        "0.9": 0.9,
        "0.95": 0.95,
        "0.99": 0.99,
        "0.999": 0.999,
        "max": 1.0,
    }
    return TrainingErrors(
        mean=float(errors.mean()),
        std=float(errors.std()),
        count=len(errors),
        quantiles={name: float(np.quantile(errors, share)) for name, share in shares.items()},
        feature_means=tuple(feature_errors.mean(axis=0).tolist()),
    )


def _record(settings: TrainingSettings, history: dict[str, list[float]], parameters: int) -> TrainingRecord:
    held_out_loss = history.get("val_loss")
    return TrainingRecord(
        scaler=settings.scaler,
        loss=settings.loss,
        learning_rate=settings.learning_rate,
        epochs=settings.epochs,
        epochs_run=len(history["loss"]),
        batch_size=settings.batch_size,
        validation_split=settings.validation_split,
        shuffle=settings.shuffle,
        patience=settings.patience,
        seed=settings.seed,
        stride=settings.stride,
        max_gap=settings.max_gap if settings.max_gap < inf else None,
        parameters=parameters,
        final_loss=history["loss"][-1],
        final_validation_loss=held_out_loss[-1] if held_out_loss else None,
    )
