"""A data frame or a CSV file becomes verdicts and incidents, as in a notebook."""

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import streamdetect as sd

pd = pytest.importorskip("pandas")

COUNT = 900


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(3)
    times = pd.date_range("2024-05-01", periods=COUNT, freq="1min", tz="Europe/Berlin")
    made = pd.DataFrame({"a": rng.normal(20, 1, COUNT), "b": rng.normal(5, 0.1, COUNT)}, index=times)
    made.loc[made.index[700:720], "a"] += 30.0
    return made


@pytest.fixture(scope="module")
def bundle():
    return sd.Bundle.load("general")


@pytest.fixture(scope="module")
def found(frame, bundle):
    return sd.judge(sd.read_frame(frame, per_column=True), bundle, threshold={"sigma": 4})


def test_a_frame_becomes_a_frame_of_verdicts_and_a_list_of_incidents(frame, found):
    verdicts = pd.DataFrame(found.verdicts)
    wanted = ["time", "sensor", "value", "error", "threshold", "score", "view", "anomalous"]
    assert list(verdicts.columns) == wanted
    assert set(verdicts.sensor) == {"a", "b"}
    assert verdicts.time.iloc[-1] == frame.index[-1].tz_convert("UTC").tz_localize(None)
    assert (verdicts.anomalous == (verdicts.score > 1)).all()
    first = found.incidents[0]
    assert first.sensor == "a"
    assert abs(first.started - frame.index[700].timestamp()) <= 60
    assert 1 < first.score <= verdicts[verdicts.sensor == "a"].score.max()
    assert first.severity in {"warning", "critical"}


def test_long_and_wide_frames_and_files_say_the_same(frame, found, bundle, tmp_path):
    long = frame.rename_axis("at").reset_index().melt("at", var_name="device")
    frame.to_csv(tmp_path / "wide.csv", index_label="time")
    read = (
        sd.read_frame(long, time_column="at", sensor_column="device"),
        sd.read_csv(tmp_path / "wide.csv", per_column=True),
    )
    for recordings in read:
        again = sd.judge(recordings, bundle, threshold={"sigma": 4})
        assert np.array_equal(again.verdicts["error"], found.verdicts["error"], equal_nan=True)


def test_unix_seconds_and_rows_with_something_missing():
    made = pd.DataFrame({"at": [0.0, 1.0, np.nan, 3.0], "x": [1.0, np.nan, 2.0, 3.0]})
    (one,) = sd.read_frame(made, time_column="at", name="pump")
    assert (one.sensor, one.features, one.times.tolist(), one.dropped) == ("pump", ("x",), [0.0, 3.0], 2)


def per_minute(columns):
    made = pd.DataFrame(columns)
    return made.set_index(made.index * 60.0)


def test_a_frame_without_a_usable_row_says_what_is_missing():
    with pytest.raises(sd.StreamdetectError, match="got none in 2: missing are the time in 1, x in 1"):
        sd.read_frame(pd.DataFrame({"at": [0.0, np.nan], "x": [np.nan, 1.0]}), time_column="at")


@pytest.mark.parametrize(
    ("made", "options", "message"),
    [
        (per_minute({"x": ["21", "hall"]}), {}, "x: must hold numbers, got 'hall'"),
        (per_minute({"x": pd.to_datetime(["2024-05-01"])}), {}, "x: must hold numbers, got datetime64"),
        (
            per_minute({"x": [1.0]}),
            {"columns": ["y"]},
            r"columns: must be a column of the frame \(x\), got 'y'",
        ),
        (per_minute({"x": [1.0]}), {"columns": "x"}, "columns: must be a list of names, got 'x'"),
        (per_minute({"x": [1.0]}), {"time_column": "at"}, "time_column: must be a column of the frame"),
        (per_minute({"x": [1.0]}), {"sensor_column": "id"}, "sensor_column: must be a column of the frame"),
        (per_minute({"x": [1.0]}), {"sensor_column": "x"}, "frame: must have a column of values, got none"),
        (per_minute({"x": [1.0]})[:0], {}, "frame: must have a row, got none"),
        (pd.DataFrame(), {}, "frame: must have a column of values, got none"),
        (
            pd.DataFrame({"time": [0.0], "x": [1.0]}),
            {},
            r"time_column: must name one of the columns \(time, x\)",
        ),
        (pd.DataFrame({"x": [1.0]}, index=["2024-05-01"]), {}, "index: must hold Unix seconds or datetimes"),
        (
            pd.DataFrame({"x": [1.0]}, index=[1714564800000]),
            {},
            "got 1714564800000, which is Unix time in ms",
        ),
        (
            pd.DataFrame([[1.0, 2.0]], columns=["x", "x"]),
            {},
            "columns: must have different names, got 'x' 2 times",
        ),
        (pd.concat({"a": per_minute({"x": [1.0]})}, axis=1), {}, r"columns: must have names of one level"),
        (per_minute({"x": [1.0]}).x, {}, "frame: must be a pandas.DataFrame, got Series"),
        (
            per_minute({"id": ["a"], "x": [1.0]}),
            {"sensor_column": "id", "per_column": True},
            "per_column: cannot be combined with sensor_column",
        ),
        (
            pd.DataFrame({"x": range(6)}, index=[60, 50, 40, 59, 30, 58]),
            {},
            "frame: must be in order of time, got 5 of 6 rows that are older",
        ),
    ],
)
def test_a_frame_that_cannot_be_read_says_where_and_why(made, options, message):
    with pytest.raises(sd.StreamdetectError, match=message):
        sd.read_frame(made, **options)


