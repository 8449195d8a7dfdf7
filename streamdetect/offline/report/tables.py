"""The tables of the report. Whatever comes from data is escaped here."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streamdetect.offline.backtest.evaluation import covered, events, runs
from streamdetect.offline.backtest.summary import columns, with_total
from streamdetect.offline.plots.drawing import Clock, moment
from streamdetect.offline.report.traces import axis_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from streamdetect.offline.backtest.results import SensorResult
    from streamdetect.offline.backtest.summary import Summary

_AROUND = 3.0  # windows shown on either side of an incident


class _Event(NamedTuple):
    """A row that leads to its place in a chart."""

    id: str
    chart: int
    start: float  # Unix seconds
    end: float
    cells: Sequence[str]


def summary(summaries: Sequence[Summary]) -> str:
    """A row a sensor that leads to its chart, and one for all."""
    table = columns(with_total(summaries))
    rows = []
    for place, cells in enumerate(zip(*table.values(), strict=True), 1):
        name = escape(cells[0])
        total = place > len(summaries)
        first = name if total else f'<a href="#sensor-{place}">{name}</a>'
        attribute = ' class="total"' if total else ""
        rows.append(f'<tr{attribute}><th scope="row">{first}</th>{_cells(cells[1:])}</tr>')
    return _table("Sensors", list(table), rows)


def incidents(results: Sequence[SensorResult]) -> str:
    """A row an incident, in the order of the sensors."""
    labelled = any(result.recording.labels is not None for result in results)
    head = [
        "sensor",
        "incident",
        "started",
        "lasted",
        "windows",
        "severity",
        "peak error",
        "peak score",
        "end",
    ]
    rows = [
        _event_row(event, results[event.chart - 1])
        for chart, result in enumerate(results, 1)
        for event in _incidents_of(result, chart, labelled=labelled)
    ]
    return _table("Incidents", head + ["known"] * labelled, rows)


def missed(results: Sequence[SensorResult]) -> str:
    """A row a known anomaly that no incident found; nothing if there are none."""
    rows = []
    for chart, result in enumerate(results, 1):
        recording = result.recording
        if recording.labels is None:
            continue
        found = covered(result)
        for number, (first, end) in enumerate(runs(recording.labels), 1):
            if events(found, [(first, end)]).fn:
                start, last = float(recording.times[first]), float(recording.times[end - 1])
                cells = [moment(start), duration(last - start), f"{end - first:,}"]
                event = _Event(f"missed-{chart}-{number}", chart, start, last, cells)
                rows.append(_event_row(event, result))
    return (
        _table("Known anomalies that were missed", ["sensor", "from", "for", "readings"], rows)
        if rows
        else ""
    )


def facts(groups: Mapping[str, Mapping[str, str]]) -> str:
    """Groups of settings, each a list of names and values."""
    parts = []
    for title, pairs in groups.items():
        lines = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in pairs.items())
        parts.append(f"<section><h3>{escape(title)}</h3><dl>{lines}</dl></section>")
    return "\n".join(parts)


def duration(seconds: float) -> str:
    """A length of time as two units at most: 45 s, 12 min 5 s, 3 h 20 min, 2 d 4 h."""
    for large, unit, small, part in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= large:
            whole, rest = divmod(round(seconds / small), large // small)
            return f"{whole} {unit}" + (f" {rest} {part}" if rest else "")
    return f"{seconds:.3g} s"


def _incidents_of(result: SensorResult, chart: int, *, labelled: bool) -> Iterable[_Event]:
    labels = result.recording.labels
    known = [] if labels is None else runs(labels)
    spans = covered(result) if labels is not None else [(0, 0)] * len(result.incidents)
    for number, (incident, span) in enumerate(zip(result.incidents, spans, strict=True), 1):
        last = incident.latest
        cells = [
            f"{number}",
            moment(incident.started),
            duration(incident.ended - incident.started),
            f"{last.windows:,}",
            last.severity,
            f"{last.peak_error:.4g}",
            f"{last.peak_score:.2f}",
            last.reason.replace("_", " ") if incident.closed else "still open",
        ]
        if labelled:
            cells.append("-" if labels is None else "found" if events([span], known).tp else "false alarm")
        yield _Event(f"incident-{chart}-{number}", chart, incident.started, incident.ended, cells)


def _event_row(event: _Event, result: SensorResult) -> str:
    name = f'<a href="#{event.id}">{escape(result.recording.name)}</a>'
    times = result.recording.times
    step = float(np.median(np.diff(times))) if len(times) > 1 else 1.0
    around = _AROUND * (result.time_steps * abs(step) + event.end - event.start)
    clock = Clock(times)
    start, end = axis_time(clock, np.array([event.start - around, event.end + around])).tolist()
    place = f'id="{event.id}" data-chart="chart-{event.chart}" data-from="{start!r}" data-to="{end!r}"'
    return f'<tr {place}><th scope="row">{name}</th>{_cells(event.cells)}</tr>'


def _cells(cells: Iterable[str]) -> str:
    return "".join(f"<td>{escape(cell)}</td>" for cell in cells)


def _table(caption: str, head: Sequence[str], rows: Sequence[str]) -> str:
    names = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    body = "\n".join(rows) or f'<tr><td colspan="{len(head)}">none</td></tr>'
    return (
        f'<div class="table"><table><caption>{escape(caption)}</caption>'
        f"<thead><tr>{names}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>"
    )
