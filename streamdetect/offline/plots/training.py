"""Pictures of a training's loss, and of how reconstruction errors spread."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from streamdetect.offline.plots.drawing import (
    KNOWN,
    LIMIT,
    LINE,
    MARK,
    error_label,
    histogram_edges,
    log_if_wide,
    new_figure,
    save,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from matplotlib.figure import Figure
    from numpy.typing import NDArray


def training_loss(history: Mapping[str, Sequence[float]], path: Path) -> Figure:
    """Draw the loss of each epoch (`loss`), and the validation loss if there was one (`val_loss`)."""
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
    errors: NDArray[np.float64],
    thresholds: NDArray[np.float64] | float,
    path: Path,
    title: str = "Reconstruction errors",
    metric: str = "mae",
) -> Figure:
    """Draw how the reconstruction errors (M,) spread, and the threshold among them.

    If the threshold changes, (M,), its median is drawn over its range.
    """
    figure = new_figure(7, 4)
    axis = figure.subplots()
    limits = np.broadcast_to(np.asarray(thresholds, dtype=np.float64), errors.shape)
    known = limits[np.isfinite(limits)] if limits.size else np.atleast_1d(thresholds)
    edges, wide = histogram_edges(errors)
    above = errors > limits
    for part, colour, name in (
        (errors[~above], KNOWN, "up to the threshold"),
        (errors[above], MARK, "above it"),
    ):
        label = f"{len(part):,} windows {name}"
        axis.hist(
            np.clip(part, edges[0], edges[-1]),
            bins=edges.tolist(),
            color=colour,
            alpha=0.8,
            edgecolor="white",
            lw=0.3,
            label=label,
        )
    if len(known):
        low, middle, high = known.min(), np.median(known), known.max()
        span = f"threshold {middle:.4g}" + (f", between {low:.4g} and {high:.4g}" if high > low else "")
        if high > low:
            axis.axvspan(low, high, color=LIMIT, alpha=0.12, lw=0)
        axis.axvline(middle, color=LIMIT, linestyle="--", label=span)
    if wide:
        axis.set_xscale("log")
    else:
        axis.set_xlim(left=0.0)
    if len(errors):
        axis.set_yscale("log")  # a handful of anomalies beside thousands of normal windows
        axis.set_ylim(bottom=0.7)
    axis.yaxis.set_major_formatter("{x:,.0f}")
    axis.set(xlabel=error_label(metric), ylabel="windows")
    axis.set_title(title, loc="left", fontsize=11)
    axis.grid(visible=True, alpha=0.25, linewidth=0.6)
    figure.legend(loc="outside lower center", ncols=1, frameon=False)
    return save(figure, path)