def test_rows_that_are_newest_first_are_taken_from_the_end(frame):
    for one, turned in zip(sd.read_frame(frame), sd.read_frame(frame[::-1]), strict=True):
        assert np.array_equal(one.times, turned.times)
        assert np.array_equal(one.values, turned.values)


def test_sensors_may_be_categories_or_numbers_and_rows_without_one_are_dropped():
    made = per_minute({"id": ["a", "b", None, "a"], "x": [1, 2, 3, 4]})
    for kind in ("object", "category", "string"):
        one, two = sd.read_frame(made.astype({"id": kind}), sensor_column="id")
        assert (one.sensor, one.values.tolist(), one.dropped) == ("a", [[1.0], [4.0]], 1)
        assert (two.sensor, two.values.tolist(), two.dropped) == ("b", [[2.0]], 0)
    found = sd.read_frame(made.assign(id=[7, 8, 7, 8]), sensor_column="id")
    assert [one.sensor for one in found] == ["7", "8"]


def test_times_may_be_durations_and_columns_may_have_numbers_for_names():
    made = pd.DataFrame({0: [1, 2]}, index=pd.to_timedelta(["0s", "90s"]))
    (one,) = sd.read_frame(made, per_column=True)
    assert (one.sensor, one.features, one.times.tolist()) == ("0", ("0",), [0.0, 90.0])


def test_a_file_that_is_not_named_and_an_option_that_there_is_not():
    with pytest.raises(sd.StreamdetectError, match="paths: must be at least one, got none"):
        sd.read_csv()
    with pytest.raises(
        sd.StreamdetectError, match="sensors: unknown option, must be one of columns, sensor,"
    ):
        sd.read_csv("pumps.csv", sensors="id")


def test_an_option_that_is_none_and_a_bundle_that_does_not_fit(frame, bundle):
    with pytest.raises(sd.StreamdetectError, match=r"^threshold\.sigmas"):
        sd.judge(sd.read_frame(frame, columns=["a"]), bundle, threshold={"sigmas": 4})
    with pytest.raises(sd.StreamdetectError, match="got a, b: per_column=True"):
        sd.judge(sd.read_frame(frame), bundle)


def test_a_frame_or_a_path_is_neither_recordings_nor_a_bundle(frame, bundle):
    with pytest.raises(sd.StreamdetectError, match=r"recordings: must be a list from .*, got DataFrame"):
        sd.judge(frame, bundle)
    with pytest.raises(sd.StreamdetectError, match=r"recordings: must be a list from .*, got none"):
        sd.judge([], bundle)
    with pytest.raises(sd.StreamdetectError, match=r"bundle: must be a Bundle, .*, got 'general'"):
        sd.judge(sd.read_frame(frame, columns=["a"]), "general")


def test_everything_public_is_there_and_nothing_is_imported_for_it():
    assert all(getattr(sd, name) is not None for name in sd.__all__)
    assert set(sd.__all__) <= set(dir(sd))
    with pytest.raises(AttributeError, match="nonsense"):
        sd.nonsense  # noqa: B018
    code = "import sys, streamdetect; print([m for m in ('numpy', 'pydantic', 'paho') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_stub_names_what_the_module_gives():
    stub = ast.parse(Path(sd.__file__).with_suffix(".pyi").read_text())
    homes = {
        alias.asname: (node.module.removeprefix("streamdetect."), alias.name)
        for node in stub.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert homes == sd._HOMES
    (listed,) = (node.value for node in stub.body if isinstance(node, ast.Assign))
    assert sorted(ast.literal_eval(listed)) == sorted(sd.__all__)
