"""Per-sensor gauges, written as text straight from a detector's columns.

A gauge of the Prometheus client costs about 700 B a series and 14 µs a series at every scrape; a column
costs nothing until it is read.
"""

from __future__ import annotations

from itertools import compress
from typing import TYPE_CHECKING

import numpy as np
import orjson

from streamdetect.core.rules import VIEWS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from streamdetect.core.verdicts import SensorColumns

_HELP = {
    "value": "Latest reading.",
    "reconstruction_error": "Reconstruction error of the latest window.",
    "error_drift": "Usual reconstruction error divided by that of the sensor's first week.",
    "threshold": "Limit of the latest reconstruction error.",
    "expected": "Value that is expected.",
    "lower": "Value below which the sensor is anomalous.",
    "upper": "Value above which the sensor is anomalous.",
    "anomaly_score": "Largest score of all views; above 1 is anomalous.",
    "view_score": "Score of each view; above 1 is anomalous.",
    "anomalous": "Whether the latest reading was anomalous.",
    "incident_open": "Whether the sensor has an incident that is open.",
    "incident_withheld": "Whether an incident is open and not told, because it comes back regularly.",
    "silent": "Whether the sensor has been silent for too long.",
    "muted": "Whether the sensor is muted, by somebody or by maintenance.",
    "warmup_readings": "Readings until the sensor is judged by its own past; 0: it is judged now.",
    "warmup_seconds": "Seconds until the sensor is judged by its own past, at the rate of its readings.",
    "last_reading_timestamp_seconds": "Time of the latest reading.",
}


def sensor_series(
    detectors: Mapping[str, tuple[SensorColumns, Sequence[str]]],
    max_sensors: int,
    muted: Callable[[str, str], bool] | None = None,
) -> tuple[str, dict[str, int]]:
    """Return the exposition text, and how many sensors of each detector it leaves out.

    Args:
        detectors: by name, the columns of S sensors and the names of their F features.
        max_sensors: sensors with series, in the order of their rows, of all detectors together.
        muted: tells whether a detector's sensor is muted; None = no sensor is.
    """
    blocks: dict[str, list[str]] = {name: [] for name in _HELP}
    left_out = {}
    room = max_sensors
    for detector, (columns, features) in detectors.items():
        count = min(room, len(columns.ids))
        room -= count
        left_out[detector] = len(columns.ids) - count
        labels = [f'{{detector="{detector}",sensor="{escaped(id_)}"' for id_ in columns.ids[:count]]
        for name, values, suffix in _gauges(columns, features):
            blocks[name] += _lines(name, labels, values[:count], suffix)
        silenced = [bool(muted and muted(detector, id_)) for id_ in columns.ids[:count]]
        blocks["muted"] += _lines("muted", labels, np.array(silenced, dtype=np.float64), "}")
    text = "".join(f"{_header(name)}{''.join(lines)}" for name, lines in blocks.items() if lines)
    return text, left_out


def escaped(value: str) -> str:
    """Return a label value as the exposition format wants it."""
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _header(name: str) -> str:
    full = f"streamdetect_sensor_{name}"
    return f"# HELP {full} {_HELP[name]}\n# TYPE {full} gauge\n"


def _gauges(
    columns: SensorColumns, features: Sequence[str]
) -> Iterator[tuple[str, NDArray[np.float64], str]]:
    """Yield (name, (S,) values, the rest of the labels)."""
    for at, feature in enumerate(features):
        suffix = f',feature="{escaped(feature)}"}}' if len(features) > 1 else "}"
        yield "value", columns.value[:, at], suffix
        yield "expected", columns.expected[:, at], suffix
        yield "lower", columns.lower[:, at], suffix
        yield "upper", columns.upper[:, at], suffix
    yield "reconstruction_error", columns.error, "}"
    yield "error_drift", columns.drift, "}"
    yield "threshold", columns.threshold, "}"
    yield "anomaly_score", columns.score, "}"
    for at, view in enumerate(VIEWS):
        yield "view_score", columns.views[:, at], f',view="{view}"}}'
    yield "anomalous", np.where(np.isnan(columns.score), np.nan, columns.anomalous), "}"
    yield "incident_open", columns.incident_open.astype(np.float64), "}"
    yield "incident_withheld", columns.withheld.astype(np.float64), "}"
    yield "silent", columns.silent.astype(np.float64), "}"
    to_go = columns.readings_to_go.astype(np.float64)
    yield "warmup_readings", to_go, "}"
    yield "warmup_seconds", np.where(columns.interval > 0, to_go * columns.interval, np.nan), "}"
    yield "last_reading_timestamp_seconds", columns.last_time, "}"


def _lines(name: str, labels: list[str], values: NDArray[np.float64], suffix: str) -> list[str]:
    """Write the values that are known; a value that is not known yet has no series."""
    head = f"streamdetect_sensor_{name}"
    if not np.isfinite(values).all():
        known = np.isfinite(values)
        labels, values = list(compress(labels, known.tolist())), values[known]
    if not labels:
        return []
    # orjson writes an array of floats ten times faster than Python writes them one by one.
    array = orjson.dumps(np.ascontiguousarray(values), option=orjson.OPT_SERIALIZE_NUMPY)
    numbers = array[1:-1].decode().split(",")
    return [f"{head}{label}{suffix} {number}\n" for label, number in zip(labels, numbers, strict=True)]
