"""Pictures of a training: its loss, the errors it leaves, and what it rebuilds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from streamdetect.plots.drawing import KNOWN, LIMIT, LINE, MARK, legend, log_if_wide, new_figure, save

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from matplotlib.figure import Figure
    from numpy.typing import NDArray

_MOST_WINDOWS = 6
_MOST_FEATURES = 6


def training_loss(history: Mapping[str, Sequence[float]], path: Path) -> Figure:
    """Draw the loss of each epoch, and of the validation where there was one (`loss`, `val_loss`)."""
    figure = new_figure(7, 4)
    axis = figure.subplots()
    names = {"loss": ("training", LINE, "-"), "val_loss": ("validation", LIMIT, "--")}
    drawn = [name for name in names if history.get(name)]
    for name in drawn:
        label, colour, style = names[name]
        epochs = np.arange(1, len(history[name]) + 1)
        axis.plot(epochs, history[name], style, color=colour, label=label, marker=".", markersize=4)
    chosen = np.asarray(history[drawn[-1]], dtype=np.float64)
    if np.isfinite(chosen).any():
        best = int(np.nanargmin(chosen))
        label = f"lowest: {chosen[best]:.3g} at epoch {best + 1}"
        axis.plot(best + 1, chosen[best], "o", color=MARK, markersize=7, fillstyle="none", label=label)
    log_if_wide(axis, np.concatenate([np.asarray(history[name]) for name in drawn]))
    axis.locator_params(axis="x", integer=True)
    axis.set(title="Training", xlabel="epoch", ylabel="loss")
    axis.grid(visible=True, which="both", alpha=0.25, linewidth=0.6)
    axis.legend()
    return save(figure, path)


def error_histogram(
    errors: NDArray[np.float64], threshold: float, path: Path, title: str = "Reconstruction errors"
) -> Figure:
    """Draw how the reconstruction errors (M,) spread, and the threshold among them."""
    figure = new_figure(7, 4)
    axis = figure.subplots()
    errors = np.asarray(errors)[np.isfinite(errors)]
    axis.hist(
        errors, bins=min(80, max(10, int(np.sqrt(len(errors))))), color=KNOWN, edgecolor="white", lw=0.4
    )
    over = int((errors > threshold).sum())
    label = (
        f"threshold {threshold:.4g}: {over} of {len(errors)} windows above ({over / max(len(errors), 1):.2%})"
    )
    axis.axvline(threshold, color=MARK, linestyle="--", label=label)
    axis.set(title=title, xlabel="reconstruction error", ylabel="windows")
    axis.grid(visible=True, alpha=0.25, linewidth=0.6)
    axis.legend(loc="upper right")
    return save(figure, path)


def reconstruction(
    windows: NDArray[np.float32],
    reconstructions: NDArray[np.float32],
    path: Path,
    titles: Sequence[str] = (),
    features: Sequence[str] = (),
) -> Figure:
    """Draw windows (M, T, F) and what the autoencoder made of them, the first six; a row each."""
    count, shown = min(len(windows), _MOST_WINDOWS), min(windows.shape[2], _MOST_FEATURES)
    across = 1 if shown > 1 else min(count, 3)
    rows = -(-count // across)
    figure = new_figure(3.2 * max(across, shown, 2), 2.3 * rows + 0.6)
    axes = figure.subplots(rows, across * shown, squeeze=False, sharex=True)
    steps = np.arange(1, windows.shape[1] + 1)
    for place, axis in enumerate(axes.flat):
        window, feature = divmod(place, shown)
        if window >= count:
            axis.set_visible(False)
            continue
        axis.plot(steps, windows[window, :, feature], color=LINE, marker=".", label="window")
        axis.plot(steps, reconstructions[window, :, feature], "--", color=MARK, label="reconstruction")
        title = titles[window] if window < len(titles) else f"window {window + 1}"
        name = f", {features[feature]}" if shown > 1 and feature < len(features) else ""
        axis.set_title(title + name, fontsize=9)
        axis.grid(visible=True, alpha=0.25, linewidth=0.6)
    figure.supxlabel("step of the window", fontsize=10)
    figure.supylabel("scaled value", fontsize=10)
    legend(figure, axes.flat[:1], "upper")
    return save(figure, path)
