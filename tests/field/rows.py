"""Ways of sending readings that people really use: a configuration, what is published, what is expected.

`NOW` stands for Unix seconds of today; a time in what is expected is `NOW` plus or minus some.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

NOW = int(time.time()) - 60


class Row(NamedTuple):
    """One way of sending readings."""

    name: str
    detectors: str
    """YAML of the list of detectors; or of a whole configuration if it has `detectors:` in it."""
    published: list[tuple[str, Any]]
    """Topics and payloads: bytes, text, or what is written as JSON."""
    readings: list[tuple[Any, ...]]
    """Sensor, value, and the time where the payload has one."""
    rejected: dict[str, int] = {}  # noqa: RUF012 - never changed
    """Messages and parts of messages, by reason."""
    ignored: int = 0
    """Messages."""


def local(zone: str) -> str:
    """NOW on a clock of that zone."""
    return datetime.fromtimestamp(NOW, ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M:%S")


def iso(seconds: float = 0) -> str:
    """NOW and some seconds in UTC."""
    return datetime.fromtimestamp(NOW + seconds, UTC).isoformat().replace("+00:00", "Z")


SILENT = [
    Row(
        "1 each detector takes or leaves a message by itself",
        "[{name: t, topics: [z/+], payload: {value: temperature}},"
        " {name: h, topics: [z/+], payload: {value: humidity}}]",
        [("z/b", {"humidity": 41})],
        [("z/b", 41.0)],
    ),
    Row(
        "2 overlapping filters of one detector",
        "[{topics: [home/#, home/kitchen/+]}]",
        [("home/kitchen/t", {"value": 21.5})],
        [("home/kitchen/t", 21.5)],
    ),
    Row(
        "2 overlapping filters of two detectors",
        "[{name: a, topics: [house/#]}, {name: b, topics: [house/kitchen/+]}]",
        [("house/kitchen/t", {"value": 21.5})],
        [("house/kitchen/t", 21.5), ("house/kitchen/t", 21.5)],
    ),
    Row(
        "4 two ids on one topic",
        "[{topics: [rtl_433/+/events], sensor: '{model}/{id}', payload: {value: temperature_C}}]",
        [
            ("rtl_433/pi/events", {"model": "Acurite", "id": 196, "temperature_C": 13.1}),
            ("rtl_433/pi/events", {"model": "Acurite", "id": 5, "temperature_C": -16.2}),
        ],
        [("Acurite/196", 13.1), ("Acurite/5", -16.2)],
    ),
    Row(
        "5 a list of id and value",
        "[{topics: [opc/+], sensor: '{id}', payload: {each: values, value: v, time: t}}]",
        [
            ("opc/1", {"values": [{"id": "T1", "v": 1121, "t": NOW}, {"id": "T2", "v": 7, "t": NOW}]}),
            ("opc/1", {"values": [{"id": "T2", "v": 8, "t": NOW + 1}]}),
        ],
        [("T1", 1121.0, NOW), ("T2", 7.0, NOW), ("T2", 8.0, NOW + 1)],
    ),
    Row(
        "6 a bad value beside a good one",
        "[{topics: [b/+], payload: {values: {temp: temp, hum: hum}, fields: per_sensor}}]",
        [
            ("b/1", {"temp": "nan", "hum": 41.0}),
            ("b/1", {"temp": "unavailable", "hum": 42.0}),
            ("b/1", {"temp": "ON", "hum": 43.0}),
        ],
        [("b/1.hum", 41.0), ("b/1.hum", 42.0), ("b/1.hum", 43.0)],
        {"nonfinite": 1, "type": 2},
    ),
    Row(
        "7 a list with a null in it",
        "[{topics: [l/+], payload: {value: v, time: ts}}]",
        [("l/1", [{"v": 1, "ts": NOW}, {"v": None, "ts": NOW + 1}, {"v": 3, "ts": NOW + 2}])],
        [("l/1", 1.0, NOW), ("l/1", 3.0, NOW + 2)],
        {"type": 1},
    ),
    Row(
        "7 line protocol with a line without the field",
        "[{topics: [lp/+], payload: {format: influx, value: v, time_format: s}}]",
        [("lp/1", f"m v=1 {NOW}\nm other=2 {NOW + 1}\nm v=3 {NOW + 2}")],
        [("lp/1", 1.0, NOW), ("lp/1", 3.0, NOW + 2)],
    ),
    Row(
        "8 a list newest first",
        "[{topics: [n/+], payload: {value: v, time: ts}}]",
        [("n/1", [{"v": 3, "ts": NOW - 1}, {"v": 2, "ts": NOW - 2}, {"v": 1, "ts": NOW - 3}])],
        [("n/1", 1.0, NOW - 3), ("n/1", 2.0, NOW - 2), ("n/1", 3.0, NOW - 1)],
    ),
    Row(
        "9 seconds read as milliseconds",
        "[{topics: [u/+], payload: {value: v, time: ts, time_format: ms}}]",
        [("u/1", {"v": 1, "ts": NOW})],
        [],
        {"time": 1},
    ),
    Row(
        "10 a payload over the limit",
        "[{topics: [big/+]}]",
        [("big/1", json.dumps({"value": 1, "x": "y" * 200_000})), ("big/1", {"value": 2})],
        [("big/1", 2.0)],
        {"size": 1},
    ),
]

ROWS = [*SILENT]
