"""Training settings chosen from the recording: each setting that is not given is chosen here, with a reason.

Only the recording decides, never the speed or the load of the machine, so the same recording gives the same
bundle anywhere. The amounts of work are such that the chosen model is trained in one to two minutes on two
cores, however long the recording is.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np

from streamdetect.bundles.architecture import Architecture
from streamdetect.errors import BundleError
from streamdetect.training.rhythm import rhythm_of
from streamdetect.training.settings import TrainingSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from streamdetect.bundles.bundle import Bundle
    from streamdetect.bundles.manifest import Manifest
    from streamdetect.training.rhythm import Rhythm
    from streamdetect.training.series import Series
    from streamdetect.training.settings import Scaler

SHARE_OF_PERIOD = 0.2
LEAST_STEPS, MOST_STEPS = 16, 64
"""Readings in a window. Measured on four machines of five features whose batches take 180 to 220 readings:
with T = 16, 30 and 60 a dense model finds 33, 38 and 40 of 40 faults, and covers .66, .73 and .81 of their
time. By the daemon's rules T = 42 finds 40 of 40 at .79 with no false alarm in 20 days of machines, and
T = 63 finds 39 at .81 with 4. On 36 sensors of a house, a feature each, T = 16 finds .94, 30 .93; spikes
get lost in longer ones.
"""
MOST_RECURRENT = 32
"""The same for LSTMs, which learn longer windows too slowly: on those machines, with some 5,000 batches each,
T = 32 finds 40 of 40 faults and covers .79 of their time, T = 63 finds 37 and covers .69.
"""
DAY_LONG = 43_200.0
"""Seconds; a period this long is that of the day, which no window of readings by the minute can hold."""

LARGE = 5_000  # windows, from which a batch is LARGE_BATCH
LARGE_BATCH = 64
DEFAULT = TrainingSettings()


@dataclass(frozen=True, slots=True)
class _Work:
    windows: int  # to learn from, at most
    steps: int  # batches, at most


_WORK = {"dense": _Work(40_000, 15_000), "conv": _Work(40_000, 10_000)}
_RECURRENT = _Work(30_000, 8_000)
_FEWEST_EPOCHS = 10
_LARGEST_INPUT = 8_192
"""Numbers in a window, above which convolutions are chosen: their weights do not grow with it."""
_APART = 1.0  # variance between sensors over that within, from which they need a scale each
_UNLIKE = 3.0  # the same for the largest standard deviation of a sensor over the smallest


@dataclass(frozen=True, slots=True)
class Choice:
    """The settings of a training, with their reasons.

    Attributes:
        settings: as given, completed.
        rhythm: of the recording.
        reasons: a sentence for each thing chosen, by its name.
    """

    settings: TrainingSettings
    rhythm: Rhythm
    reasons: Mapping[str, str]

    def lines(self) -> Iterator[str]:
        """Describe the choices and their reasons, a line each."""
        for name, reason in self.reasons.items():
            value = getattr(self.settings, name)
            shown = f"{value.name} {value.units or value.latent}" if name == "architecture" else value
            yield f"{name.replace('_', ' ')} {shown}: {reason}"


def choose(series: Sequence[Series], given: Mapping[str, Any]) -> Choice:
    """Complete the settings that are given, by name; any other setting is chosen.

    Raises:
        ConfigError: a given setting is out of range.
        DataError: a series is not as `Series` describes it.
    """
    checked = [one.checked() for one in series]
    rhythm = rhythm_of(checked)
    features = checked[0].values.shape[1]
    reasons: dict[str, str] = {}
    chosen = dict(given)
    if "time_steps" not in given:
        recurrent = "architecture" in given and given["architecture"].name not in _WORK
        most = MOST_RECURRENT if recurrent else MOST_STEPS
        chosen["time_steps"], reasons["time_steps"] = _time_steps(rhythm, features, most)
    if "scaler" not in given:
        chosen["scaler"], reasons["scaler"] = _scaler(checked)
    if "architecture" not in given:
        chosen["architecture"], reasons["architecture"] = _architecture(chosen["time_steps"], features)
    elif given["architecture"] == Architecture("conv") and "time_steps" not in given:
        chosen["architecture"] = _convolutional(chosen["time_steps"], features)
        reasons["architecture"] = "what convolutions leave of a window compresses it too little"
    readings = sum(len(one.values) for one in checked)
    for name, (value, reason) in _amounts(readings, chosen).items():
        if name not in given:
            chosen[name], reasons[name] = value, reason
    return Choice(TrainingSettings(**chosen), rhythm, reasons)


def kept(manifest: Manifest) -> dict[str, Any]:
    """Return settings, by name, that a model which replaces a bundle's shares with it.

    So sensors keep their windows and scales, and settings that somebody chose by hand stay. None are taken
    from a model that came from elsewhere.
    """
    record, architecture = manifest.training, manifest.architecture
    if record is None or architecture is None:
        return {}
    return {
        "architecture": architecture,
        "time_steps": manifest.time_steps,
        "min_steps": manifest.min_steps,
        "scaler": record.scaler,
        "scaler_history": manifest.scaling.history,
        "error": manifest.error,
        "loss": record.loss,
        "learning_rate": record.learning_rate,
        "validation_split": record.validation_split,
        "shuffle": record.shuffle,
        "patience": record.patience,
        "seed": record.seed,
        "max_gap": inf if record.max_gap is None else record.max_gap,
    }


def begun(bundle: Bundle) -> dict[str, Any]:
    """Return settings, by name, with which a stopped training continues.

    Raises:
        BundleError: there is no training to continue.
    """
    record = bundle.manifest.training
    if record is None:
        raise BundleError(f"{bundle.path}: must be a bundle that train made, to go on with")
    return kept(bundle.manifest) | {
        "stride": record.stride,
        "batch_size": record.batch_size,
        "epochs": record.epochs,
    }


def _time_steps(rhythm: Rhythm, features: int, most: int) -> tuple[int, str]:
    period = rhythm.period
    if period is None or period * (rhythm.interval or 1.0) >= DAY_LONG:
        steps = LEAST_STEPS if features == 1 else 2 * LEAST_STEPS
        return steps, "no pattern comes round within half a day"
    steps = int(np.clip(round(SHARE_OF_PERIOD * period), LEAST_STEPS, most))
    return steps, f"a pattern comes round in {period:.0f} readings"


def _scaler(series: Sequence[Series]) -> tuple[Scaler, str]:
    """Choose each sensor's own past where the sensors differ, else one scale for all."""
    if len(series) == 1:
        return DEFAULT.scaler, "one sensor"
    means = np.array([one.values.mean(axis=0) for one in series])  # (N, F)
    within = np.array([one.values.std(axis=0) for one in series])
    apart = means.var(axis=0) > _APART * np.square(within).mean(axis=0)
    unlike = within.max(axis=0) > _UNLIKE * within.min(axis=0)
    if np.mean(apart | unlike) > 1 / 2:
        return "sensor", "the sensors differ in level or spread"
    return DEFAULT.scaler, "the sensors have one level and spread"


