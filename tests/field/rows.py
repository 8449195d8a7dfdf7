"""Ways of sending readings that people really use: a configuration, what is published, what is expected.

`NOW` stands for Unix seconds of today; a time in what is expected is `NOW` plus or minus some.
"""

from __future__ import annotations

import base64
import gzip
import json
import struct
import time
import zlib
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import cbor2
import msgpack

NOW = int(time.time()) - 60
TEN = NOW // 10 * 10


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
        "2 filters that overlap in part",
        "[{topics: [part/+/t, part/kitchen/#]}]",
        [
            ("part/kitchen/t", {"value": 21.5}),
            ("part/attic/t", {"value": 1}),
            ("part/kitchen/h", {"value": 2}),
        ],
        [("part/kitchen/t", 21.5), ("part/attic/t", 1.0), ("part/kitchen/h", 2.0)],
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

OTHERS = [
    Row(
        "foreign messages under a wildcard",
        "[{topics: [ems/#], payload: {format: number}}]",
        [("ems/power", "12.5"), ("ems/status", "online"), ("ems/version", "1.2.3"), ("ems/info", {"a": 1})],
        [("ems/power", 12.5)],
        ignored=3,
    ),
    Row(
        "topics to leave alone",
        "[{topics: [any/#], ignore: [any/bridge/#, 'any/x*'], payload: {format: number}}]",
        [("any/bridge/n", "1"), ("any/x1", "2"), ("any/y", "3")],
        [("any/y", 3.0)],
        ignored=2,
    ),
    Row(
        "keys that are ids",
        "[{topics: [keys/+], sensor: '{topic}/{key}', payload: {each: $, value: $}}]",
        [("keys/1", {"T1": 21.5, "T2": "22.5", "unit": "C"})],
        [("keys/1/T1", 21.5), ("keys/1/T2", 22.5)],
        {"type": 1},
    ),
    Row(
        "keys that are ids of objects",
        "[{topics: [objects/+], sensor: '{key}', payload: {each: sensors, value: temp}}]",
        [("objects/1", {"sensors": {"a b": {"temp": 1}, "ü": {"temp": 2}, "c": {"hum": 3}}})],
        [("a%20b", 1.0), ("%C3%BC", 2.0)],
    ),
    Row(
        "tags in Telegraf's JSON",
        "[{topics: [tg/#], sensor: '{tags.cpu}', payload: {value: fields.usage}}]",
        [("tg/a", {"fields": {"usage": 1.5}, "tags": {"cpu": "cpu0"}})],
        [("cpu0", 1.5)],
    ),
    Row(
        "line protocol with several series",
        "[{topics: [series/#], sensor: '{series}', payload: {format: influx, value: v, time_format: s}}]",
        [("series/a", f"m,cpu=a v=1 {NOW}\nm,cpu=b v=2 {NOW}")],
        [("m%2Ccpu%3Da", 1.0, NOW), ("m%2Ccpu%3Db", 2.0, NOW)],
    ),
    Row(
        "odd topics",
        "[{topics: [odd/#]}]",
        [
            (f"odd/{name}/t", {"value": 1})
            for name in ("Living Room", "küche", "temperature:0", "a@b", "", "x/y")
        ],
        [
            ("odd/Living%20Room/t", 1.0),
            ("odd/k%C3%BCche/t", 1.0),
            ("odd/temperature%3A0/t", 1.0),
            ("odd/a%40b/t", 1.0),
            ("odd//t", 1.0),
            ("odd/x/y/t", 1.0),
        ],
    ),
    Row(
        "a name in part of a level",
        "[{topics: [shel/#], templates: ['shel/{dev}/status/temperature:{ch}'], sensor: '{dev}/{ch}',"
        " payload: {value: tC}}]",
        [("shel/dev1/status/temperature:0", {"tC": 21.5}), ("shel/dev1/status/sys", {"x": 1})],
        [("dev1/0", 21.5)],
        ignored=1,
    ),
    Row(
        "states as numbers",
        "[{topics: [state/+], payload: {value: state, map: {ON: 1, OFF: 0}}}]",
        [("state/a", {"state": "ON"}), ("state/a", {"state": "off"}), ("state/a", {"state": "TOGGLE"})],
        [("state/a", 1.0), ("state/a", 0.0)],
        {"type": 1},
    ),
    Row(
        "true and false",
        "[{topics: [bool/+], payload: {booleans: true}}]",
        [("bool/a", {"value": True}), ("bool/a", {"value": False})],
        [("bool/a", 1.0), ("bool/a", 0.0)],
    ),
    Row(
        "gzip and zlib",
        "[{topics: [zip/+]}]",
        [
            ("zip/a", gzip.compress(b'{"value": 1}')),
            ("zip/a", zlib.compress(b'{"value": 2}')),
            ("zip/a", gzip.compress(b'{"value": 3, "x": "' + b"y" * 100_000 + b'"}')),
            ("zip/a", gzip.compress(b'{"value": 4}')[:-4]),
        ],
        [("zip/a", 1.0), ("zip/a", 2.0)],
        {"size": 1, "decode": 1},
    ),
    Row(
        "units and decimal comma",
        "[{topics: [unit/+], payload: {value: v, units: any, decimal_comma: true}}]",
        [("unit/a", {"v": "20.6 ℃"}), ("unit/a", {"v": "21,5"}), ("unit/a", {"v": "1.234,5 W"})],
        [("unit/a", 20.6), ("unit/a", 21.5), ("unit/a", 1234.5)],
    ),
    Row(
        "a local time",
        "[{topics: [local/+], payload: {value: v, time: t, time_format: rfc3339, time_zone: Europe/Berlin}}]",
        [("local/a", {"v": 1, "t": local("Europe/Berlin")}), ("local/a", {"v": 2, "t": iso(1)})],
        [("local/a", 1.0, NOW), ("local/a", 2.0, NOW + 1)],
    ),
    Row(
        "no time, where the arrival will do",
        "[{topics: [notime/+], payload: {value: v, time: t, time_missing: arrival}}]",
        [("notime/a", {"v": 1, "t": NOW}), ("notime/a", {"v": 2, "t": "soon"})],
        [("notime/a", 1.0, NOW)],
        {"time": 1},
    ),
    Row(
        "a batch below a key, with a name beside it",
        "[{topics: [curve/+], sensor: '{curve}',"
        " payload: {each: data, time: timeStamp, time_format: rfc3339}}]",
        [
            (
                "curve/a",
                {
                    "curve": "Torque",
                    "data": [{"value": 0.2, "timeStamp": iso(1)}, {"value": 0.1, "timeStamp": iso()}],
                },
            )
        ],
        [("Torque", 0.1, NOW), ("Torque", 0.2, NOW + 1)],
    ),
    Row(
        "nested lists",
        "[{topics: [nested/+], sensor: '{id}', payload: {each: 'devices[*].readings', value: v, time: t}}]",
        [
            (
                "nested/a",
                {
                    "devices": [
                        {"id": "a", "readings": [{"v": 1, "t": NOW}, {"v": 2, "t": NOW + 1}]},
                        {"id": "b", "readings": [{"v": 3, "t": NOW}]},
                    ]
                },
            )
        ],
        [("a", 1.0, NOW), ("b", 3.0, NOW), ("a", 2.0, NOW + 1)],
    ),
    Row(
        "pairs of time and value",
        "[{topics: [pairs/+], payload: {value: '[1]', time: '[0]'}}]",
        [("pairs/a", [[NOW, 1.5], [NOW + 1, 2.5]]), ("pairs/a", [NOW + 2, 3.5])],
        [("pairs/a", 1.5, NOW), ("pairs/a", 2.5, NOW + 1), ("pairs/a", 3.5, NOW + 2)],
    ),
    Row(
        "times as keys",
        "[{topics: [times/+], payload: {each: series, value: $, time: $key, time_format: auto}}]",
        [("times/a", {"series": {str(NOW + 1): 2, str(NOW): 1}})],
        [("times/a", 1.0, NOW), ("times/a", 2.0, NOW + 1)],
    ),
    Row(
        "CBOR",
        "[{topics: [cbor/+], payload: {format: cbor, value: a.v, time: t, time_format: rfc3339}}]",
        [
            ("cbor/a", cbor2.dumps({"a": {"v": 1.5}, "t": datetime.fromtimestamp(NOW, UTC)})),
            ("cbor/a", b"\xff"),
        ],
        [("cbor/a", 1.5, NOW)],
        {"decode": 1},
    ),
    Row(
        "MessagePack",
        "[{topics: [mp/+], payload: {format: msgpack, value: v, time: t}}]",
        [("mp/a", msgpack.packb({"v": 1.5, "t": NOW})), ("mp/a", msgpack.packb({"v": 1})[:-1])],
        [("mp/a", 1.5, NOW)],
        {"decode": 1},
    ),
    Row(
        "NUL at the end, byte order mark",
        "[{topics: [nul/+]}]",
        [("nul/a", b'{"value": 1}\0'), ("nul/a", b'\xef\xbb\xbf{"value": 2}')],
        [("nul/a", 1.0), ("nul/a", 2.0)],
    ),
    Row(
        "raw bytes",
        "[{topics: [raw/+], payload: {format: bytes, type: float32-le}}]",
        [("raw/a", struct.pack("<f", 21.5)), ("raw/a", struct.pack("<d", 21.5))],
        [("raw/a", 21.5)],
        {"decode": 1},
    ),
    Row(
        "raw bytes in base64, several numbers",
        "[{topics: [raw64/+], payload: {format: bytes, encoding: base64, fields: per_sensor,"
        " values: {t: int16-be@0, h: uint8@2}}}]",
        [("raw64/a", base64.b64encode(struct.pack(">hB", -5, 40)))],
        [("raw64/a.t", -5.0), ("raw64/a.h", 40.0)],
    ),
    Row(
        "hex within JSON",
        "[{topics: [hex/+], payload: {value: data, type: int16-be, encoding: hex}}]",
        [("hex/a", {"data": "00d7"})],
        [("hex/a", 215.0)],
    ),
    Row(
        "a topic of AWS",
        "[{topics: ['$aws/things/+/shadow'], templates: ['$aws/things/{thing}/shadow'], sensor: '{thing}'}]",
        [("$aws/things/a/shadow", {"value": 1})],
        [("a", 1.0)],
    ),
    Row(
        "a number as text",
        "[{topics: [text/+]}]",
        [("text/a", {"value": "21.5"}), ("text/a", {"value": "warm"})],
        [("text/a", 21.5)],
        {"type": 1},
    ),
    Row(
        "a counter that is reset",
        "[{topics: [counter/+], difference: rate, payload: {value: wh, time: t}}]",
        [("counter/a", {"wh": wh, "t": NOW + at}) for at, wh in ((0, 100), (10, 150), (20, 5), (30, 25))],
        [("counter/a", 5.0, NOW + 10), ("counter/a", 2.0, NOW + 30)],
    ),
    Row(
        "on change only",
        "[{topics: [change/+], resample: 10s, payload: {value: v, time: t}}]",
        [("change/a", {"v": v, "t": TEN + at}) for at, v in ((0, 1), (12, 2), (35, 3))],
        [
            ("change/a", 1.0, TEN),
            ("change/a", 1.0, TEN + 10),
            ("change/a", 2.0, TEN + 20),
            ("change/a", 2.0, TEN + 30),
        ],
    ),
    Row(
        "a backlog out of order",
        "[{topics: [backlog/+], wait: 5s, payload: {value: v, time: t}}]",
        [("backlog/a", {"v": at, "t": NOW + at}) for at in (0, 2, 1, 10, 20)],
        [("backlog/a", float(at), NOW + at) for at in (0, 1, 2, 10)],
    ),
    Row(
        "equal stamps",
        "[{topics: [equal/+], equal_times: keep, payload: {value: v, time: t}}]",
        [("equal/a", {"v": v, "t": NOW}) for v in (1, 2)],
        [("equal/a", 1.0, NOW), ("equal/a", 2.0, NOW)],
    ),
]

