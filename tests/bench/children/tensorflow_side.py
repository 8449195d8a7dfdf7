"""The figures that need TensorFlow: import, memory, `model.predict` in a loop, training; makes bundles.

python tensorflow_side.py FOLDER EPOCHS TURNS
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

started = time.perf_counter()
import tensorflow as tf  # noqa: E402 - its import is what is timed

IMPORT_SECONDS = time.perf_counter() - started
IMPORT_MB = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

import keras  # noqa: E402 - see above
import numpy as np  # noqa: E402

from streamdetect.bundles.architecture import Architecture  # noqa: E402
from streamdetect.training import fit  # noqa: E402
from streamdetect.training.architectures import build  # noqa: E402
from streamdetect.training.fit import train  # noqa: E402
from streamdetect.training.series import Series, prepare  # noqa: E402
from streamdetect.training.settings import TrainingSettings  # noqa: E402

READINGS = 3000
PREDICTIONS = 40


def settings(name: str, epochs: int) -> TrainingSettings:
    return TrainingSettings(architecture=Architecture(name), epochs=epochs, batch_size=64, patience=0)


def series() -> list[Series]:
    """A level, a period and noise."""
    noise = np.random.default_rng(0).normal(size=READINGS)
    return [Series("bench", 50 + np.sin(np.arange(READINGS) / 15) + 0.1 * noise)]


def plain_fit(epochs: int) -> float:
    """Seconds of a core of `model.fit` on the same windows, with nothing around it."""
    prepared = prepare(series(), settings("stacked", epochs))
    began = time.process_time()
    model = build(Architecture("stacked"), *prepared.fitted.shape[1:])
    model.compile(optimizer="adam", loss="mse")
    held_out = prepared.held_out, prepared.held_out
    model.fit(
        prepared.fitted, prepared.fitted, epochs=epochs, batch_size=64, validation_data=held_out, verbose=0
    )
    return time.process_time() - began


def our_training(folder: Path, epochs: int) -> tuple[float, float]:
    """Seconds of a core of fitting, and from series to a bundle, exported, checked and written."""
    fitted, own = [], fit._fit

    def timed(*arguments: Any, **more: Any) -> Any:
        began = time.process_time()
        try:
            return own(*arguments, **more)
        finally:
            fitted.append(time.process_time() - began)

    fit._fit = timed
    began = time.process_time()
    try:
        train(series(), settings("stacked", epochs), folder / "stacked")
        return fitted[0], time.process_time() - began
    finally:
        fit._fit = own


def predictions(folder: Path) -> float:
    """Windows a second of the tutorials' loop: one `model.predict` for each."""
    model = keras.saving.load_model(folder / "stacked" / "model.keras", compile=False)
    windows = np.random.default_rng(0).normal(size=(PREDICTIONS + 3, 1, 20, 1)).astype(np.float32)
    for window in windows[:3]:
        model.predict(window, verbose=0)
    began = time.perf_counter()
    for window in windows[3:]:
        model.predict(window, verbose=0)
    return PREDICTIONS / (time.perf_counter() - began)


def main() -> None:
    folder, epochs, turns = Path(sys.argv[1]), *map(int, sys.argv[2:])
    keras.utils.set_random_seed(0)
    plain_fit(1)  # what is loaded and compiled once per process
    train(series(), settings("conv", 2), folder / "conv")  # likewise, for the export
    fits, ours, bundles = [], [], []
    for _ in range(turns):
        fits.append(plain_fit(epochs))
        fitting, bundle = our_training(folder, epochs)
        ours.append(fitting)
        bundles.append(bundle)
    found = {
        "version": tf.__version__,
        "import_seconds": IMPORT_SECONDS,
        "import_mb": IMPORT_MB,
        "fit_seconds": min(fits),
        "our_fit_seconds": min(ours),
        "bundle_seconds": min(bundles),
        "windows": READINGS - 19,
        "epochs": epochs,
        "predictions_per_second": predictions(folder),
    }
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