def _architecture(time_steps: int, features: int) -> tuple[Architecture, str]:
    """Choose a small model: first layer a third of the window, latent vector 6 numbers and 2 a feature."""
    size = time_steps * features
    if size > _LARGEST_INPUT:
        return _convolutional(time_steps, features), f"windows of {size:,} numbers"
    units = min(max(size // 3, 64), 256), _latent(time_steps, features)
    return Architecture("dense", units=units), f"windows of {size:,} numbers"


def _convolutional(time_steps: int, features: int) -> Architecture:
    """Choose convolutions with a compressed window as small as that of dense.

    Measured on the machines above, T = 63: 40 of 40 faults and .79 of their time, without it 31 and .55.
    """
    return Architecture("conv", latent=_latent(time_steps, features))


def _latent(time_steps: int, features: int) -> int:
    """Return the numbers in the compressed window."""
    return max(1, min(6 + 2 * features, time_steps * features // 2, 64))


def _amounts(readings: int, chosen: Mapping[str, Any]) -> dict[str, tuple[int, str]]:
    """Choose stride, batch size and epochs for this much data."""
    work = _WORK.get(chosen["architecture"].name, _RECURRENT)
    stride = chosen.get("stride") or -(-readings // work.windows)
    windows = max(readings // stride, 1)
    batch = chosen.get("batch_size") or (LARGE_BATCH if windows >= LARGE else DEFAULT.batch_size)
    epochs = work.steps * batch // windows
    bounded = int(np.clip(epochs, _FEWEST_EPOCHS, DEFAULT.epochs))
    of_many = f"of {readings:,} readings"
    return {"stride": (stride, of_many), "batch_size": (batch, of_many), "epochs": (bounded, of_many)}
