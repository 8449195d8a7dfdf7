"""The ways in which people keep recordings: what is read of each, what is said, and what is refused."""

from __future__ import annotations

import gzip
import io
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from streamdetect.errors import DataError
from streamdetect.offline.recordings import Layout, describe, read

T0 = datetime(2026, 3, 2, tzinfo=UTC).timestamp()
WAVE = [20.0, 20.5, 21.0, 20.5, 19.5, 19.0, 19.5, 20.0]


def stamp(at, step=60):
    return datetime.fromtimestamp(T0 + at * step, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def table(head, *columns, mark=",", rows=40, before=""):
    """A header and rows; a column is a function of the row's number."""
    lines = [mark.join(str(column(at)) for column in columns) for at in range(rows)]
    return before + "\n".join(([head] if head else []) + lines) + "\n"


def wave(at):
    return WAVE[at % 8]


def local(pattern):
    return lambda at: datetime.fromtimestamp(T0 + at * 60, UTC).strftime(pattern)


# name: text, layout, features, first value of each, left out and said
READ = {
    "pandas' row numbers": (table(",time,value", str, stamp, wave), {}, ("value",), ["numbers the rows"]),
    "another export's row numbers": (
        table("Unnamed: 0,time,value", str, stamp, wave),
        {},
        ("value",),
        ["Unnamed: 0 (numbers the rows)"],
    ),
    "labels": (
        table(
            "datetime;Accel;anomaly;changepoint",
            stamp,
            wave,
            lambda _: 0.0,
            lambda at: float(at == 9),
            mark=";",
        ),
        {},
        ("Accel",),
        ["anomaly (0 and 1, known anomalies? --label-column anomaly)", "changepoint (0 and 1"],
    ),
    "labels of -1 and 1": (
        table("time,value,outlier", stamp, wave, lambda at: -1 if at == 9 else 1),
        {},
        ("value",),
        ["outlier (a few numbers, kinds of anomalies? --columns takes outlier)"],
    ),
    "an alarm that never was": (
        table("time,value,alarm", stamp, wave, lambda _: 0),
        {},
        ("value",),
        ["alarm (0 and 1, known anomalies? --label-column alarm)"],
    ),
    "a meter's counter": (
        table("time,total,power", stamp, lambda at: 20 + at / 2, wave, rows=120),
        {},
        ("total", "power"),
        ["total only ever rises, like a counter"],
    ),
    "a gap of years": (
        table("time,value", lambda at: stamp(at) if at < 20 else f"2036{stamp(at)[4:]}", wave),
        {},
        ("value",),
        ["a gap of "],
    ),
    "times with a zone and without": (
        table("time,value", lambda at: stamp(at) if at < 20 else stamp(at).removesuffix("Z"), wave),
        {},
        ("value",),
        ["20 rows name a time zone and 20 do not"],
    ),
    "an id and a part of the time": (
        table("id,timestamp,temperature,hour", lambda _: 7, stamp, wave, lambda at: at // 60),
        {},
        ("temperature",),
        ["id (an id)", "hour (part of the time)"],
    ),
    "a counter of any name": (
        table("time,n,value", stamp, lambda at: 500 + at, wave),
        {},
        ("value",),
        ["n (numbers the rows)"],
    ),
    "a ramp, and nothing else": (table("time,value", stamp, lambda at: 20 + at), {}, ("value",), []),
    "another time": (
        table("time,sent,value", stamp, lambda at: T0 + 60 * at, wave),
        {},
        ("value",),
        ["sent (another time)"],
    ),
    "one unavailable": (
        table("time,a,b", stamp, lambda at: "unavailable" if at == 8 else wave(at), wave),
        {},
        ("a", "b"),
        ["39 of 40 rows used; 1 incomplete"],
    ),
    "one word nobody knows": (
        table("time,a,b", stamp, lambda at: "defrost" if at == 8 else wave(at), wave),
        {},
        ("a", "b"),
        [
            "39 of 40 rows used; 1 incomplete",
            "a is missing where it is text (1 rows, as 'defrost' in line 10)",
        ],
    ),
    "on and off": (
        table("time,a,b", stamp, lambda at: "ON" if at % 2 else "OFF", wave),
        {},
        ("b",),
        ["a (text: 'OFF'; --map ON=1,OFF=0)"],
    ),
    "on and off, mapped": (
        table("time,a,b", stamp, lambda at: "OFF" if at % 2 else "ON", wave),
        {"replace": {"on": 20.0, "off": 0.0}},
        ("a", "b"),
        [],
    ),
    "thousands beside integers": (
        table("time,a,b", stamp, lambda at: '"20,512"' if at % 2 else 900, wave),
        {},
        ("b",),
        ["a (text: '20,512'; --thousands , or --decimal ,)"],
    ),
    "thousands": (
        table("time,a", stamp, lambda at: '"20,512.5"' if at % 2 else 20),
        {"thousands": ","},
        ("a",),
        ["40 of 40 rows used"],
    ),
    "decimal commas": (
        table("Zeit;a", stamp, lambda at: str(wave(at)).replace(".", ","), mark=";"),
        {},
        ("a",),
        ["the comma is the decimal mark"],
    ),
    "units behind the numbers": (
        table("Time,room", stamp, lambda at: f"{wave(at)} °C"),
        {},
        ("room",),
        ["room is read without its unit, °C"],
    ),
    "a row of units": (
        table("time,a", stamp, wave).replace("time,a\n", "time,a\n,°C\n"),
        {},
        ("a",),
        ["names units", "40 of 40"],
    ),
    "a preamble": (
        table("time,a,b", stamp, wave, wave, before="Logger 5\nSerial: 17\n\n"),
        {},
        ("a", "b"),
        ["3 lines before the table skipped"],
    ),
    "comments": (table("time,a", stamp, wave, before="# Logger, 5\n# x\n"), {}, ("a",), ["2 lines before"]),
    "a header that is a comment": (table("# time,a", stamp, wave), {}, ("a",), []),
    "sep=": (table("Time;a", stamp, wave, mark=";", before="sep=;\n"), {}, ("a",), ["1 line before"]),
    "skip": (
        table("time,a", stamp, wave, before="a,b\n5,6\n"),
        {"skip": 2},
        ("a",),
        ["2 lines before"],
    ),
    "sentinels that nobody named": (
        table("time,a", stamp, lambda at: -127 if at == 9 else wave(at)),
        {},
        ("a",),
        ["a is -127 in 1 rows, far from the rest: --na=-127"],
    ),
    "files put together, each with its header": (
        table("time,a", stamp, wave) + table("time,a", lambda at: stamp(at + 40), wave),
        {},
        ("a",),
        ["1 more headers left out", "80 of 80"],
    ),
    "blanks between": (
        table("date time a", local("%Y-%m-%d"), local("%H:%M:%S"), wave, mark="  "),
        {},
        ("a",),
        [],
    ),
    "blanks, no header": (
        table("", local("%Y-%m-%d"), local("%H:%M:%S"), wave, mark=" "),
        {},
        ("value",),
        [],
    ),
    "sentinels": (
        table("time,a,b", stamp, lambda at: -999 if at % 4 == 1 else wave(at), wave),
        {"missing": ("-999.0",)},
        ("a", "b"),
        ["30 of 40 rows used; 10 incomplete"],
    ),
    "compact days": (
        table("date,a", lambda at: f"{19941201 + at:08}", wave, rows=20),
        {},
        ("a",),
        ["as %Y%m%d; no zone, taken as UTC"],
    ),
    "Grafana, joined by time": (
        table('"Time","a","b"', local("%Y-%m-%d %H:%M:%S"), wave, wave, before="sep=,\n"),
        {},
        ("a", "b"),
        ["no zone, taken as UTC"],
    ),
    "InfluxDB's command line": (
        table("name,time,usage", lambda _: "cpu", lambda at: int((T0 + 60 * at) * 1e9), wave),
        {},
        ("usage",),
        ["Unix time in ns", "name (text: 'cpu')"],
    ),
    "newest first": (
        table("time,a", lambda at: stamp(39 - at), lambda at: wave(39 - at)),
        {},
        ("a",),
        ["newest first: read from the end", "40 of 40 rows used"],
    ),
    "repeated times": (
        table("time,a", lambda at: stamp(at - at % 5 // 4), wave),
        {},
        ("a",),
        ["32 of 40 rows used; 8 repeated"],
    ),
    "autumn without a zone": (
        table("time,a", lambda at: stamp(at if at < 30 else at - 10), wave),
        {},
        ("a",),
        ["late", "1 repeated"],
    ),
    "tables of two rates joined": (
        table("time,a,b", stamp, wave, lambda at: "" if at % 3 == 2 else wave(at)),
        {},
        ("a", "b"),
        ["27 of 40 rows used; 13 incomplete"],
    ),
}


@pytest.mark.parametrize("name", READ)
def test_what_is_read_is_said(tmp_path, name):
    text, layout, features, said = READ[name]
    path = tmp_path / "data.csv"
    path.write_text(text)
    (recording,) = read([path], Layout(**layout))
    assert recording.features == features
    assert recording.values[0].tolist() == [20.0] * len(features)
    if name != "compact days":
        assert recording.times[0] in {T0, T0 + 60}
    lines = "\n".join(describe([recording]))
    assert all(part in lines for part in said), lines


REFUSED = {
    "long without a sensor column": (
        table("time,sensor,value", lambda at: stamp(at // 4), lambda at: f"s{at % 4}", wave),
        {},
        ["column 'sensor' has 4 values", "--sensor-column sensor"],
    ),
    "long, one sensor after the other": (
        table("time,where,value", lambda at: stamp(at % 20), lambda at: f"s{at // 20}", wave),
        {},
        ["--sensor-column where"],
    ),
    "Excel's days": (
        table("time,a", lambda at: 46000.5 + at / 1440, wave),
        {},
        ["2025-12-09 12:00", "--time-format excel"],
    ),
    "MATLAB's days": (table("time,a", lambda at: 739678 + at / 1440, wave), {}, ["--time-format"]),
    "a date in six digits": (table("date,a", lambda _: 260302, wave), {}, ["'260302'", "%y%m%d"]),
    "thousands and decimals": (
        table("time;a", stamp, lambda _: "1.020,5", mark=";"),
        {},
        ["--decimal , --thousands ."],
    ),
    "a page": ("<html>\n<body>not found</body></html>\n", {}, ["is HTML"]),
    "line protocol": ("air,room=a temp=20 1772409600000000000\n" * 3, {}, ["line protocol", "influxdb://"]),
    "one column": ("v\n1\n2\n", {}, ["has one column, 'v'", "--delimiter"]),
    "day or month first": (
        table("time,a", lambda at: f"03/{at % 9 + 1:02}/2026 12:00", wave),
        {},
        ["'%m/%d/%Y %H:%M'", "'%d/%m/%Y %H:%M'"],
    ),
    "most rows late": (
        table("time,a", lambda at: stamp(at if at < 10 else 8 - at % 8), wave),
        {},
        ["most rows are lost", "--sort", "--allow-loss"],
    ),
    "most rows incomplete": (
        table("time,a,b", stamp, wave, lambda at: wave(at) if at % 4 == 0 else ""),
        {},
        ["10 of 40 rows used; 30 incomplete", "--columns"],
    ),
    "no column left": (
        table("time,a", stamp, lambda at: f'"{at},512"'),
        {},
        ["'a' (text: '0,512'; --thousands , or --decimal ,)"],
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_is_named(tmp_path, name):
    text, layout, said = REFUSED[name]
    path = tmp_path / "data.csv"
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        read([path], Layout(**layout))
    assert all(part in str(caught.value) for part in ("data.csv", *said)), caught.value


TIMES = {
    "compact minutes": (lambda at: f"202603020{at:03}", {}, T0),
    "compact seconds": (lambda at: f"202603020000{at:02}", {}, T0),
    "compact hours": (lambda at: f"20260302{at:02}", {}, T0),
    "milliseconds": (lambda at: int((T0 + at) * 1000), {}, T0),
    "Excel's days": (lambda at: 46083 + at / 1440, {"time_format": "excel"}, T0),
    "Excel's days, local": (
        lambda at: 46083 + at / 1440,
        {"time_format": "excel", "time_zone": "Europe/Berlin"},
        T0 - 3600,
    ),
    "German": (local("%d.%m.%Y %H:%M"), {}, T0),
    "American": (
        lambda at: f"03/02/2026 1{at % 2}:{at:02} AM",
        {"time_format": "%m/%d/%Y %I:%M %p"},
        T0 + 36000,
    ),
    "a month's name": (local("%d-%b-%Y %H:%M:%S"), {}, T0),
    "a zone apart": (lambda at: local("%Y-%m-%d %H:%M:%S")(at) + " +0100", {}, T0 - 3600),
    "the word UTC": (lambda at: local("%Y-%m-%d %H:%M:%S")(at) + " UTC", {}, T0),
    "a time zone": (local("%Y-%m-%d %H:%M:%S"), {"time_zone": "Europe/Berlin"}, T0 - 3600),
    "a zone of its own": (stamp, {"time_zone": "Europe/Berlin"}, T0),
    "elapsed seconds": (lambda at: at * 0.5, {}, 0.0),
}


@pytest.mark.parametrize("name", TIMES)
def test_times(tmp_path, name):
    cell, layout, first = TIMES[name]
    path = tmp_path / "data.csv"
    path.write_text(table("time,a", cell, wave, rows=20))
    (recording,) = read([path], Layout(**{"sort": name == "American"} | layout))
    assert recording.times[0] == first


@pytest.mark.parametrize("wanted", [None, "Date,Time"])
def test_a_date_and_a_time_of_day(tmp_path, wanted):
    path = tmp_path / "data.csv"
    path.write_text(table("Date;Time;a", local("%d.%m.%Y"), local("%H:%M:%S"), wave, mark=";"))
    (recording,) = read([path], Layout(time_column=wanted))
    assert recording.times[:2].tolist() == [T0, T0 + 60]
    assert recording.features == ("a",)


@pytest.mark.parametrize("turn", [1, -1])
def test_the_hour_that_a_clock_shows_twice(tmp_path, turn):
    """Clocks in Berlin went from 03:00 back to 02:00 on 2025-10-26."""
    start = datetime(2025, 10, 25, 23, tzinfo=UTC).timestamp()
    hours = [1, *[2] * 12, *[2] * 12, 3]
    minutes = [55, *range(0, 60, 5), *range(0, 60, 5), 0]
    lines = [
        f"2025-10-26 {h:02}:{m:02}:00,{at}.5" for at, (h, m) in enumerate(zip(hours, minutes, strict=True))
    ]
    path = tmp_path / "data.csv"
    path.write_text("\n".join(["time,a", *lines[::turn]]) + "\n")
    (recording,) = read([path], Layout(time_zone="Europe/Berlin"))
    assert recording.times.tolist() == [start + 3300 + 300 * at for at in range(26)]
    rule = "^--time-zone: must be a time zone like Europe/Berlin or UTC, got 'Europe/Nowhere'$"
    with pytest.raises(DataError, match=rule):
        read([path], Layout(time_zone="Europe/Nowhere"))


def test_one_sensor_in_several_files(tmp_path):
    paths = [tmp_path / f"{name}.csv" for name in ("b", "a")]
    for start, path in enumerate(paths):
        path.write_text(table("time,a,b", lambda at, start=start: stamp(at + 40 * start), wave, lambda _: 5))
    paths[1].write_text(table("time,b,a", lambda at: stamp(at + 40), lambda _: 5, wave))
    assert [one.sensor for one in read(paths)] == ["b", "a"]
    (recording,) = read(paths[::-1], Layout(sensor="pump"))
    assert recording.sensor == "pump"
    assert recording.times[0] == T0
    assert recording.late == 0
    first = recording.features.index("a")
    assert recording.values[:, first].tolist() == [wave(at) for at in range(40)] * 2
    (whole,) = read([tmp_path], Layout(sensor="pump"))
    np.testing.assert_array_equal(whole.times, recording.times)


def test_the_standard_input(monkeypatch):
    class Input:
        buffer = io.BytesIO(gzip.compress(table("time,a", stamp, wave).encode()))

    monkeypatch.setattr(sys, "stdin", Input)
    (recording,) = read([Path("-")])
    assert (recording.sensor, len(recording)) == ("stdin", 40)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "utf-32"])
def test_encodings(tmp_path, encoding):
    path = tmp_path / "data.csv"
    path.write_bytes(table("time,Küche", stamp, wave).encode(encoding))
    assert read([path])[0].features == ("Küche",)


ANNOTATED = """\
#group,false,false,true,true,false,false,true,true,true
#datatype,string,long,dateTime:RFC3339,dateTime:RFC3339,dateTime:RFC3339,double,string,string,string
#default,_result,,,,,,,,
,result,table,_start,_stop,_time,_value,_field,_measurement,room
,,0,2026-03-02T00:00:00Z,2026-03-03T00:00:00Z,2026-03-02T00:00:00Z,20,temp,air,kitchen
,,0,2026-03-02T00:00:00Z,2026-03-03T00:00:00Z,2026-03-02T00:01:00Z,20.5,temp,air,kitchen
,,1,2026-03-02T00:00:00Z,2026-03-03T00:00:00Z,2026-03-02T00:00:00Z,40,hum,air,kitchen

#group,false,false,true,true,false,false,true,true,true
#datatype,string,long,dateTime:RFC3339,dateTime:RFC3339,dateTime:RFC3339,long,string,string,string
#default,_result,,,,,,,,
,result,table,_start,_stop,_time,_value,_field,_measurement,room
,,2,2026-03-02T00:00:00Z,2026-03-03T00:00:00Z,2026-03-02T00:00:00Z,7,co2,air,hall
"""
PROMETHEUS = {
    "status": "success",
    "data": {
        "resultType": "matrix",
        "result": [
            {
                "metric": {"__name__": "temp", "job": "x", "room": room},
                "values": [[T0 + 60 * at, str(wave(at))] for at in range(9)],
            }
            for room in ("kitchen", "hall")
        ],
    },
}
HOME_ASSISTANT = "entity_id,state,last_changed\n" + "".join(
    f"{entity},{'unavailable' if at == 3 else state},2026-03-02T00:{at:02}:00.000Z\n"
    for entity, state in (("sensor.kitchen", "20"), ("person.me", "home"))
    for at in range(9)
)
MOSQUITTO = "".join(
    json.dumps({"tst": stamp(at), "topic": topic, "qos": 0, "retain": retain, "payload": payload}) + "\n"
    for at in range(9)
    for topic, payload, retain in (("a/t", 20, 0), ("a/x", {"temp": 20, "unit": "C"}, 0), ("a/r", 5, 1))
)
FOREIGN = {
    "InfluxDB annotated CSV": (ANNOTATED, {"air/kitchen/temp": 2, "air/kitchen/hum": 1, "air/hall/co2": 1}),
    "Prometheus JSON": (json.dumps(PROMETHEUS), {"temp/kitchen": 9, "temp/hall": 9}),
    "Home Assistant CSV": (HOME_ASSISTANT, {"sensor.kitchen": 8}),
    "Home Assistant JSON": (
        json.dumps(
            [
                [
                    {"entity_id": "sensor.a", "state": "20", "last_changed": stamp(0)},
                    {"state": "21", "last_changed": stamp(1)},
                ]
            ]
        ),
        {"sensor.a": 2},
    ),
    "mosquitto_sub JSON": (MOSQUITTO, {"a/t": 9, "a/x": 9}),
    "InfluxDB JSON": (
        json.dumps(
            {
                "results": [
                    {
                        "series": [
                            {
                                "name": "cpu",
                                "tags": {"host": "a"},
                                "columns": ["time", "u"],
                                "values": [[stamp(0), 20.0], [stamp(1), None]],
                            }
                        ]
                    }
                ]
            }
        ),
        {"cpu/a/u": 1},
    ),
    "columns": (
        json.dumps({"time": [stamp(at) for at in range(9)], "v": [wave(at) for at in range(9)]}),
        {"data": 9},
    ),
    "names and rows": (
        json.dumps({"columns": ["time", "v"], "index": [0, 1], "data": [[stamp(0), 20.0], [stamp(1), 21]]}),
        {"data": 2},
    ),
    "pairs": (json.dumps([[1000 * (T0 + at), wave(at)] for at in range(9)]), {"data": 9}),
    "Grafana JSON": (
        json.dumps([{"target": "a", "datapoints": [[wave(at), 1000 * (T0 + at)] for at in range(9)]}]),
        {"a": 9},
    ),
    "records": (json.dumps([{"time": stamp(at), "air": {"temp": wave(at)}} for at in range(9)]), {"data": 9}),
    "records a line": (
        "".join(json.dumps({"time": stamp(at), "t": wave(at)}) + "\n" for at in range(9)),
        {"data": 9},
    ),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_exports_of_others(tmp_path, name):
    text, sensors = FOREIGN[name]
    path = tmp_path / "data"
    path.write_text(text)
    found = [one for one in read([path]) if len(one)]
    assert {one.sensor: len(one) for one in found} == sensors
    assert found[0].values[0].tolist() == [20.0]
    assert found[0].times[0] == T0


def test_sensors_without_a_reading_are_said(tmp_path):
    path = tmp_path / "history.csv"
    path.write_text(HOME_ASSISTANT)
    assert "left out, no reading: person.me" in "\n".join(describe(read([path])))


@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
def test_parquet(tmp_path, zone):
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    moments = pa.array([int((T0 + 60 * at) * 1e6) for at in range(40)], pa.timestamp("us", zone))
    columns = {
        "a": pa.array([0.1 + at for at in range(40)]),
        "n": pa.array([None, *range(39)]),
        "time": moments,
    }
    path = tmp_path / "data.parquet"
    parquet.write_table(pa.table(columns | {"where": pa.array(["kitchen"] * 40)}), path)
    (recording,) = read([path], Layout(columns=("a", "n"), partial=True))
    assert recording.times.tolist() == [T0 + 60 * at for at in range(40)]
    assert recording.values[:, 0].tolist() == [0.1 + at for at in range(40)]
    assert np.isnan(recording.values[0, 1])


BINARY = {
    "SQLite": (b"SQLite format 3\0" + bytes(99), "an SQLite database"),
    "zstd": (b"\x28\xb5\x2f\xfd" + bytes(99), "unpack it"),
    "HDF5": (b"\x89HDF\r\n" + bytes(99), "an HDF5 file"),
    "a pickle": (b"\x80\x04\x95" + bytes(99), "it can run code"),
    "a torn Parquet file": (b"PAR1" + bytes(99), "is not valid Parquet"),
    "an old workbook, torn": (b"\xd0\xcf\x11\xe0" + bytes(99), "is not a valid workbook"),
}


@pytest.mark.parametrize("name", BINARY)
def test_what_cannot_be_read_is_named(tmp_path, name):
    content, said = BINARY[name]
    path = tmp_path / "data.bin"
    path.write_bytes(content)
    with pytest.raises(DataError, match=said):
        read([path])


def test_empty_labels_are_normal_and_epoch_ranges_are_times(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text(table("time,a,bad", stamp, wave, lambda at: "1" if at == 3 else ""))
    assert read([path], Layout(label_column="bad"))[0].labels.nonzero()[0].tolist() == [3]
    for unit in (1, 1000):
        labels = tmp_path / "labels.json"
        labels.write_text(json.dumps({"data": [[int(T0 + 300) * unit, int(T0 + 360) * unit]]}))
        (recording,) = read([path], Layout(labels=labels, columns=("a",)))
        assert recording.labels.nonzero()[0].tolist() == [5, 6]
