"""The share of its data that a model explains; models that cannot work are refused, or get a warning."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from streamdetect.bundles.manifest import Explained
from streamdetect.bundles.runtime import ONNX_BATCH
from streamdetect.core.scaling import PADDING, SCALED_LIMIT
from streamdetect.errors import BundleError, DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from streamdetect.core.reconstruction import Reconstruct
    from streamdetect.training.series import Prepared

    Floats = NDArray[np.float64]
    Windows = NDArray[np.float32]

IDENTITY = 0.999
"""A model that explains so much of shuffled windows, which hold no pattern to learn, returns its input: no
window can ever be anomalous."""

_MOST = 4096  # windows that are looked at
_FEW = 100  # windows, below which nothing can be said of what was learnt
_RARE = 0.1  # share of windows or values
_LITTLE = 0.1  # of the variance
_MUCH = 0.9
_SHARE_OF_PERIOD = (
    0.15  # see streamdetect.training.choice: at a sixth of it, a third of the faults of form go
)


def explain(graph: Reconstruct, prepared: Prepared) -> Explained:
    """Return the share of the variance that a model explains: of windows not seen, and of shuffled ones.

    1 - squared error / squared distance from the feature's mean, the mean over all features that move. In
    shuffled windows every value of a feature is put into a random place of a random window: each value is
    usual, and no pattern is left. Windows that the fit has not seen are used where there are enough.

    Raises:
        BundleError: the model returns whatever it is given.
    """
    held_out = len(prepared.unseen) >= _FEW
    windows = prepared.unseen if held_out else np.concatenate([prepared.fitted, prepared.held_out])
    windows = windows[:: -(-len(windows) // _MOST)]
    shares = [_share(part, _rebuilt(graph, part)) for part in (windows, _shuffled(windows))]
    if shares[1] > IDENTITY:
        raise BundleError(
            f"model: must not rebuild every input, got {shares[1]:.2%} of the variance of shuffled "
            "windows (an identity): no window could be anomalous; make the compressed window smaller"
        )
    return Explained(variance=shares[0], shuffled=shares[1], held_out=held_out)


def check_data(prepared: Prepared, features: Sequence[str]) -> None:
    """Refuse data without anything to learn.

    Raises:
        DataError: no feature moves.
    """
    if not _moving(prepared.fitted).any():
        raise DataError(
            f"training data: must vary, got constant values in {', '.join(features)}; a sensor that stands "
            "still needs no model"
        )


def warnings(
    explained: Explained,
    prepared: Prepared,
    graph: Reconstruct,
    features: Sequence[str],
    period: float | None,
) -> Iterator[str]:
    """Return the reasons why the model may not work, a sentence each."""
    windows = np.concatenate([prepared.fitted, prepared.held_out])
    windows = windows[:: -(-len(windows) // _MOST)]
    total = len(prepared.fitted) + len(prepared.held_out)
    if total < _FEW:
        yield f"learnt from {total} {'window' if total == 1 else 'windows'}; below {_FEW} it is chance"
    for name in np.array(features)[~_moving(windows)]:
        yield f"{name} never moves in the training data: any change of it will be anomalous"
    yield from _lost(prepared, windows)
    if explained.variance < _LITTLE:
        yield f"explains {explained.variance:.0%} of the variance: untrained, or there is nothing but noise"
    elif explained.shuffled > _MUCH:
        yield (
            f"rebuilds {explained.shuffled:.0%} of shuffled windows, too: near an identity, it will miss "
            "faults; make the compressed window smaller or the window longer"
        )
    yield from _bounded(windows, _rebuilt(graph, windows))
    steps = windows.shape[1]
    if period and steps < _SHARE_OF_PERIOD * period:
        yield (
            f"a window of {steps} readings is far shorter than the period of {period:.0f}: the model cannot "
            "see that a part of it is missing or comes at another time"
        )


def _lost(prepared: Prepared, windows: Windows) -> Iterator[str]:
    """Describe the data that did not reach the model as it is."""
    kept, left = (sum(getattr(one, name) for one in prepared.sources) for name in ("windows", "left_out"))
    if left > _RARE * (kept + left):
        yield f"{left / (kept + left):.0%} of the windows were left out as too far from the sensor's past"
    clipped = float(np.mean(np.abs(windows[windows != PADDING]) >= SCALED_LIMIT))
    if clipped:
        yield f"{clipped:.0%} of the scaled values are clipped at {SCALED_LIMIT:g}: another scaler is needed"


def _bounded(windows: Windows, rebuilt: Windows) -> Iterator[str]:
    """Tell whether the output stays in a range that the data leaves: a sigmoid under another scaling."""
    real = windows[windows != PADDING]
    low, high = float(rebuilt.min()), float(rebuilt.max())
    margin = 0.1 * float(np.ptp(real))
    outside = float(np.mean((real < low - margin) | (real > high + margin)))
    if outside > _RARE:
        yield (
            f"rebuilds nothing outside {low:.3g} to {high:.3g}, where {outside:.0%} of the scaled values "
            "are: its last layer is bounded, and the scaler does not fit it"
        )


def _moving(windows: Windows) -> NDArray[np.bool_]:
    """Tell which features move, (F,)."""
    real = np.where(windows == PADDING, np.nan, windows)
    moving: NDArray[np.bool_] = np.nanmax(real, axis=(0, 1)) > np.nanmin(real, axis=(0, 1))
    return moving


def _share(windows: Windows, rebuilt: Windows) -> float:
    """Return the share of the variance of windows (M, T, F) that is rebuilt."""
    shares = []
    for feature in np.flatnonzero(_moving(windows)):
        real = windows[:, :, feature] != PADDING
        given, made = (part[:, :, feature][real].astype(np.float64) for part in (windows, rebuilt))
        shares.append(1 - np.square(given - made).sum() / np.square(given - given.mean()).sum())
    return float(np.mean(shares)) if shares else 0.0


def _shuffled(windows: Windows) -> Windows:
    """Return the same values of each feature, each in a random place."""
    rng = np.random.default_rng(0)
    made = windows.copy()
    for feature in range(windows.shape[2]):
        real = windows[:, :, feature] != PADDING
        made[:, :, feature][real] = rng.permutation(windows[:, :, feature][real])
    return made


def _rebuilt(graph: Reconstruct, windows: Windows) -> Windows:
    parts = [graph(windows[start : start + ONNX_BATCH]) for start in range(0, len(windows), ONNX_BATCH)]
    return np.concatenate(parts)
