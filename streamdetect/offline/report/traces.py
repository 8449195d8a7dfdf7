"""The parts of a chart as plotly.js takes them: dictionaries, and numbers as base64 columns."""

from __future__ import annotations

import base64
import html
from typing import TYPE_CHECKING, Any

import numpy as np

from streamdetect.offline.plots.drawing import MARK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from streamdetect.offline.plots.drawing import Clock

    Floats = NDArray[np.float64]

Figure = dict[str, Any]

FONT = {"family": "system-ui, sans-serif", "size": 12, "color": "#222"}
GRID = "#e6e6e6"
LAYOUT: Figure = {
    "font": FONT,
    "hovermode": "x unified",
    "plot_bgcolor": "rgba(0, 0, 0, 0)",  # the bands' own panel lies over the others
    "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
}
"""The layout of all charts."""


def column(values: Floats, dtype: str = "f8") -> dict[str, str]:
    """Return numbers as plotly.js reads them: 4 or 8 bytes each, and a NaN breaks the line."""
    return {"dtype": dtype, "bdata": base64.b64encode(values.astype(f"<{dtype}").tobytes()).decode()}


def literal(text: str) -> str:
    """Return text that plotly.js shows as it is: it reads a few tags and entities of HTML."""
    return html.escape(text, quote=False)


def axis_name(place: int) -> str:
    """Name the value axis of the panel at this place, 1 = the uppermost: y, y2, y3, …."""
    return "y" if place == 1 else f"y{place}"


def axis_time(clock: Clock, times: Floats | float) -> Floats:
    """Turn Unix seconds into the unit of the chart's time axis: milliseconds, or the time elapsed."""
    return np.asarray(times, np.float64) * 1000 if clock.real else clock(times)


def line(
    x: Figure,
    y: Figure,
    axis: str,
    name: str,
    colour: str,
    hover: str,
    *,
    width: float = 1.0,
    legend: bool = True,
) -> Figure:
    """Make a line; `hover` is plotly's template of the text at a point."""
    return {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": y,
        "yaxis": axis,
        "name": name,
        "line": {"color": colour, "width": width},
        "hovertemplate": hover,
        "showlegend": legend,
    }


def dots(clock: Clock, times: Floats, values: Floats, axis: str, *, legend: bool = True) -> Figure:
    """Make marks on anomalous points."""
    return {
        "type": "scatter",
        "mode": "markers",
        "x": column(axis_time(clock, times)),
        "y": column(values),
        "yaxis": axis,
        "name": "anomalous",
        "legendgroup": "anomalous",
        "marker": {"color": MARK, "size": 5},
        "hoverinfo": "skip",  # the lines below say it
        "showlegend": legend and bool(len(times)),
    }


def band(
    spans: Sequence[tuple[float, float]], clock: Clock, axis: str, name: str, colour: str, bottom: float
) -> Figure:
    """Make all spans one outline: thousands of them cost no more than one."""
    edges = axis_time(clock, np.array(spans, np.float64).reshape(-1, 2))
    start, end = edges.T
    x = np.stack([start, start, end, end, np.full(len(edges), np.nan)], axis=1).ravel()
    y = np.tile([bottom, 1.0, 1.0, bottom, np.nan], len(edges))
    return {
        "type": "scatter",
        "mode": "lines",
        "x": column(x),
        "y": column(y, "f4"),
        "yaxis": axis,
        "name": name,
        "fill": "toself",
        "fillcolor": f"{colour}{'59' if bottom == 0 else 'bf'}",
        "line": {"color": f"{colour}80", "width": 1},  # keeps a span visible that is narrower than a pixel
        "hoverinfo": "skip",
        "showlegend": bool(len(edges)),
    }
