"""CSV and .npz in, recordings out, whatever the layout."""

from __future__ import annotations

import gzip
import json
import math
from argparse import ArgumentParser
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamdetect.commands.recording_options import add_arguments, from_arguments
from streamdetect.offline.recordings import Layout, read
from streamdetect.offline.recordings.times import newest_first

T0 = datetime(2024, 5, 1, 12, tzinfo=UTC).timestamp()


@pytest.fixture
def csv(tmp_path):
    def write(text, name="data.csv", encoding="utf-8"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode(encoding))
        return path

    return write


def only(paths, **layout):
    (recording,) = read(paths if isinstance(paths, list) else [paths], Layout(**layout))
    return recording


@pytest.mark.parametrize(
    ("cells", "time_format"),
    [
        (("2024-05-01T12:00:00Z", "2024-05-01T12:00:01.5Z"), "auto"),
        (("2024-05-01 12:00:00", "2024-05-01 12:00:01.500"), "auto"),
        (("2024-05-01T14:00:00+02:00", "2024-05-01T14:00:01.5+02:00"), "iso"),
        (("1714564800", "1714564801.5"), "auto"),
        (("1714564800", "1714564801.5"), "s"),
        (("1714564800000", "1714564801500"), "ms"),
        (("1714564800000000", "1714564801500000"), "us"),
        (("1714564800000000000", "1714564801500000000"), "ns"),
        (("01.05.2024 12:00:00.0", "01.05.2024 12:00:01.5"), "%d.%m.%Y %H:%M:%S.%f"),
        (("01.05.2024 14:00:00.0 +0200", "01.05.2024 14:00:01.5 +0200"), "%d.%m.%Y %H:%M:%S.%f %z"),
    ],
)
def test_times(csv, cells, time_format):
    path = csv(f"time,value\n{cells[0]},1\n{cells[1]},2\n")
    recording = only(path, time_format=time_format)
    assert recording.times.tolist() == [T0, T0 + 1.5]
    assert recording.values.tolist() == [[1.0], [2.0]]


@pytest.mark.parametrize("name", ["timestamp", "Time", "DATE", "datetime", "ts"])
def test_time_column_is_found_by_name_wherever_it_stands(csv, name):
    recording = only(csv(f"a,{name},b\n1,2024-05-01T12:00:00Z,2\n"))
    assert recording.times.tolist() == [T0]
    assert recording.features == ("a", "b")


def test_time_column_without_a_known_name_is_the_first_that_looks_like_one(csv):
    assert only(csv(f"when,a\n{T0},5\n")).times.tolist() == [T0]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_delimiters_and_line_ends_are_found_out(csv, delimiter, end, bom):
    rows = [["time", "a", "b"], ["2024-05-01T12:00:00Z", "1", "2"], ["2024-05-01T12:00:01Z", "3", "4"]]
    recording = only(csv(bom + end.join(delimiter.join(row) for row in rows)))
    assert recording.values.tolist() == [[1, 2], [3, 4]]
    assert recording.features == ("a", "b")


def test_other_delimiter_and_decimal_comma(csv):
    assert only(csv("time|a\n2024-05-01|1\n"), delimiter="|").values.tolist() == [[1.0]]
    assert only(csv("time;a\n2024-05-01;1,5\n"), decimal=",").values.tolist() == [[1.5]]


def test_without_header(csv):
    recording = only(csv("1489017527\t19.53\n1489018733\t19.37\n", "Room1_Temperature.csv"))
    assert recording.sensor == recording.name == "Room1_Temperature"
    assert recording.features == ("value",)
    assert recording.times.tolist() == [1489017527.0, 1489018733.0]


def test_header_can_be_said_to_be_there_or_not(csv):
    path = csv("1,2\n3,4\n")
    assert len(only(path, time_column="none", header=True)) == 1
    assert len(only(path, time_column="none", header=False)) == 2


def test_no_time_column(csv):
    recording = only(csv("a\n5\n6\nx\n8\n"), time_column="none", step=2.5, columns=("a",))
    assert recording.times.tolist() == [0.0, 2.5, 7.5]  # what is dropped keeps its time
    assert recording.dropped == 1


