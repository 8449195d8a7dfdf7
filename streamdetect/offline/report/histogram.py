"""The distribution of a sensor's errors, interactive."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from streamdetect.offline.plots.drawing import KNOWN, LIMIT, MARK, error_label, histogram_edges
from streamdetect.offline.report.traces import GRID, LAYOUT, column, line

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from streamdetect.offline.backtest.results import SensorResult
    from streamdetect.offline.report.traces import Figure


def histogram(result: SensorResult, metric: str) -> Figure:
    """Draw the distribution of errors, those up to and above their threshold, and the threshold's range."""
    windows = result.windows
    errors, limits = result.errors[windows], result.thresholds[windows]
    edges, wide = histogram_edges(errors)
    above = errors > limits
    data, most = [], 1.0
    for part, colour, name in (
        (errors[~above], KNOWN, "up to the threshold"),
        (errors[above], MARK, "above the threshold"),
    ):
        if not len(part):
            continue
        counts = np.histogram(np.clip(part, edges[0], edges[-1]), edges)[0].astype(np.float64)
        most = max(most, counts.max())
        data.append(_steps(edges, counts, name, colour))
    known = limits[np.isfinite(limits)]
    layout: Figure = {
        "height": 300,
        "margin": {"l": 60, "r": 15, "t": 64, "b": 50},
        **LAYOUT,
        "xaxis": {
            "type": "log" if wide else "linear",
            "title": {"text": error_label(metric)},
            "gridcolor": GRID,
            "hoverformat": ".4~g",
        },
        "yaxis": {
            "type": "log",
            "range": [np.log10(0.7), np.log10(most * 1.5)],
            "title": {"text": "windows"},
            "gridcolor": GRID,
            "dtick": 1,
        },
    }
    if len(known):
        low, middle, high = float(known.min()), float(np.median(known)), float(known.max())
        name = f"threshold {middle:.4g}" + (f", between {low:.4g} and {high:.4g}" if high > low else "")
        median = line(column(np.array([middle] * 2)), column(np.array([0.1, most * 9])), "y", name, LIMIT, "")
        data.append(
            median | {"hoverinfo": "skip", "hovertemplate": None, "line": {"color": LIMIT, "dash": "dash"}}
        )
        band = {"type": "rect", "xref": "x", "yref": "paper", "x0": low, "x1": high, "y0": 0, "y1": 1}
        layout["shapes"] = [band | {"fillcolor": f"{LIMIT}1f", "line": {"width": 0}, "layer": "below"}]
    return {"data": data, "layout": layout}


def _steps(edges: NDArray[np.float64], counts: NDArray[np.float64], name: str, colour: str) -> Figure:
    """Return a histogram as a filled outline, which a logarithmic axis can show as well."""
    shown = np.where(counts > 0, counts, 0.1)  # below the axis: there is no 0 on a logarithmic one
    return {
        "type": "scatter",
        "mode": "lines",
        "x": column(edges),
        "y": column(np.append(shown, 0.1)),
        "customdata": column(np.append(counts, 0.0), "f4"),
        "hovertemplate": "%{customdata:,d}",
        "name": name,
        "line": {"shape": "hv", "color": colour, "width": 1},
        "fill": "tozeroy",
        "fillcolor": f"{colour}99",
    }
