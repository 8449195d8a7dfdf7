"""A sensor's series over its error and threshold: the picture of a backtest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from streamdetect.offline.backtest.evaluation import runs
from streamdetect.offline.plots.drawing import (
    KNOWN,
    LIMIT,
    SHADE,
    Clock,
    band,
    dots,
    error_label,
    legend,
    line,
    log_if_wide,
    new_figure,
    save,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from streamdetect.offline.backtest.results import SensorResult

_MOST_FEATURES = 6


def sensor(result: SensorResult, path: Path, metric: str = "mae") -> Figure:
    """Draw a sensor's series over its band, above its error against the threshold, incidents shaded.

    With several features, at most six are drawn: those most often to blame, each with the anomalies in which
    it had the largest share.

    Raises:
        StreamdetectError: matplotlib is not installed.
    """
    recording = result.recording
    drawn = worst_features(result)
    figure = new_figure(11, 3.2 + 2.0 * len(drawn))
    axes = figure.subplots(
        len(drawn) + 1, 1, sharex=True, squeeze=False, height_ratios=[1.4] * len(drawn) + [1.6]
    )[:, 0]
    clock = Clock(recording.times)
    blamed = most_to_blame(result)
    for axis, feature in zip(axes, drawn, strict=False):
        band(axis, clock, result.times, result.lower[:, feature], result.upper[:, feature])
        line(axis, clock, recording.times, recording.values[:, feature], label="reading")
        hit = result.index[result.anomalous & (blamed == feature)]
        dots(axis, clock, recording.times[hit], recording.values[hit, feature])
        axis.set_ylabel(recording.features[feature])
    _error_panel(axes[-1], clock, result, metric)
    for axis in axes:
        _bands(axis, clock, result)
        axis.grid(visible=True, alpha=0.25, linewidth=0.6)
        axis.margins(x=0.01)
    clock.label(axes[-1])
    axes[0].set_title(_title(result, drawn), loc="left", fontsize=11)
    legend(figure, axes)
    return save(figure, path)


def _error_panel(axis: Axes, clock: Clock, result: SensorResult, metric: str) -> None:
    windows = result.windows
    times, errors, hit = result.times[windows], result.errors[windows], result.anomalous[windows]
    line(axis, clock, times, errors, label="reconstruction error")
    line(axis, clock, times, result.thresholds[windows], label="threshold", color=LIMIT, linewidth=1.4)
    dots(axis, clock, times[hit], errors[hit])
    axis.set_ylabel(error_label(metric))
    log_if_wide(axis, errors)


def worst_features(result: SensorResult) -> list[int]:
    """Return the features to draw: all, or the six that most often had the largest share in an anomaly."""
    features = result.recording.values.shape[1]
    if features <= _MOST_FEATURES:
        return list(range(features))
    blamed = most_to_blame(result)
    of = blamed[result.anomalous] if result.anomalous.any() else blamed
    blame = np.bincount(of, minlength=features)
    return sorted(np.argsort(-blame, kind="stable")[:_MOST_FEATURES].tolist())


def most_to_blame(result: SensorResult) -> NDArray[np.intp]:
    """Return (M,) the feature with the largest share in each reading's error; without a window, the first."""
    return np.asarray(np.nan_to_num(result.feature_errors).argmax(axis=1), dtype=np.intp)


def _title(result: SensorResult, drawn: Sequence[int]) -> str:
    recording = result.recording
    parts = [
        f"{len(recording):,} readings",
        f"{int(result.anomalous.sum()):,} anomalous",
        f"{len(result.incidents):,} incident" + ("s" if len(result.incidents) != 1 else ""),
    ]
    if len(drawn) < len(recording.features):
        parts.append(f"{len(drawn)} of {len(recording.features)} features")
    return f"{recording.name}:  {', '.join(parts)}"


def _bands(axis: Axes, clock: Clock, result: SensorResult) -> None:
    recording = result.recording
    if recording.labels is not None:
        spans = [(recording.times[a], recording.times[b - 1]) for a, b in runs(recording.labels)]
        _shade(axis, clock, spans, KNOWN, (0.0, 1.0, 0.2))
        _shade(
            axis, clock, spans, KNOWN, (0.95, 0.05, 1.0), label="known anomaly"
        )  # seen under an incident too
    _shade(axis, clock, [(i.started, i.ended) for i in result.incidents], SHADE, (0.0, 0.95, 0.4), "incident")


def _shade(
    axis: Axes,
    clock: Clock,
    spans: Sequence[tuple[float, float]],
    colour: str,
    look: tuple[float, float, float],
    label: str | None = None,
) -> None:
    """Shade spans of time; `look` is where the shade starts and how high it is, in axes, and its alpha."""
    if not spans:
        return
    bottom, height, alpha = look
    edges = clock(np.array(spans))
    axis.broken_barh(
        [(start, end - start) for start, end in edges.tolist()],
        (bottom, height),
        transform=axis.get_xaxis_transform(),
        facecolor=(colour, alpha),
        edgecolor=(colour, alpha),
        linewidth=1.0,  # keeps a span visible that is narrower than a pixel
        zorder=0,
        label=label,
    )
