"""A model and its windows, put into a bundle.

The errors whose statistics go into the bundle are made by the compiled graph that runs live.
"""

from __future__ import annotations

import importlib.metadata
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from streamdetect.bundles.manifest import Manifest, TrainingErrors
from streamdetect.bundles.runtime import ONNX_BATCH
from streamdetect.core.judge_settings import JudgeSettings
from streamdetect.core.reconstruction import reconstruction_errors
from streamdetect.core.scaling import PADDING
from streamdetect.errors import DataError
from streamdetect.times import rfc3339
from streamdetect.training.export import describe_files, publish, staging
from streamdetect.training.rhythm import UNKNOWN, Rhythm
from streamdetect.training.worth import explain, warnings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from streamdetect.bundles.bundle import Bundle
    from streamdetect.bundles.manifest import Explained, GraphDifference, Quantile
    from streamdetect.core.reconstruction import ErrorMetric, Reconstruct
    from streamdetect.training.forms import Form
    from streamdetect.training.series import Prepared

    Floats = NDArray[np.float64]
    Windows = NDArray[np.float32]

VERSIONED = ("streamdetect", "keras", "tensorflow", "tf2onnx", "onnx", "onnxruntime", "numpy")


@dataclass(frozen=True, slots=True)
class BundleReport:
    """The report on a new bundle.

    Attributes:
        bundle: as written.
        errors: (M,) reconstruction errors of all windows, fitted and held out.
        threshold: mean + 2σ of the errors, the limit that live sensors start with.
        windows: M.
        parameters: weights of the model.
        graph_difference: the difference between the compiled graph and Keras.
        explained: the share of the variance that it rebuilds.
        warnings: why the model may not work, a sentence each.
    """

    bundle: Bundle
    errors: Floats
    threshold: float
    windows: int
    parameters: int
    graph_difference: GraphDifference
    explained: Explained
    warnings: tuple[str, ...]


def write_bundle(
    form: Form,
    prepared: Prepared,
    out: Path,
    *,
    features: Sequence[str],
    error: ErrorMetric,
    origin: Mapping[str, Any],
    min_steps: int = 0,
    rhythm: Rhythm = UNKNOWN,
) -> BundleReport:
    """Compile a model, compare the graph with it, measure its errors, and write all of it.

    Args:
        form: the model, (B, T, F) float32 -> (B, T, F) float32.
        prepared: the normal data as the model takes it.
        out: the bundle's directory.
        features: F names; by default `value`, or `value_1`, `value_2`, ….
        error: the reconstruction error.
        origin: what the manifest says of where the model comes from.
        min_steps: readings from which a window is judged; 0: only full ones are.
        rhythm: of the normal data.

    Raises:
        BundleError: the model does not compile, has no such layer, or rebuilds whatever it is given, or the
            compiled graph differs from Keras.
        DataError: the names are not F different ones.
    """
    windows = np.concatenate([prepared.fitted, prepared.held_out])
    names = feature_names(features, windows.shape[2])
    with staging(out) as directory:
        graph, agreement, encoder = form.export(directory, windows)
        explained = explain(graph, prepared)
        errors, feature_errors = _errors(graph, windows, error, padded=min_steps > 0)
        manifest = Manifest(
            format=1,
            created=rfc3339(time.time(), "seconds"),
            time_steps=windows.shape[1],
            min_steps=min_steps,
            features=names,
            scaling=prepared.scaling,
            error=error,
            training_error=_statistics(errors, feature_errors),
            graph_difference=agreement,
            explained=explained,
            interval=rhythm.interval,
            period=rhythm.period,
            encoder=encoder,
            trained_on=prepared.sources,
            versions={name: importlib.metadata.version(name) for name in VERSIONED},
            files=describe_files(directory),
            **origin,
        )
        bundle = publish(manifest, directory, out)
    return BundleReport(
        bundle=bundle,
        errors=errors,
        threshold=float(errors.mean() + JudgeSettings().sigma * errors.std()),
        windows=len(windows),
        parameters=form.parameters,
        graph_difference=agreement,
        explained=explained,
        warnings=tuple(warnings(explained, prepared, graph, names, rhythm.period)),
    )


def feature_names(names: Sequence[str], count: int) -> tuple[str, ...]:
    """Return the names, or generated ones if none are given.

    Raises:
        DataError: they are not `count` different names.
    """
    if not names:
        return ("value",) if count == 1 else tuple(f"value_{i + 1}" for i in range(count))
    if len(names) != count or len(set(names)) < count:
        raise DataError(f"features: must be {count} different names, got {', '.join(names)}")
    return tuple(names)


def _errors(
    graph: Reconstruct, windows: Windows, error: ErrorMetric, *, padded: bool
) -> tuple[Floats, Floats]:
    """Return the reconstruction errors of all windows, (M,) and (M, F)."""
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