def test_columns_by_name_and_by_number_in_the_order_given(csv):
    path = csv("time,a,b,c\n2024-05-01,1,2,3\n")
    recording = only(path, columns=("c", "2"))
    assert recording.features == ("c", "a")
    assert recording.values.tolist() == [[3, 1]]


def test_text_columns_are_no_features_unless_asked_for(csv):
    path = csv("time,site,a\n2024-05-01,north,1\n2024-05-02,north,2\n")
    assert only(path).features == ("a",)
    assert only(path, sensor_column="site").sensor == "north"


def test_per_column(csv):
    path = csv("time,Flow Rate,b\n2024-05-01,1,2\n2024-05-02,,4\n2024-05-03,5,6\n")
    flow, other = read([path], Layout(per_column=True))
    assert (flow.name, flow.sensor, other.sensor) == ("Flow Rate", "Flow_Rate", "b")
    assert flow.values.tolist() == [[1], [5]]
    assert other.values.tolist() == [[2], [4], [6]]
    assert (flow.dropped, other.dropped) == (1, 0)


def test_long_format(csv):
    path = csv(
        "time,mote,t\n2024-05-01T12:00:00Z,b/1,1\n2024-05-01T12:00:00Z,a,2\n2024-05-01T12:00:01Z,b/1,3\n"
    )
    first, second = read([path], Layout(sensor_column="mote"))
    assert (first.sensor, second.sensor) == ("b/1", "a")
    assert first.values.tolist() == [[1], [3]]
    assert second.times.tolist() == [T0]


def test_long_format_without_times_counts_each_sensor_by_itself(csv):
    path = csv("mote,t\na,1\nb,2\na,3\nb,4\n")
    first, second = read([path], Layout(sensor_column="mote", time_column="none", step=5, columns=("t",)))
    assert first.times.tolist() == second.times.tolist() == [0.0, 5.0]


def test_long_files_are_joined_by_sensor(csv):
    days = [
        csv(f"time,mote,t,bad\n2024-05-0{day},a,{day},1\n2024-05-0{day},b,{day}0,0\n", f"{day}.csv")
        for day in (1, 2)
    ]
    first, second = read(days, Layout(sensor_column="mote", columns=("t",), label_column="bad"))
    assert first.values.tolist() == [[1], [2]]
    assert second.values.tolist() == [[10], [20]]
    assert first.labels.all()
    assert not second.labels.any()
    one, two = read(days, Layout(sensor_column="mote", columns=("t",), time_column="none", step=3))
    assert one.times.tolist() == two.times.tolist() == [0.0, 3.0]


def test_files_take_as_many_folders_as_tell_them_apart(csv):
    text = "time,v\n2024-05-01,1\n"
    paths = [csv(text, name) for name in ("x/north/temp.csv", "y/north/temp.csv", "y/south/flow.csv.gz")]
    paths[2].write_bytes(gzip.compress(text.encode()))
    assert [recording.sensor for recording in read(paths)] == ["x/north/temp", "y/north/temp", "y/south/flow"]
    assert [recording.sensor for recording in read(paths[1:])] == ["temp", "flow"]


def test_unusable_values_are_dropped_and_counted_never_zero(csv):
    cells = ["1", "", "nan", "NaN", "inf", "-inf", "1e999", "1e39", "n/a", "0x10", "0", " 2 "]
    text = "time,v\n" + "".join(f"{T0 + place},{cell}\n" for place, cell in enumerate(cells))
    recording = only(csv(text), columns=("v",))
    assert recording.values.tolist() == [[1], [0], [2]]
    assert recording.times.tolist() == [T0, T0 + 10, T0 + 11]
    assert recording.dropped == 9


def test_one_missing_feature_drops_the_row(csv):
    recording = only(csv("time,a,b\n2024-05-01,1,\n2024-05-02,1,2\n"))
    assert recording.values.tolist() == [[1, 2]]
    assert recording.dropped == 1


