"""Features by name: between files, a recording and a bundle, and as the daemon joins and fills them."""

from __future__ import annotations

import numpy as np
import pytest

from streamdetect.codecs.joining import Joiner
from streamdetect.errors import DataError
from streamdetect.offline.recordings import Layout, describe, read, with_features
from streamdetect.offline.recordings.joining import joined
from streamdetect.offline.recordings.normal import normal


def test_features_are_put_in_the_order_that_is_wanted(make_recording):
    recording = make_recording([[1, 2], [3, 4]], features=("flow", "temp"))
    (found,) = with_features([recording], ("temp", "flow"), "the bundle")
    assert found.features == ("temp", "flow")
    assert found.values.tolist() == [[2, 1], [4, 3]]


@pytest.mark.parametrize("wanted", [("temp", "pressure"), ("temp",), ("temp", "flow", "hum")])
def test_a_feature_that_is_not_there_is_named(make_recording, wanted):
    recording = make_recording([[1, 2]], features=("flow", "Temp"))
    with pytest.raises(DataError, match=rf"pump: .*{wanted[-1]}.*got flow, Temp") as caught:
        with_features([recording], wanted, "the bundle b")
    assert ("--per-column" in str(caught.value)) == (len(wanted) == 1)


def test_one_feature_has_any_name(make_recording):
    recording = make_recording([[1], [2]], features=("temp",))
    assert with_features([recording], ("value",), "the bundle") == [recording]


@pytest.mark.parametrize(
    ("features", "wanted"), [(("a", "b"), ("value_1", "value_2")), (("a", "b"), ("1", "2"))]
)
def test_names_that_are_numbers_mean_places(make_recording, features, wanted):
    recording = make_recording([[1, 2]], features=features)
    assert with_features([recording], wanted, "the bundle") == [recording]


def test_a_file_without_a_header_has_places_only(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("2026-03-02,1.5,2\n2026-03-03,3,4.5\n")
    found = with_features(read([path]), ("temp", "flow"), "the bundle")
    assert found[0].values.tolist() == [[1.5, 2], [3, 4.5]]


def test_what_else_a_recording_has_is_said_to_be_left_out(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("time,hum,temp\n2026-03-02,40.5,20\n2026-03-03,41,20.5\n")
    found = with_features(read([path]), ("temp",), "the bundle b")
    assert found[0].values.tolist() == [[20], [20.5]]
    assert "left out  hum (no feature of the bundle b)" in "\n".join(describe(found))


def test_readings_known_to_be_anomalous_are_not_learned_from(make_recording):
    labels = [False, False, True, True, False, True, False]
    recording = make_recording(np.arange(7.0), labels=labels)
    parts = normal([recording, make_recording([8.0])])
    assert [part.values[:, 0].tolist() for part in parts] == [[0, 1], [4], [6], [8]]
    assert len({part.sensor for part in parts}) == 4
    assert normal([make_recording([1.0, 2.0], labels=[True, True])]) == []


@pytest.mark.parametrize("tolerance", [0.0, 0.4, 1.0, 5.0])
def test_join_as_the_daemon_does(make_recording, tolerance):
    random = np.random.default_rng(3)
    values = random.normal(size=(60, 3))
    values[random.random(values.shape) < 0.6] = np.nan
    times = 1.7e9 + np.cumsum(random.choice([0.1, 0.3, 1.5], 60))
    recording = make_recording(values, times=times, labels=random.random(60) < 0.1)
    joiner = Joiner(3, tolerance, 100)
    expected = [
        reading
        for time, row in zip(times, values, strict=True)
        for place in range(3)
        if np.isfinite(row[place])
        for reading in joiner.take("pump", place, time, row[place])
    ]
    found = joined(recording, tolerance)
    assert found.times.tolist() == [reading.time for reading in expected]
    np.testing.assert_array_equal(found.values, [reading.values for reading in expected])
    assert len(found.labels) == len(found)


def test_incomplete_readings_are_kept_for_who_can_use_them(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("time,a,b\n2026-03-02,1.5,\n2026-03-03,,\n2026-03-04,2,3\n2026-03-05,2,3.5\n")
    (whole,), (partial,) = read([path]), read([path], Layout(partial=True))
    assert (len(whole), whole.incomplete) == (2, 2)
    assert (len(partial), partial.incomplete) == (3, 1)
    assert np.isnan(partial.values[0, 1])
