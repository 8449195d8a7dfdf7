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


@pytest.mark.parametrize(
    ("columns", "message"), [({"x": ["a", "b"]}, "x: must hold numbers"), ({"x": [np.nan]}, "no usable row")]
)
def test_what_is_no_reading(columns, message):
    with pytest.raises(sd.StreamdetectError, match=message):
        sd.read_frame(pd.DataFrame(columns))


def test_an_option_that_is_none_and_a_bundle_that_does_not_fit(frame, bundle):
    with pytest.raises(sd.StreamdetectError, match=r"threshold\.sigmas"):
        sd.judge(sd.read_frame(frame, columns=["a"]), bundle, threshold={"sigmas": 4})
    with pytest.raises(sd.StreamdetectError, match="got a, b: --per-column"):
        sd.judge(sd.read_frame(frame), bundle)


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
