"""A backtest's verdicts and incidents as CSV."""

from __future__ import annotations

import csv
from collections import deque
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np

from streamdetect.core.rules import VIEWS
from streamdetect.times import rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from streamdetect.core.transitions import Transition
    from streamdetect.offline.backtest.results import SensorResult

_INCIDENT_COLUMNS = (
    *("sensor", "incident", "opened", "started", "ended", "closed", "severity", "windows"),
    *("fault", "direction", "views", "peak_time", "peak_value", "peak_error", "peak_score"),
    *("expected", "lower", "upper", "reason"),
)


_LONGEST_NAME = 150  # characters; stays, with what is added, below the 255 bytes that file systems allow
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # how a spreadsheet's formula begins


def file_name(sensor: str) -> str:
    """Return a file name for a sensor, without an extension; no id has a ~, nor a +."""
    name = sensor.replace("/", "~")
    if len(name) <= _LONGEST_NAME:
        return name
    return f"{name[: _LONGEST_NAME - 9]}~{crc32(sensor.encode()):08x}"


def neutral(text: str) -> str:
    """Return text that a spreadsheet does not take for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def write_verdicts(results: Sequence[SensorResult], path: Path, *, all_rows: bool = False) -> None:
    """Write a row for each verdict, or for each reading with `all_rows`.

    The cells of a verdict are empty for a reading that was not accepted. `score` is the largest of all views
    (above 1 is anomalous), and `view` is the view that gave it. `incident` counts a sensor's incidents from
    1; it is set from the reading that opened the incident to the one that closed it. `edge` is the edge of
    the incident there.
    """
    names = list(dict.fromkeys(name for result in results for name in result.recording.features))
    head = ["time", "sensor", *names, "error", "mean", "threshold", "score", "view"]
    head += ["anomalous", "incident", "edge"]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(map(neutral, head))
        for result in results:
            places = [names.index(name) for name in result.recording.features]
            writer.writerows(_verdict_rows(result, places, len(names), all_rows=all_rows))


def write_incidents(results: Sequence[SensorResult], path: Path) -> None:
    """Write a row for each incident."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_INCIDENT_COLUMNS)
        for result in results:
            for number, incident in enumerate(result.incidents, 1):
                last = incident.latest
                times = incident.opened.time, incident.started, incident.ended
                writer.writerow(
                    [
                        *(neutral(result.recording.sensor), number, *map(iso, times)),
                        *(iso(last.time) if incident.closed else "", last.severity, last.windows),
                        *(last.fault, last.direction, " ".join(found_by(last))),
                        *(iso(last.peak_time), _show_all(last.peak_value)),
                        *(_show(last.peak_error), _show(last.peak_score)),
                        *map(_show_all, (incident.opened.expected, incident.opened.lower)),
                        *(_show_all(incident.opened.upper), last.reason),
                    ]
                )


def found_by(transition: Transition) -> list[str]:
    """Return the views that found an incident, the one with the largest score first."""
    over = {view: score for view, score in transition.views.items() if score >= 1.0}
    return sorted(over, key=lambda view: -over[view])


def iso(time: float) -> str:
    """Write Unix seconds as RFC 3339 in UTC, to the microsecond where there are any."""
    return rfc3339(time, "auto")


def _verdict_rows(
    result: SensorResult, places: Sequence[int], width: int, *, all_rows: bool
) -> Iterator[list[str | int]]:
    recording = result.recording
    count = len(recording)
    window = np.full(count, -1)
    window[result.index] = np.arange(len(result.index))
    changes = deque(result.transitions)
    incident, number, sensor = 0, 0, neutral(recording.sensor)
    times, values = recording.times.tolist(), recording.values.tolist()
    for at in range(count) if all_rows else result.index.tolist():
        cells: list[str | int] = [""] * width
        for place, value in zip(places, values[at], strict=True):
            cells[place] = "" if value != value else repr(value)  # noqa: PLR0124 - NaN
        edges: list[str] = []
        while changes and changes[0].time <= times[at] and window[at] >= 0:
            transition = changes.popleft()
            edges.append(transition.kind)
            if transition.kind == "opened":
                number += 1
                incident = number
        verdict = _verdict(result, int(window[at])) if window[at] >= 0 else [""] * 6
        yield [iso(times[at]), sensor, *cells, *verdict, incident or "", " ".join(edges)]
        if "closed" in edges:
            incident = 0


def _verdict(result: SensorResult, at: int) -> list[str | int]:
    columns = result.errors, result.means, result.thresholds, result.scores
    shown = [_show(float(column[at])) for column in columns]
    view = "" if np.isnan(result.scores[at]) else VIEWS[result.views[at]]
    return [*shown, view, int(result.anomalous[at])]


def _show_all(numbers: Sequence[float]) -> str:
    return " ".join(_show(number) or "-" for number in numbers)


def _show(number: float) -> str:
    return "" if np.isnan(number) else f"{number:.9g}"
