"""A sensor's interactive chart: its features over its error and threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streamdetect.offline.backtest.evaluation import runs
from streamdetect.offline.plots.drawing import KNOWN, LIMIT, LINE, SHADE, Clock, error_label, gaps, log_from
from streamdetect.offline.plots.sensors import most_to_blame, worst_features
from streamdetect.offline.report.points import kept
from streamdetect.offline.report.traces import (
    GRID,
    LAYOUT,
    axis_name,
    axis_time,
    band,
    column,
    dots,
    line,
    literal,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from streamdetect.offline.backtest.results import SensorResult
    from streamdetect.offline.report.traces import Figure

_PANEL, _ERROR_PANEL, _AROUND = 190, 220, 130  # pixels
_GAP = 0.03  # of the height, between panels


class Chart(NamedTuple):
    """A sensor's chart, and the share of the recording in it."""

    figure: Figure
    drawn: int
    readings: int


def series(result: SensorResult, metric: str) -> Chart:
    """Draw a sensor's features over its error and threshold, incidents and known anomalies shaded."""
    recording = result.recording
    features = worst_features(result)
    rows = kept(result, features)
    clock = Clock(recording.times)
    data = [
        *_readings(result, features, rows, clock),
        *_errors(result, rows, clock, axis_name(len(features) + 1)),
        *_bands(result, clock, axis_name(len(features) + 2)),
    ]
    layout = _layout(clock, [recording.features[feature] for feature in features], metric)
    lowest = log_from(result.errors)
    if lowest is not None:
        top = np.log10(np.nanmax(np.append(result.errors, result.thresholds[result.windows])))
        layout[f"yaxis{len(features) + 1}"] |= {"type": "log", "range": [np.log10(lowest), top + 0.1]}
    return Chart({"data": data, "layout": layout}, len(rows), len(recording))


def _readings(
    result: SensorResult, features: Sequence[int], rows: NDArray[np.intp], clock: Clock
) -> list[Figure]:
    recording = result.recording
    after = np.searchsorted(rows, gaps(recording.times))
    times = axis_time(clock, recording.times[rows])
    x = column(np.insert(times, after, times[after]))
    blamed = most_to_blame(result)
    traces: list[Figure] = []
    for place, feature in enumerate(features, 1):
        y = np.insert(recording.values[rows, feature], after, np.nan)
        hit = result.index[result.anomalous & (blamed == feature)]
        name = literal(recording.features[feature])
        hover = "%{y:.6~g}"
        traces += [
            line(x, column(y), axis_name(place), name, LINE, hover, legend=False),
            dots(clock, recording.times[hit], recording.values[hit, feature], axis_name(place), legend=False),
        ]
    return traces


def _errors(result: SensorResult, rows: NDArray[np.intp], clock: Clock, axis: str) -> list[Figure]:
    windows = np.flatnonzero(result.windows & np.isin(result.index, rows))
    index = result.index[windows]
    after = np.searchsorted(index, gaps(result.recording.times))
    after = after[after < len(index)]
    times = axis_time(clock, result.times[windows])
    errors, limits = result.errors[windows], result.thresholds[windows]
    scores = result.scores[windows]
    x = column(np.insert(times, after, times[after]))
    errors, limits, scores = (np.insert(line, after, np.nan) for line in (errors, limits, scores))
    hover = "%{y:.4~g}"
    scored = column(scores, "f4")
    error = line(x, column(errors, "f4"), axis, "error", LINE, hover + ", score %{customdata:.3~g}")
    hit = result.windows & result.anomalous
    return [
        error | {"customdata": scored},
        line(x, column(limits, "f4"), axis, "threshold", LIMIT, hover, width=1.6),
        dots(clock, result.times[hit], result.errors[hit], axis),
    ]


def _bands(result: SensorResult, clock: Clock, axis: str) -> list[Figure]:
    recording = result.recording
    bands = [band([(one.started, one.ended) for one in result.incidents], clock, axis, "incident", SHADE, 0)]
    if recording.labels is not None:
        spans = [(recording.times[a], recording.times[b - 1]) for a, b in runs(recording.labels)]
        bands.append(band(spans, clock, axis, "known anomaly", KNOWN, 0.96))
    return [band for band in bands if band["showlegend"]]


def _layout(clock: Clock, features: Sequence[str], metric: str) -> Figure:
    heights = [_PANEL] * len(features) + [_ERROR_PANEL]
    names = [literal(name) for name in features] + [error_label(metric)]
    bottoms = 1 - np.cumsum(heights) / sum(heights)
    layout: Figure = {
        "height": sum(heights) + _AROUND,
        "margin": {"l": 70, "r": 15, "t": 64, "b": 50},
        **LAYOUT,
        "hoversubplots": "axis",
        "hoverlabel": {"namelength": 40},
        "xaxis": {
            "type": "date" if clock.real else "linear",
            "anchor": axis_name(len(names)),
            "title": {"text": "time in UTC" if clock.real else f"time since the start ({clock.name})"},
            "gridcolor": GRID,
            "zeroline": False,
        },
    }
    if clock.real:
        layout["xaxis"]["hoverformat"] = "%Y-%m-%d %H:%M:%S"
    for place, (name, bottom, height) in enumerate(zip(names, bottoms, heights, strict=True), 1):
        layout[f"yaxis{place if place > 1 else ''}"] = {
            "domain": [max(float(bottom), 0.0), float(bottom + height / sum(heights)) - _GAP * (place > 1)],
            "title": {"text": name},
            "gridcolor": GRID,
            "zeroline": False,
        }
    layout[f"yaxis{len(names) + 1}"] = {
        "domain": [0, 1],
        "range": [0, 1],
        "fixedrange": True,
        "visible": False,
    }
    return layout
