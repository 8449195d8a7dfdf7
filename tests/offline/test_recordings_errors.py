"""Errors of reading name the place: file, line, column, value."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest

from streamdetect.errors import DataError
from streamdetect.offline.recordings import Layout, read

CSV = {
    "empty": ("", {}, ["data.csv", "empty"]),
    "blank": ("\n\n", {}, ["empty"]),
    "header only": ("time,v\n", {"columns": ("v",)}, ["no usable row"]),
    "nothing usable": ("time,v\n2024-05-01,x\n", {"columns": ("v",)}, ["no usable row", "1 dropped"]),
    "no time column": ("a,b\n1,2\n", {}, ["--time-column none", "'a'"]),
    "row numbers are no times": ("reading,b\n1,2\n2,3\n", {}, ["--time-column"]),
    "unknown column": (
        "time,volts\n2024-05-01,1\n",
        {"columns": ("volt",)},
        ["'volt'", "did you mean 'volts'?"],
    ),
    "column number": ("time,v\n2024-05-01,1\n", {"columns": ("3",)}, ["'3'"]),
    "unknown sensor column": ("time,v\n2024-05-01,1\n", {"sensor_column": "mote"}, ["'mote'", "'time', 'v'"]),
    "unknown label column": ("time,v\n2024-05-01,1\n", {"label_column": "label"}, ["'label'"]),
    "no numeric column": ("time,v\n2024-05-01,x\n", {}, ["no numeric column"]),
    "bad time": (
        "time,v\n2024-05-01,1\nyesterday,2\n",
        {},
        ["line 3", "column 'time'", "'yesterday'", "ISO 8601"],
    ),
    "bad time after blank lines": ("time,v\n\n2024-05-01,1\n\n\nx,2\n", {}, ["line 6"]),
    "bad time in a quoted, many-line row": ('time,v,note\n2024-05-01,1,"a\nb"\nx,2,c\n', {}, ["line 4"]),
    "milliseconds taken for seconds": (
        "time,v\n1714564800000,1\n",
        {"time_format": "s"},
        ["line 2", "--time-format"],
    ),
    "neither seconds nor ISO": ("time,v\n1st of May,1\n", {}, ["'time'", "'1st of May'", "--time-format"]),
    "not the format": ("time,v\n2024-05-01,1\n", {"time_format": "%d.%m.%Y"}, ["line 2", "'%d.%m.%Y'"]),
    "no time at all": ("time,v\nnan,1\n", {"time_format": "s"}, ["line 2", "'nan'"]),
    "bad label": (
        "time,v,bad\n2024-05-01,1,maybe\n",
        {"columns": ("v",), "label_column": "bad"},
        ["line 2", "column 'bad'", "'maybe'", "0, 1, true or false"],
    ),
    "too many cells": ("time,v\n2024-05-01,1\n2024-05-02,2,3\n", {}, ["line 3", "3 cells", "2"]),
    "same column twice": (
        "time,v,v\n2024-05-01,1,2\n",
        {"per_column": True},
        ["same name", "'v'"],
    ),
    "two sensors of one id": (
        "time,s,v\n2024-05-01,a b,1\n2024-05-01,a_b,1\n",
        {"sensor_column": "s"},
        ["'a_b'", "'a b'"],
    ),
    "no such encoding": ("time,v\n2024-05-01,1\n", {"encoding": "utf-99"}, ["utf-99"]),
}


@pytest.mark.parametrize("name", CSV)
def test_csv(tmp_path, name):
    text, layout, said = CSV[name]
    path = tmp_path / "data.csv"
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        read([path], Layout(**layout))
    message = str(caught.value)
    assert "\n" not in message
    for part in ["data.csv" if "id" not in name and "twice" not in name else "", *said]:
        assert part in message


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(DataError, match=r"nowhere\.csv: No such file"):
        read([tmp_path / "nowhere.csv"])
    with pytest.raises(DataError, match="this folder has no recording"):
        read([tmp_path])


def test_not_utf8(tmp_path):
    path = tmp_path / "data.csv"
    path.write_bytes("time,°C\n2024-05-01,1\n".encode("latin-1"))
    with pytest.raises(DataError, match="--encoding latin-1"):
        read([path])


@pytest.mark.parametrize("content", [b"not gzip", gzip.compress(b"time,v\n2024-05-01,1\n" * 99)[:-20]])
def test_broken_gzip(tmp_path, content):
    path = tmp_path / "data.csv.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"data\.csv\.gz"):
        read([path])


def test_enormous_cell(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("time,v\n2024-05-01," + "1" * 200_000 + "\n")
    with pytest.raises(DataError, match="field larger than"):
        read([path])


LABELS = {
    "not JSON": ("{", ["labels.json"]),
    "a list": ("[]", ["must be an object"]),
    "not ranges": ('{"data.csv": 5}', ["'data.csv'", "5"]),
    "three ends": ('{"data.csv": [[1, 2, 3]]}', ["'data.csv'[0]", "[1, 2, 3]"]),
    "mixed ends": ('{"data.csv": [[0, 1], [1, "2024-05-01"]]}', ["'data.csv'[1]"]),
    "bool": ('{"data.csv": [[false, true]]}', ["[false, true]"]),
    "backwards": ('{"data.csv": [[2, 1]]}', ["ends before it starts"]),
    "bad time": ('{"data.csv": [["2024-05-01", "soon"]]}', ["soon", "ISO 8601"]),
    "of other files": ('{"other.csv": []}', ["must name one of the recordings", "other.csv"]),
}


@pytest.mark.parametrize("name", LABELS)
def test_labels(tmp_path, name):
    text, said = LABELS[name]
    (tmp_path / "data.csv").write_text("time,v\n2024-05-01,1\n")
    (tmp_path / "labels.json").write_text(text)
    with pytest.raises(DataError) as caught:
        read([tmp_path / "data.csv"], Layout(labels=tmp_path / "labels.json"))
    assert all(part in str(caught.value) for part in said)


NPZ = {
    "no match": ({"train": np.ones(3)}, "test", "no array matches 'test' among train"),
    "text": ({"a": np.array(["x"])}, "*", "must be numbers"),
    "cube": ({"a": np.ones((2, 2, 2))}, "*", "(2, 2, 2)"),
    "labels of another length": (
        {"a": np.ones(3), "a_label": np.ones(2)},
        "*",
        "a_label: must have shape (3,)",
    ),
}


@pytest.mark.parametrize("name", NPZ)
def test_npz(tmp_path, name):
    arrays, pattern, said = NPZ[name]
    np.savez(tmp_path / "data.npz", **arrays)
    with pytest.raises(DataError) as caught:
        read([tmp_path / "data.npz"], Layout(arrays=pattern))
    assert "data.npz" in str(caught.value)
    assert said in str(caught.value)


def test_npz_is_never_unpickled(tmp_path):
    class Harmful:
        def __reduce__(self):
            return (tmp_path / "run").touch, ()

    np.savez(tmp_path / "data.npz", a=np.array([Harmful()], dtype=object))
    with pytest.raises(DataError, match=r"allow_pickle"):
        read([tmp_path / "data.npz"])
    assert not (tmp_path / "run").exists()


def test_npz_that_is_none(tmp_path):
    (tmp_path / "data.npz").write_text(json.dumps({}))
    with pytest.raises(DataError, match=r"data\.npz"):
        read([tmp_path / "data.npz"])
    (tmp_path / "data.npz").write_bytes(b"PK\x03\x04torn")
    with pytest.raises(DataError, match=r"data\.npz"):
        read([tmp_path / "data.npz"])
