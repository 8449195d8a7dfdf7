"""The tables of the report. All text from data is escaped here."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streamdetect.offline.backtest.evaluation import meeting
from streamdetect.offline.backtest.summary import columns, duration, with_total
from streamdetect.offline.plots.drawing import Clock, moment
from streamdetect.offline.report.traces import axis_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from streamdetect.offline.backtest.faults import Fate
    from streamdetect.offline.backtest.results import SensorResult
    from streamdetect.offline.backtest.summary import Summary

_AROUND = 3.0  # windows shown on either side of an incident
_INCIDENT_HEAD = (
    *("sensor", "incident", "started", "lasted", "anomalous"),
    *("severity", "peak error", "peak score", "end"),
)
_FAULT_HEAD = ("sensor", "from", "for", "outcome", "found after", "cover")


class _Event(NamedTuple):
    """A row that links to its place in a chart."""

    id: str
    chart: int
    start: float  # Unix seconds
    end: float
    cells: Sequence[str]


def summary(summaries: Sequence[Summary]) -> str:
    """Make a row for each sensor, with a link to its chart, and one for all."""
    shown = columns(with_total(summaries))
    rows = []
    for place, cells in enumerate(zip(*shown.values(), strict=True), 1):
        name = escape(cells[0])
        total = place > len(summaries)
        first = name if total else f'<a href="#sensor-{place}">{name}</a>'
        attribute = ' class="total"' if total else ""
        rows.append(f'<tr{attribute}><th scope="row">{first}</th>{cells_of(cells[1:], list(shown)[1:])}</tr>')
    return table("Sensors", list(shown), rows)


def incidents(results: Sequence[SensorResult]) -> str:
    """Make a row for each incident, in the order of the sensors."""
    labelled = any(result.recording.labels is not None for result in results)
    head = [*_INCIDENT_HEAD, *["known"] * labelled]
    rows = [
        _event_row(event, results[event.chart - 1], head)
        for chart, result in enumerate(results, 1)
        for event in _incidents_of(result, chart, labelled=labelled)
    ]
    return table("Incidents", head, rows)


def faults(results: Sequence[SensorResult]) -> str:
    """Make a row for each known fault and its outcome; nothing if there are none."""
    rows = []
    for chart, result in enumerate(results, 1):
        for number, fate in enumerate(meeting(result).fates, 1):
            start, end = fate.fault
            cells = [moment(start), duration(end - start), *_fate(fate)]
            rows.append(
                _event_row(_Event(f"fault-{chart}-{number}", chart, start, end, cells), result, _FAULT_HEAD)
            )
    return table("Known faults", _FAULT_HEAD, rows) if rows else ""


def _fate(fate: Fate) -> list[str]:
    outcome = "found" if fate.found else "late: only after it had ended" if fate.late else "missed"
    cover = "-" if np.isnan(fate.cover) else f"{fate.cover:.2f}"
    return [outcome, duration(fate.delay) if fate.found else "-", cover]


def facts(groups: Mapping[str, Mapping[str, str]]) -> str:
    """Write groups of settings, each a list of names and values."""
    parts = []
    for title, pairs in groups.items():
        lines = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in pairs.items())
        parts.append(f"<section><h3>{escape(title)}</h3><dl>{lines}</dl></section>")
    return "\n".join(parts)


def _incidents_of(result: SensorResult, chart: int, *, labelled: bool) -> Iterable[_Event]:
    labels = result.recording.labels
    false = meeting(result).false
    for number, incident in enumerate(result.incidents, 1):
        last = incident.latest
        cells = [
            f"{number}",
            moment(incident.started),
            duration(incident.ended - incident.started),
            f"{last.windows:,}",
            last.severity,
            "-" if np.isnan(last.peak_error) else f"{last.peak_error:.4g}",
            f"{last.peak_score:.2f}",
            last.reason.replace("_", " ") if incident.closed else "still open",
        ]
        if labelled:
            cells.append("-" if labels is None else "false alarm" if number - 1 in false else "a known fault")
        yield _Event(f"incident-{chart}-{number}", chart, incident.started, incident.ended, cells)


def _event_row(event: _Event, result: SensorResult, head: Sequence[str]) -> str:
    name = f'<a href="#{event.id}">{escape(result.recording.name)}</a>'
    times = result.recording.times
    step = float(np.median(np.diff(times))) if len(times) > 1 else 1.0
    around = _AROUND * (result.time_steps * abs(step) + event.end - event.start)
    clock = Clock(times)
    start, end = axis_time(clock, np.array([event.start - around, event.end + around])).tolist()
    place = f'id="{event.id}" data-chart="chart-{event.chart}" data-from="{start!r}" data-to="{end!r}"'
    return f'<tr {place}><th scope="row">{name}</th>{cells_of(event.cells, head[1:])}</tr>'


def cells_of(cells: Iterable[str], head: Iterable[str]) -> str:
    """Return cells with the names of their columns, which a narrow screen shows beside them."""
    return "".join(
        f'<td data-name="{escape(name)}">{escape(cell)}</td>' for cell, name in zip(cells, head, strict=True)
    )


def table(caption: str, head: Sequence[str], rows: Sequence[str]) -> str:
    """Make a table of rows that are HTML; the caption and the head are text."""
    names = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    body = "\n".join(rows) or f'<tr><td colspan="{len(head)}">none</td></tr>'
    return (
        f'<div class="table"><table><caption>{escape(caption)}</caption>'
        f"<thead><tr>{names}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>"
    )
