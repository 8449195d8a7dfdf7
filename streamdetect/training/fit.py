"""Training: series of normal readings in, a bundle out.

The windows are cut and scaled by the code that does it live.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, fields
from math import inf, isfinite
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streamdetect.bundles.manifest import KERAS, TrainingRecord
from streamdetect.bundles.tensorflow import load_keras, load_model
from streamdetect.core.scaling import PADDING
from streamdetect.errors import BundleError, DataError
from streamdetect.training.architectures import build, compilable, resolved
from streamdetect.training.bundling import BundleReport, feature_names, write_bundle
from streamdetect.training.encoder import LATENT
from streamdetect.training.export import probe_destination
from streamdetect.training.forms import KerasForm
from streamdetect.training.progress import training_progress
from streamdetect.training.rhythm import rhythm_of
from streamdetect.training.series import prepare
from streamdetect.training.worth import check_data

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from streamdetect.bundles.bundle import Bundle
    from streamdetect.bundles.tensorflow import Model
    from streamdetect.training.series import Prepared, Series
    from streamdetect.training.settings import TrainingSettings

    Windows = NDArray[np.float32]


XLA, XLA_BATCHES = ("conv", "lstm", "stacked"), 4_000
"""Architectures that XLA makes faster, and batches from which that pays.

CPU time of a batch of 64 windows without and with it: conv 8.1 and 6.0 ms, lstm 29 and 23, stacked 30 and 19;
dense 1.96 and 1.86. To compile takes 2 to 5 s more, and again for the last batch and for what is held out.
"""


@dataclass(frozen=True, slots=True)
class TrainingReport(BundleReport):
    """The result of a training.

    Attributes:
        history: per epoch `loss`, and `val_loss` when windows were held out.
        seconds: the training took.
        interrupted: by Ctrl-C; the model is the best until then.
    """

    history: dict[str, list[float]]
    seconds: float
    interrupted: bool


def train(
    series: Sequence[Series],
    settings: TrainingSettings,
    out: Path,
    *,
    features: Sequence[str] = (),
    resumed: Bundle | None = None,
    quiet: bool = True,
) -> TrainingReport:
    """Train an autoencoder on normal data and write its bundle.

    Args:
        series: normal readings, F features each.
        settings: of the training.
        out: the bundle's directory; an earlier bundle there is replaced, anything else is refused.
        features: F names; by default `value`, or `value_1`, `value_2`, ….
        resumed: a bundle that an earlier run left; the fit continues from its model.
        quiet: draw no progress bar.

    Raises:
        DataError: the series do not fit each other or the settings, never move, or are not those of the
            bundle that is resumed.
        BundleError: `out` cannot take a bundle, the fit diverged, the model rebuilds whatever it is given, or
            the compiled graph differs from Keras.
        KeyboardInterrupt: before the first epoch was over.
        StreamdetectError: TensorFlow is not installed.
    """
    started = time.perf_counter()
    probe_destination(out)
    prepared = prepare(series, settings)
    names = feature_names(features, prepared.fitted.shape[2])
    check_data(prepared, names)
    if resumed:
        _check_same(resumed, prepared)
    fit = _fit(prepared, settings, resumed, quiet=quiet)
    origin = {
        "architecture": resolved(settings.architecture),
        "training": _record(settings, fit.history, fit.model.count_params(), _epochs_of(resumed)),
    }
    written = write_bundle(
        KerasForm(fit.model, compilable(settings.architecture, fit.model), LATENT),
        prepared,
        out,
        features=names,
        error=settings.error,
        origin=origin,
        min_steps=settings.least_steps,
        rhythm=rhythm_of([one.checked() for one in series]),
    )
    facts = {part.name: getattr(written, part.name) for part in fields(written)}
    seconds = time.perf_counter() - started
    return TrainingReport(**facts, history=fit.history, seconds=seconds, interrupted=fit.interrupted)


class _Fit(NamedTuple):
    """A fitted model."""

    model: Model
    history: dict[str, list[float]]
    interrupted: bool


def _check_same(resumed: Bundle, prepared: Prepared) -> None:
    """Refuse to continue with other data than the training began with.

    Raises:
        DataError: they are others.
    """
    manifest = resumed.manifest
    if (manifest.trained_on, manifest.scaling) != (prepared.sources, prepared.scaling):
        was, now = (", ".join(one.name for one in some) for some in (manifest.trained_on, prepared.sources))
        raise DataError(
            f"training data: must be those that {resumed.path} was trained on ({was}) to go on with it, got "
            f"others ({now})"
        )


def _epochs_of(resumed: Bundle | None) -> int:
    """Count the epochs that are over already."""
    record = resumed.manifest.training if resumed else None
    return record.epochs_run if record else 0


def _fit(
    prepared: Prepared, settings: TrainingSettings, resumed: Bundle | None = None, *, quiet: bool
) -> _Fit:
    """Fit a fresh model, or continue; the same seed on the same machine gives the same weights.

    Ctrl-C ends the fit after its first epoch: the best weights so far are taken, as at its own end.
    """
    keras = load_keras()
    done = _epochs_of(resumed)
    keras.utils.set_random_seed(settings.seed + done)
    fitted, held_out = prepared.fitted, prepared.held_out
    model = build(settings.architecture, *fitted.shape[1:])
    if resumed:
        model.set_weights(load_model(resumed.model_bytes(KERAS)).get_weights())
    epochs, batches = settings.epochs - done, -(-len(fitted) // settings.batch_size)
    model.compile(
        optimizer=keras.optimizers.Adam(settings.learning_rate),
        loss=settings.loss,
        jit_compile=settings.architecture.name in XLA and epochs * batches >= XLA_BATCHES,
    )
    callbacks = [keras.callbacks.TerminateOnNaN()]
    best = None
    if settings.patience:
        watched = "val_loss" if len(held_out) else "loss"
        best = keras.callbacks.EarlyStopping(watched, patience=settings.patience, restore_best_weights=True)
        callbacks.append(best)
    interrupted = False
    given, wanted, weights = _examples(fitted)
    begun = _Begun(model, *_examples(held_out if len(held_out) else fitted)) if resumed else None
    with training_progress(keras, epochs, batches, quiet=quiet) as drawn:
        try:
            model.fit(
                given,
                wanted,
                sample_weight=weights,
                epochs=epochs,
                batch_size=settings.batch_size,
                validation_data=_examples(held_out) if len(held_out) else None,
                shuffle=settings.shuffle,
                callbacks=[*callbacks, *drawn],
                verbose=0,
            )
        except KeyboardInterrupt:
            if not model.history.epoch:
                raise
            interrupted = True
            if best:
                model.set_weights(best.best_weights)
    if begun and best and best.best >= begun.loss:
        model.set_weights(begun.weights)
    history = {name: [float(value) for value in values] for name, values in model.history.history.items()}
    if not all(isfinite(value) for values in history.values() for value in values):
        raise BundleError(
            f"training: the loss must stay finite, got {history['loss'][-1]} in epoch "
            f"{len(history['loss'])}; a lower learning rate, a scaler or tanh helps"
        )
    return _Fit(model, history, interrupted)


class _Begun:
    """The weights with which a continued fit began: kept if no better ones come."""

    def __init__(self, model: Model, given: Windows, wanted: Windows, weights: Windows | None) -> None:
        self.weights = model.get_weights()
        self.loss = float(model.evaluate(given, wanted, sample_weight=weights, verbose=0))


def _examples(windows: Windows) -> tuple[Windows, Windows, Windows | None]:
    """Return the model's inputs, the wanted outputs, and the weight of each step, (M, T).

    Each window counts the same, however few of its steps are real.
    """
    real = windows != PADDING
    if real.all():
        return windows, windows, None
    steps = real.any(axis=2)
    weights = steps * (windows.shape[1] / steps.sum(axis=1, keepdims=True))
    return windows, np.where(real, windows, 0), weights.astype(np.float32)


def _record(
    settings: TrainingSettings, history: dict[str, list[float]], parameters: int, done: int
) -> TrainingRecord:
    held_out_loss = history.get("val_loss")
    return TrainingRecord(
        scaler=settings.scaler,
        loss=settings.loss,
        learning_rate=settings.learning_rate,
        epochs=settings.epochs,
        epochs_run=done + len(history["loss"]),
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
