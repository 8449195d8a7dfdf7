"""Every recorded data set is read by options that fit its layout; figures counted by other means."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from streamdetect.offline.recordings import Layout, read


def test_nab(data):
    paths = sorted((data / "nab_dev" / "data").glob("*/*.csv"))
    recordings = read(paths, Layout(labels=data / "nab_dev" / "windows.json"))
    windows = json.loads((data / "nab_dev" / "windows.json").read_text())
    assert len(recordings) == len(windows) == 28
    for path, recording in zip(paths, recordings, strict=True):
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert recording.values[:, 0].tolist() == [float(row["value"]) for row in rows]
        assert recording.dropped == 0
        spans = [[edge.split(".")[0] for edge in span] for span in windows[f"{path.parent.name}/{path.name}"]]
        inside = [any(start <= row["timestamp"] <= end for start, end in spans) for row in rows]
        assert recording.labels.tolist() == inside


def test_motes(data):
    layout = Layout(
        columns=("temperature", "humidity"),
        sensor_column="mote_id",
        time_column="none",
        step=5,
        label_column="label",
    )
    recordings = read([data / "suthaharan_single_hop" / "single_hop_data.csv"], layout)
    shapes = {recording.sensor: recording.values.shape for recording in recordings}
    assert shapes == {"1": (4417, 2), "2": (4417, 2), "3": (5039, 2), "4": (5041, 2)}
    assert [int(recording.labels.sum()) for recording in recordings] == [117, 0, 0, 32]
    assert recordings[0].values[0].tolist() == [27.97, 45.93]


def test_smart_home(data):
    paths = sorted((data / "opensmarthome").glob("*.csv"))
    recordings = read(paths)
    assert len(recordings) == len(paths) > 30
    for path, recording in zip(paths, recordings, strict=True):
        table = np.loadtxt(path, delimiter="\t")
        np.testing.assert_array_equal(recording.times, table[:, 0])
        np.testing.assert_array_equal(recording.values, table[:, 1:])
        assert recording.features == ("value",)


@pytest.mark.parametrize("per_column", [False, True])
def test_test_bench(data, per_column):
    recordings = read([data / "skab_normal" / "anomaly-free.csv"], Layout(per_column=per_column))
    assert [recording.values.shape for recording in recordings] == (
        [(9405, 1)] * 8 if per_column else [(9405, 8)]
    )
    assert recordings[-1].features[-1] == "Volume Flow RateRMS"
    assert recordings[-1].sensor == ("Volume_Flow_RateRMS" if per_column else "anomaly-free")


def test_stock_index(data):
    (recording,) = read([data / "spx" / "spx.csv"])
    assert (len(recording), recording.features) == (8192, ("close",))
    assert recording.times[0] == np.datetime64("1986-01-02").astype("datetime64[s]").astype(float)


def test_spacecraft(data):
    folder = data / "smap_msl_dev"
    recordings = read([folder / "telemetry.npz"], Layout(arrays="*__test", labels=folder / "labels.json"))
    labels = json.loads((folder / "labels.json").read_text())
    assert {recording.sensor for recording in recordings} == set(labels)
    for recording in recordings:
        marked = np.zeros(len(recording), bool)
        for start, end in labels[recording.sensor]["anomalies"]:
            marked[start : end + 1] = True
        np.testing.assert_array_equal(recording.labels, marked)


def test_servers(data):
    paths = sorted((data / "asd_dev").glob("*.npz"))
    recordings = read(paths, Layout(arrays="test"))
    assert [recording.sensor for recording in recordings] == [f"omi-{n}" for n in range(1, 7)]
    for path, recording in zip(paths, recordings, strict=True):
        with np.load(path, allow_pickle=False) as archive:
            np.testing.assert_array_equal(recording.values, archive["test"])
            np.testing.assert_array_equal(recording.labels, archive["test_label"] == 1)