def test_torn_last_line_blank_lines_and_trailing_delimiters(csv):
    recording = only(csv("time,a,b\n2024-05-01,1,2,\n\n2024-05-02,3,4,,\n2024-05-0"))
    assert recording.values.tolist() == [[1, 2], [3, 4]]
    assert recording.dropped == 1


def test_rows_without_a_time_or_sensor_are_dropped(csv):
    path = csv("time,s,v\n2024-05-01,a,1\n,a,2\n2024-05-02, ,3\n2024-05-03,a,4\n")
    recording = only(path, sensor_column="s")
    assert recording.values.tolist() == [[1], [4]]
    assert recording.dropped == 2


def test_time_going_back_is_kept_in_the_order_of_the_file(csv):
    path = csv("time,v\n2024-05-02,1\n2024-05-01,2\n2024-05-03,3\n")
    recording = only(path)
    assert recording.values.tolist() == [[1], [2], [3]]
    assert (recording.late, recording.repeated) == (1, 0)
    assert only(path, sort=True).values.tolist() == [[2], [1], [3]]


def test_gzip(tmp_path):
    path = tmp_path / "pump.csv.gz"
    path.write_bytes(gzip.compress(b"time,v\n2024-05-01,1\n"))
    assert only(path).sensor == "pump"


def test_other_encoding(csv):
    path = csv("time,Temp °C\n2024-05-01,1\n", encoding="latin-1")
    assert only(path, encoding="latin-1").features == ("Temp °C",)


def test_label_column(csv):
    path = csv("time,v,bad\n2024-05-01,1,0\n2024-05-02,2,1\n2024-05-03,3,True\n2024-05-04,x,1\n")
    recording = only(path, columns=("v",), label_column="bad")
    assert recording.labels.tolist() == [False, True, True]


@pytest.mark.parametrize(
    "ranges",
    [
        [["2024-05-02", "2024-05-03T00:00:00"]],
        [["2024-05-02T00:00:00.000000+00:00", "2024-05-03T01:00:00+01:00"]],
        [[1, 2]],
        [[1, 1], [2, 2]],
        {"spacecraft": "X", "anomalies": [[1, 2]]},
    ],
)
@pytest.mark.parametrize("key", ["north/temp.csv", "temp.csv", "temp"])
def test_labels_file(csv, ranges, key):
    path = csv("time,v\n2024-05-01,1\n2024-05-02,1\n2024-05-03,1\n2024-05-04,1\n", "north/temp.csv")
    labels = csv(json.dumps({"other.csv": [], key: ranges}), "labels.json")
    assert only(path, labels=labels).labels.tolist() == [False, True, True, False]


def test_row_numbers_in_labels_count_dropped_rows_too(csv):
    path = csv("v\n1\nx\n3\n4\n")
    labels = csv(json.dumps({"data.csv": [[2, 2]]}), "labels.json")
    recording = only(path, columns=("v",), time_column="none", labels=labels)
    assert recording.values[recording.labels].tolist() == [[3]]


def test_labels_of_one_sensor_and_of_none(csv):
    path = csv("time,a,b\n2024-05-01,1,1\n2024-05-02,1,1\n")
    labels = csv(json.dumps({"a": [[0, 0]]}), "labels.json")
    first, second = read([path], Layout(per_column=True, labels=labels))
    assert first.labels.tolist() == [True, False]
    assert second.labels is None  # not known, which is not the same as normal


def test_npz(tmp_path):
    path = tmp_path / "server.npz"
    np.savez(
        path,
        train=np.ones((3, 2)),
        test=np.arange(6.0).reshape(3, 2),
        test_label=np.array([0, 1, 0], np.int8),
    )
    recording = only(path, arrays="test", step=60)
    assert recording.sensor == "server"
    assert recording.features == ("1", "2")
    assert recording.times.tolist() == [0, 60, 120]
    assert recording.labels.tolist() == [False, True, False]
    assert [r.sensor for r in read([path])] == ["test", "train"]
    assert only(path, arrays="test", columns=("2",)).values.tolist() == [[1], [3], [5]]