FURTHER = [
    Row(
        "three detectors, three formats, one filter",
        "[{name: j, topics: [mix/#], payload: {value: t}},"
        " {name: n, topics: [mix/#], payload: {format: number}},"
        " {name: i, topics: [mix/#], payload: {format: influx, value: v, time_format: s}}]",
        [("mix/x", "12.5"), ("mix/y", {"t": 3}), ("mix/z", f"m v=7 {NOW}"), ("mix/s", "offline")],
        [("mix/y", 3.0), ("mix/x", 12.5), ("mix/z", 7.0, NOW)],
        ignored=1,
    ),
    Row(
        "foreign messages beside line protocol",
        "[{topics: [lines/#], payload: {format: influx, value: v, time_format: s}}]",
        [("lines/a", "online"), ("lines/b", {"a": 1}), ("lines/c", ""), ("lines/d", f"m v=1 {NOW}")],
        [("lines/d", 1.0, NOW)],
        ignored=3,
    ),
    Row(
        "bytes that are no text",
        "[{topics: [pic/#]}]",
        [("pic/a", b"\xff\xd8\xff\xe0"), ("pic/b", gzip.compress(gzip.compress(b'{"value": 1}')))],
        [],
        {"decode": 2},
    ),
    Row(
        "a sensor twice in a list without times",
        "[{topics: [twice/+], sensor: '{id}', payload: {each: $, value: v}}]",
        [("twice/x", [{"id": "A", "v": 1}, {"id": "A", "v": 2}, {"id": "B", "v": 3}])],
        [("B", 3.0)],
        {"time": 1},
    ),
    Row(
        "ids that are null, empty or not there",
        "[{topics: [ids/+], sensor: '{id}', payload: {each: $, value: v}}]",
        [("ids/x", [{"id": "", "v": 1}, {"id": None, "v": 2}, {"v": 3}, {"id": "ok", "v": 4}])],
        [("ok", 4.0)],
        {"topic": 1, "field": 2},
    ),
    Row(
        "columns",
        "[{topics: [cols/+], payload: {value: d.v, time: d.t, time_format: ms}}]",
        [("cols/a", {"d": {"t": [NOW * 1000 + 1000, NOW * 1000], "v": [2, 1]}})],
        [("cols/a", 1.0, NOW), ("cols/a", 2.0, NOW + 1)],
    ),
    Row(
        "columns with a bad cell, and of two lengths",
        "[{topics: [cells/+], payload: {values: {a: a, b: b}, fields: per_sensor, time: t}}]",
        [
            ("cells/x", {"t": [NOW, NOW + 1], "a": [1, "x"], "b": [3, 4]}),
            ("cells/x", {"t": [NOW + 2], "a": [5, 6], "b": [7]}),
        ],
        [("cells/x.a", 1.0, NOW), ("cells/x.b", 3.0, NOW), ("cells/x.b", 4.0, NOW + 1)],
        {"type": 2},
    ),
    Row(
        "channels below devices, with names and times around them",
        "[{topics: [gw/+], sensor: '{gw}/{dev}/{key}',"
        " payload: {each: 'devices[*].channels', value: v, time: t}}]",
        [
            (
                "gw/a",
                {
                    "gw": "g1",
                    "devices": [
                        {"dev": "d 1", "t": NOW, "channels": {"c1": {"v": 1}, "c2": {"v": 2}}},
                        {"dev": "d2", "channels": {"c1": {"v": 3}}},
                        {"dev": "d3", "t": NOW, "channels": None},
                    ],
                },
            )
        ],
        [("g1/d%201/c1", 1.0, NOW), ("g1/d%201/c2", 2.0, NOW)],
        {"field": 1},
    ),
    Row(
        "a list of plain numbers",
        "[{topics: [phases/+], sensor: '{topic}/{key}', payload: {each: power, value: $}}]",
        [("phases/a", {"power": [1, None, "x", 4]})],
        [("phases/a/0", 1.0), ("phases/a/3", 4.0)],
        {"type": 2},
    ),
    Row(
        "remote procedure calls of a Shelly",
        "[{topics: [+/events/rpc], sensor: '{src}',"
        " payload: {value: \"params['switch:0'].apower\", time: params.ts}}]",
        [
            ("s/events/rpc", {"src": "plug-1", "params": {"ts": NOW + 0.5, "switch:0": {"apower": 8.9}}}),
            ("s/events/rpc", {"src": "plug-1", "params": {"ts": NOW + 1, "sys": {}}}),
        ],
        [("plug-1", 8.9, NOW + 0.5)],
        ignored=1,
    ),
    Row(
        "CBOR decimals, ratios and half floats",
        "[{topics: [decimal/+], payload: {format: cbor, value: v}}]",
        [("decimal/a", cbor2.dumps({"v": value})) for value in (Decimal("3.25"), Fraction(1, 2), 2**80)]
        + [("decimal/a", b"\xa1av\xf9\x3e\x00")],
        [("decimal/a", value) for value in (3.25, 0.5, float(2**80), 1.5)],
    ),
    Row(
        "compressed line protocol, CBOR and lists",
        "[{name: i, topics: [pack/i], payload: {format: influx, value: v, time_format: s}},"
        " {name: c, topics: [pack/c], payload: {format: cbor}},"
        " {name: j, topics: [pack/j], payload: {value: v, time: t}}]",
        [
            ("pack/i", gzip.compress(f"m v=1 {NOW}".encode())),
            ("pack/c", zlib.compress(cbor2.dumps({"value": 2}), 9)),
            ("pack/j", zlib.compress(json.dumps([{"v": 3, "t": NOW}]).encode(), 1)),
        ],
        [("pack/i", 1.0, NOW), ("pack/c", 2.0), ("pack/j", 3.0, NOW)],
    ),
    Row(
        "hex within JSON, at a place",
        "[{topics: [tag/+], payload: {value: data, type: int16-be@3, encoding: hex}}]",
        [("tag/a", {"data": "02010600d7ff"}), ("tag/a", {"data": "020106"})],
        [("tag/a", 215.0)],
        {"decode": 1},
    ),
    Row(
        "base64 for URLs, without padding",
        "[{topics: [lora/+], payload: {value: data, type: float32-be, encoding: base64}}]",
        [("lora/a", {"data": base64.urlsafe_b64encode(struct.pack(">f", -1.5)).decode().rstrip("=")})],
        [("lora/a", -1.5)],
    ),
    Row(
        "numbers with units, and text that is no number",
        "[{topics: [units/+], payload: {value: v, units: any, decimal_comma: true}}]",
        [("units/a", {"v": v}) for v in ("45 %", "1013hPa", "-3,5 °C", "+7 m/s", "12m3")]
        + [("units/a", {"v": v}) for v in ("1_000", "\uff11\uff12", "0x10", "1h30", "")],
        [("units/a", value) for value in (45.0, 1013.0, -3.5, 7.0, 12.0)],
        {"type": 5},
    ),
    Row(
        "times of many kinds",
        "[{topics: [when/+], payload: {value: v, time: t, time_format: auto, time_zone: UTC}}]",
        [
            ("when/a", {"v": at, "t": when})
            for at, when in enumerate(
                (NOW, (NOW + 1) * 1000, (NOW + 2) * 10**9, iso(3), str(NOW + 4), iso(5)[:-1], 0, "")
            )
        ],
        [("when/a", float(at), NOW + at) for at in range(6)],
        {"time": 2},
    ),
    Row(
        "ids that look alike",
        "[{topics: [alike/#], payload: {format: number}}]",
        [
            (f"alike/{name}", str(at))
            for at, name in enumerate(("a b", "a%20b", "A", "a", "é", "e\u0301", "t/"))
        ],
        [
            (f"alike/{sensor}", float(at))
            for at, sensor in enumerate(("a%20b", "a%2520b", "A", "a", "%C3%A9", "e%CC%81", "t/"))
        ],
    ),
]
ROWS = [*SILENT, *OTHERS, *FURTHER]
