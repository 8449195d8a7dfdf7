"""The reconstruction error: how badly the autoencoder rebuilt a window."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Reconstruct = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""(M, T, F) scaled windows → (M, T, F) reconstructions; pure, any M ≥ 1, rows independent of one another."""

ErrorMetric = Literal["mae", "mse", "last"]

MAX_ERROR = 1e30
"""The error of a window whose reconstruction is not finite."""


def reconstruction_errors(
    windows: NDArray[np.float32],
    reconstructions: NDArray[np.float32],
    metric: ErrorMetric,
    real: NDArray[np.bool_] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean absolute ("mae") or mean squared ("mse") error, or the absolute error of the last step ("last").

    Args:
        windows: (M, T, F) scaled.
        reconstructions: (M, T, F), what the model made of them.
        metric: "mae", "mse" or "last".
        real: (M, T, F) what counts, neither padding nor missing; by default everything.

    Returns:
        One error per window, (M,), and one per window and feature, (M, F); always finite.
    """
    # Steps innermost and contiguous: the order of summation, and so the last bit, is one window's own.
    difference = np.subtract(windows, reconstructions, dtype=np.float64).transpose(0, 2, 1)
    if metric == "last":
        difference = difference[:, :, -1:]
        real = None if real is None else real[:, -1:]
    size = np.ascontiguousarray(np.square(difference) if metric == "mse" else np.abs(difference))
    if real is None:
        by_feature = np.add.reduce(size, axis=2) / size.shape[2]  # as mean(), for half its price
        _make_finite(by_feature)
        return np.add.reduce(by_feature, axis=1) / by_feature.shape[1], by_feature
    counted = np.ascontiguousarray(real.transpose(0, 2, 1))
    size[~counted] = 0.0
    counts = counted.sum(axis=2)
    by_feature = size.sum(axis=2) / np.maximum(counts, 1)
    _make_finite(by_feature)
    return by_feature.sum(axis=1) / np.maximum((counts > 0).sum(axis=1), 1), by_feature


def _make_finite(errors: NDArray[np.float64]) -> None:
    """Replace what is not a number by MAX_ERROR."""
    if np.count_nonzero(np.isfinite(errors)) < errors.size:  # far cheaper than looking for what to replace
        np.nan_to_num(errors, copy=False, nan=MAX_ERROR, posinf=MAX_ERROR)
