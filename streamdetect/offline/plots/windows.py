"""Single windows and their reconstructions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from streamdetect.core.scaling import spread_floor
from streamdetect.offline.plots.drawing import LINE, MARK, legend, moment, new_figure, save

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from streamdetect.offline.backtest.rebuilding import Rebuilt

_ACROSS = 3
_MOST_FEATURES = 6
_MISFIT = 0.25  # how dark the area between a window and its reconstruction is


def reconstruction(windows: Sequence[Rebuilt], path: Path, title: str = "") -> Figure:
    """Draw windows with their reconstructions over them, in the sensor's own units.

    With one feature, each row holds three windows. With several, each window has a row and each feature a
    column: at most the six features that are rebuilt worst.

    Raises:
        StreamdetectError: matplotlib is not installed.
    """
    shown = _features(windows)
    across = min(_ACROSS, max(len(windows), 1)) if len(shown) == 1 else len(shown)
    rows = max(-(-len(windows) * len(shown) // across), 1)
    figure = new_figure(max(3.8 * across, 5.5), 2.5 * rows + 0.9)
    axes = figure.subplots(rows, across, squeeze=False)
    several = len({id(window.recording) for window in windows}) > 1
    for place, axis in enumerate(axes.flat):
        at, column = divmod(place, len(shown))
        if at >= len(windows):
            axis.set_visible(False)
            continue
        _panel(axis, windows[at], shown[column])
        if len(shown) > 1 or place % across == 0:
            axis.set_ylabel(windows[at].recording.features[shown[column]])
        if column == 0:
            axis.set_title(_caption(windows[at], with_name=several), loc="left", fontsize=8.5)
        if place + across >= len(windows) * len(shown):
            axis.set_xlabel("step of the window")
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    legend(figure, axes.flat[:1])
    return save(figure, path)


def _panel(axis: Axes, window: Rebuilt, feature: int) -> None:
    readings, rebuilt = window.readings[:, feature], window.reconstruction[:, feature]
    steps = np.arange(1, len(readings) + 1)
    dot = "." if len(steps) <= 64 else ""  # noqa: PLR2004 - more would run into one another
    axis.fill_between(steps, readings, rebuilt, color=MARK, alpha=_MISFIT, lw=0, label="difference")
    axis.plot(steps, readings, color=LINE, marker=dot, lw=1.2, label="readings")
    axis.plot(steps, rebuilt, "--", color=MARK, marker=dot, lw=1.2, label="reconstruction")
    axis.grid(visible=True, alpha=0.25, linewidth=0.6)
    axis.set_xlim(0.5, len(steps) + 0.5)  # so that one sees that padding is not part of it
    axis.locator_params(axis="x", integer=True)
    _widen(axis, readings)


def _widen(axis: Axes, readings: NDArray[np.float64]) -> None:
    """Leave some room, and let the misfit of a constant look no larger than the scaler takes it to be."""
    axis.margins(y=0.1)
    centre = float(np.nanmean(readings)) if np.isfinite(readings).any() else 0.0
    least = 2 * float(spread_floor(np.asarray(centre)))
    low, high = axis.get_ylim()
    if high - low < least:
        axis.set_ylim(centre - least / 2, centre + least / 2)


def _caption(window: Rebuilt, *, with_name: bool) -> str:
    name = f"{window.recording.name}, " if with_name else ""
    limit = "" if np.isnan(window.threshold) else f", threshold {window.threshold:.3g}"
    return f"{name}{window.why}: until {moment(window.time)}\nerror {window.error:.3g}{limit}"


def _features(windows: Sequence[Rebuilt]) -> list[int]:
    features = windows[0].readings.shape[1] if windows else 1
    if features <= _MOST_FEATURES:
        return list(range(features))
    missed = np.zeros(features)
    for window in windows:
        spread = np.nan_to_num(np.nanstd(window.readings, axis=0)) + 1e-12
        missed += np.nan_to_num(np.nanmean(np.abs(window.readings - window.reconstruction), axis=0)) / spread
    return sorted(np.argsort(-missed, kind="stable")[:_MOST_FEATURES].tolist())
