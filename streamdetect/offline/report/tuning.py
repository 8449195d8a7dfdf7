"""The report of a tuning: the false alarms and the found faults of each sensitivity."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

from streamdetect.offline.plots.drawing import KNOWN, LIMIT, LINE, MARK
from streamdetect.offline.report.page import Page, chart, note, write_page
from streamdetect.offline.report.tables import cells_of, table
from streamdetect.offline.report.traces import GRID, LAYOUT, column, line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from streamdetect.offline.report.traces import Figure, Floats
    from streamdetect.offline.tuning import Part, Tuning

_HEAD = ("sensitivity", "false a week", "false a week, held out", "found", "found, held out")
_PARTS = (
    "Each sensitivity is tried on the whole recording. The latest part of the time is held out: nothing is "
    "chosen on it. Nothing in the first tenth counts, because the sensors are still being learnt."
)
_UNLABELLED = "Without labels every incident counts as false."


def write_tuning(
    path: Path,
    tuning: Tuning,
    most: float,
    settings: Mapping[str, Mapping[str, str]],
    *,
    title: str,
    result: str,
) -> int:
    """Write the report of a tuning, making its folder.

    Args:
        path: Of the HTML file.
        tuning: The tuning.
        most: False alarms a week that were allowed.
        settings: Names and values to show, by group.
        title: Of the page.
        result: The choice and its results, as text.

    Returns:
        Its size in bytes.

    Raises:
        StreamdetectError: plotly is not installed.
        OSError: It cannot be written.
    """
    labels = "" if tuning.labelled else _UNLABELLED
    parts = [_curve(tuning), note(f"{_PARTS} {labels}".strip())]
    drawn = chart("chart-1", _figure(tuning, most), "chart")
    section = f"<section>\n<h2>False alarms by sensitivity</h2>\n{drawn}\n</section>"
    return write_page(path, Page(title, result, "\n".join(parts), settings, section))


def _curve(tuning: Tuning) -> str:
    rows = []
    for point in tuning.points:
        is_chosen = point is tuning.chosen
        name = f"{point.sensitivity:.3g}" + (" (chosen)" if is_chosen else "")
        cells = [f"{point.chosen_on.false_per_week:.2f}", f"{point.held_out.false_per_week:.2f}"]
        cells += [_found(tuning, part) for part in (point.chosen_on, point.held_out)]
        mark = ' class="shown"' if is_chosen else ""
        rows.append(f'<tr{mark}><th scope="row">{escape(name)}</th>{cells_of(cells, _HEAD[1:])}</tr>')
    return table("Sensitivities", _HEAD, rows)


def _found(tuning: Tuning, part: Part) -> str:
    return f"{part.found} of {part.faults}" if tuning.labelled else "-"


def _figure(tuning: Tuning, most: float) -> Figure:
    steps = np.array([point.sensitivity for point in tuning.points])
    rates = [
        ("false alarms, where it was chosen", LINE, [point.chosen_on for point in tuning.points]),
        ("false alarms, held out", LIMIT, [point.held_out for point in tuning.points]),
    ]
    data = [
        _line(steps, [part.false_per_week for part in parts], "y", name, colour)
        for name, colour, parts in rates
    ]
    layout: Figure = {
        "height": 460,
        "margin": {"l": 60, "r": 60, "t": 64, "b": 50},
        **LAYOUT,
        "xaxis": {
            "type": "log",
            "title": {"text": "sensitivity"},
            "gridcolor": GRID,
            "hoverformat": ".3~g",
            "tickvals": steps[::2].tolist(),
            "tickformat": ".3~g",
        },
        "yaxis": {
            "title": {"text": "false alarms a week, all sensors"},
            "gridcolor": GRID,
            "rangemode": "tozero",
        },
        "shapes": [_across("y", most), *([_across("x", tuning.chosen.sensitivity)] if tuning.chosen else [])],
    }
    if any(point.held_out.faults for point in tuning.points):
        shares = [point.held_out.found / max(point.held_out.faults, 1) for point in tuning.points]
        data.append(_line(steps, shares, "y2", "faults found, held out", KNOWN))
        right = {"overlaying": "y", "side": "right", "range": [0, 1.02], "dtick": 0.25, "showgrid": False}
        layout["yaxis2"] = right | {"title": {"text": "share of the held-out faults found"}}
    return {"data": data, "layout": layout}


def _line(steps: Floats, values: Sequence[float], axis: str, name: str, colour: str) -> Figure:
    made = line(column(steps), column(np.array(values)), axis, name, colour, "%{y:.2f}", width=2.0)
    return made | {"mode": "lines+markers"}


def _across(axis: str, at: float) -> Figure:
    """Make a line from one side to the other: the limit, or the choice."""
    along = "x" if axis == "y" else "y"
    ends = {f"{axis}0": at, f"{axis}1": at, f"{along}0": 0, f"{along}1": 1, f"{along}ref": "paper"}
    dash = "solid" if axis == "y" else "dot"
    return {"type": "line", f"{axis}ref": axis, "line": {"color": MARK, "width": 1, "dash": dash}} | ends
