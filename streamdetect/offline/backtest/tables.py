"""A backtest's verdicts and incidents as CSV."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np

from streamdetect.core.incidents import LEAST_THRESHOLD
from streamdetect.times import rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from streamdetect.core.incidents import Transition
    from streamdetect.offline.backtest.results import SensorResult

_INCIDENT_COLUMNS = (
    *("sensor", "incident", "opened", "started", "ended", "closed", "severity", "windows"),
    *("peak_time", "peak_error", "peak_score", "threshold", "reason"),
)


_LONGEST_NAME = 150  # characters; with what is added below the 255 bytes that file systems take
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # how a spreadsheet's formula begins


def file_name(sensor: str) -> str:
    """Give a file name for a sensor, without an extension; no id has a ~, nor a +."""
    name = sensor.replace("/", "~")
    if len(name) <= _LONGEST_NAME:
        return name
    return f"{name[: _LONGEST_NAME - 9]}~{crc32(sensor.encode()):08x}"


def neutral(text: str) -> str:
    """Give text that a spreadsheet takes for text, whoever chose it."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def write_verdicts(results: Sequence[SensorResult], path: Path, *, all_rows: bool = False) -> None:
    """Write a row a verdict, or with `all_rows` a row a reading: without a window, those cells are empty.

    `score` is error / threshold, above 1 is anomalous. `incident` counts a sensor's incidents from 1 and is
    set from the window that opened it to the one that closed it; `edge` says what changed there.
    """
    names = list(dict.fromkeys(name for result in results for name in result.recording.features))
    head = ["time", "sensor", *names, "error", "mean", "threshold", "score", "anomalous", "incident", "edge"]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(map(neutral, head))
        for result in results:
            places = [names.index(name) for name in result.recording.features]
            writer.writerows(_verdict_rows(result, places, len(names), all_rows=all_rows))


def write_incidents(results: Sequence[SensorResult], path: Path) -> None:
    """Write a row an incident."""
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
                        *(iso(last.peak_time), _show(last.peak_error), _show(last.peak_score)),
                        *(_show(incident.opened.threshold), last.reason),
                    ]
                )


def iso(time: float) -> str:
    """Unix seconds as RFC 3339 in UTC, to the microsecond where there are any."""
    return rfc3339(time, "auto")


def _verdict_rows(
    result: SensorResult, places: Sequence[int], width: int, *, all_rows: bool
) -> Iterator[list[str | int]]:
    recording = result.recording
    count = len(recording)
    window = np.full(count, -1)
    window[result.index] = np.arange(len(result.index))
    changes = _changes(result)
    incident, number, sensor = 0, 0, neutral(recording.sensor)
    times, values = recording.times.tolist(), recording.values.tolist()
    for at in range(count) if all_rows else result.index.tolist():
        cells: list[str | int] = [""] * width
        for place, value in zip(places, values[at], strict=True):
            cells[place] = "" if value != value else repr(value)  # noqa: PLR0124 - NaN
        edges: list[str] = []
        for transition in changes.get(times[at], ()) if window[at] >= 0 else ():
            edges.append(transition.kind)
            if transition.kind == "opened":
                number += 1
                incident = number
        verdict = _verdict(result, int(window[at])) if window[at] >= 0 else [""] * 5
        yield [iso(times[at]), sensor, *cells, *verdict, incident or "", " ".join(edges)]
        if "closed" in edges:
            incident = 0


def _changes(result: SensorResult) -> dict[float, list[Transition]]:
    """Transitions by the time of their window; a sensor has one window at a time."""
    changes: dict[float, list[Transition]] = {}
    for transition in result.transitions:
        changes.setdefault(transition.time, []).append(transition)
    return changes


def _verdict(result: SensorResult, at: int) -> list[str | int]:
    error, threshold = float(result.errors[at]), float(result.thresholds[at])
    score = error / max(threshold, LEAST_THRESHOLD)
    shown = [_show(number) for number in (error, float(result.means[at]), threshold, score)]
    return [*shown, int(result.anomalous[at])]


def _show(number: float) -> str:
    return "" if np.isnan(number) else f"{number:.9g}"