def test_npz_arrays_by_pattern(tmp_path):
    path = tmp_path / "telemetry.npz"
    np.savez(
        path, **{"P-1__train": np.ones(3), "P-1__test": np.array([1, np.nan, 3]), "E-2__test": np.ones(3)}
    )
    labels = tmp_path / "labels.json"
    labels.write_text(json.dumps({"P-1": {"anomalies": [[2, 2]]}}))
    first, second = read([path], Layout(arrays="*__test", labels=labels))
    assert (first.sensor, second.sensor) == ("E-2", "P-1")
    assert first.labels is None
    assert second.values.tolist() == [[1], [3]]
    assert second.labels.tolist() == [False, True]
    assert second.dropped == 1


def test_more_rows_than_are_held_as_text_at_a_time(csv, monkeypatch):
    text = "time,v,bad\n" + "".join(f"{T0 + i},{i},{i % 2}\n" for i in range(100))
    whole = only(csv(text), columns=("v",), label_column="bad")
    monkeypatch.setattr("streamdetect.offline.recordings.tables._CHUNK", 7)
    parts = only(csv(text), columns=("v",), label_column="bad")
    for name in ("times", "values", "labels"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))


finite = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(
    st.lists(
        st.tuples(st.integers(0, 2**31), st.sampled_from("abc"), finite, finite), min_size=1, max_size=40
    ),
    st.sampled_from(",;\t"),
)
def test_what_was_written_is_read(tmp_path_factory, rows, delimiter):
    path = tmp_path_factory.mktemp("csv") / "data.csv"
    lines = [delimiter.join(("time", "s", "x", "y")), *(delimiter.join(map(repr, row)) for row in rows)]
    path.write_text("\n".join(lines).replace("'", ""))
    found = {
        recording.sensor: recording
        for recording in read([path], Layout(("x", "y"), sensor_column="s", time_format="s", allow_loss=True))
    }
    assert set(found) == {row[1] for row in rows}
    for sensor, recording in found.items():
        mine = [row for row in rows if row[1] == sensor]
        mine = mine[::-1] if newest_first(np.array([row[0] for row in mine], float)) else mine
        assert recording.times.tolist() == [row[0] for row in mine]
        assert recording.values.tolist() == [[row[2], row[3]] for row in mine]


@given(st.lists(st.text(alphabet='0123456789.-e,;"ax \t', max_size=8), min_size=1, max_size=30))
def test_any_text_is_a_number_or_dropped(tmp_path_factory, cells):
    path = tmp_path_factory.mktemp("csv") / "data.csv"
    quoted = ['"' + cell.replace('"', '""') + '"' for cell in cells]
    path.write_text("time,v\n0,1\n" + "".join(f"{place + 1},{cell}\n" for place, cell in enumerate(quoted)))
    layout = {"columns": ("v",), "time_format": "s", "delimiter": ",", "decimal": "."}
    recording = only(path, **layout, allow_loss=True)
    assert len(recording) + recording.dropped == len(cells) + 1
    assert np.isfinite(recording.values).all()
    for time, value in zip(recording.times, recording.values[:, 0], strict=True):
        assert math.isclose(float(cells[int(time) - 1]) if time else 1.0, value)


def test_arguments(csv):
    parser = ArgumentParser()
    add_arguments(parser)
    path = csv("when;m;a;b\n01.05.2024;x;1,5;2\n")
    options = (
        "--columns a --sensor-column m --time-column when --time-format %d.%m.%Y --delimiter ; --decimal ,"
    )
    (recording,) = from_arguments(parser.parse_args([str(path), *options.split()]))
    assert (recording.sensor, recording.values.tolist()) == ("x", [[1.5]])
    assert recording.times.tolist() == [T0 - 43200]


@pytest.mark.parametrize(
    "options",
    [
        "--step 0",
        "--step nan",
        "--step -1",
        "--delimiter ab",
        "--columns a,,b",
        "--columns a,a",
        "--time-format hours",
        "--decimal x",
    ],
)
def test_arguments_that_make_no_sense(options, capsys):
    parser = ArgumentParser()
    add_arguments(parser)
    with pytest.raises(SystemExit):
        parser.parse_args(["x.csv", *options.split()])
    assert options.split()[0] in capsys.readouterr().err
