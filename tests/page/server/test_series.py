"""The past of sensors: the points are those of a plain loop over the readings, and keep to a budget."""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamdetect.core.rules import VIEWS
from streamdetect.core.verdicts import Verdicts
from streamdetect.page.series import past
from streamdetect.page.series_writer import SeriesWriter, points
from streamdetect.store import DamagedError
from streamdetect.store.series import SERIES, STEPS, SeriesStore, fields

WIDTH = fields(1) + len(VIEWS)
START = 1.7e9 // STEPS[-1] * STEPS[-1]


def columns(values) -> np.ndarray:
    """Columns of readings of one feature; band and score follow from the values."""
    data = np.full((len(values), WIDTH), np.nan, dtype=np.float32)
    data[:, 0] = 1
    for at in range(1, 4):
        data[:, at] = values
    data[:, 4:7] = np.array(values)[:, None] + [0, -1, 1]
    data[:, 7] = np.array(values) / 8
    return data


def plain(readings, step):
    """The same points by a plain loop: a dictionary by sensor and slot."""
    groups = defaultdict(list)
    for sensor, time, value in readings:
        groups[sensor, math.floor(time / step)].append(value)
    return {
        key: (len(values), sum(values) / len(values), min(values), max(values), values[-1], max(values) / 8)
        for key, values in groups.items()
    }


def kept(store, sensor, step):
    slots, data = store.read("d", sensor, ["v"], step, START - 1e6, START + 1e6)
    return {
        (sensor, slot): tuple(row[[0, 1, 2, 3, 4, 7]].tolist())
        for slot, row in zip(slots.tolist(), data, strict=True)
    }


def record(store, readings):
    if readings:
        sensors, times, values = zip(*readings, strict=True)
        for step in STEPS:
            store.record("d", ["v"], step, points(sensors, np.array(times), columns(values), step))


STREAMS = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 400), st.integers(-40, 40)), min_size=1, max_size=60
)


@given(STREAMS, st.integers(0, 60))
def test_points_are_what_a_plain_loop_finds_however_the_readings_are_cut(stream, cut):
    readings = [
        (sensor, START + time, float(value)) for sensor, time, value in sorted(stream, key=lambda one: one[1])
    ]
    store = SeriesStore(None, 1 << 20)
    record(store, readings[:cut])
    record(store, readings[cut:])
    for step in STEPS:
        wanted = plain(readings, step)
        found = {key: one for sensor in "abc" for key, one in kept(store, sensor, step).items()}
        assert found.keys() == wanted.keys()
        for key, one in wanted.items():
            assert found[key] == pytest.approx(one, rel=1e-5, abs=1e-5)
    store.close()


def test_it_survives_being_closed_and_is_for_us_alone(tmp_path):
    store = SeriesStore(tmp_path / SERIES, 1 << 20)
    record(store, [("a", START, 1.0)])
    store.close()
    again = SeriesStore(tmp_path / SERIES, 1 << 20)
    record(again, [("a", START + 1, 3.0)])
    assert kept(again, "a", 10)[("a", START // 10)][:4] == (2, 2, 1, 3)
    again.close()
    assert (tmp_path / SERIES).stat().st_mode & 0o077 == 0


def test_it_stays_within_its_budget_and_says_what_is_gone(tmp_path):
    budget = 512 * 1024
    store = SeriesStore(tmp_path / SERIES, budget)
    sensors = [f"s{at}" for at in range(20)]
    for minute in range(100):
        times = [START + 60 * minute + 10 * at for at in range(6)]
        record(store, [(sensor, time, 1.0) for sensor in sensors for time in times])
        while store.prune():
            pass
        assert store.size <= budget
    gone = store.gone()
    assert gone.keys() == {10}, "the finest goes first"
    asked = {"key": ("d", "s0"), "features": {"v": ""}, "most": 500}
    long = past(store, span=(START, START + 6000), **asked)
    assert long["step"] == 120, "where the finest step does not go back so far, a coarser one does"
    assert long["gone_before"] is None
    assert sum(long["readings"]) == 600
    short = past(store, span=(gone[10], START + 6000), **asked)
    assert short["step"] == 10
    store.close()
    again = SeriesStore(tmp_path / SERIES, budget)
    assert again.gone() == gone
    again.close()


def test_where_all_is_gone_it_is_said(tmp_path):
    store = SeriesStore(tmp_path / SERIES, 1)
    record(store, [("a", START, 1.0)])
    while store.prune():
        pass
    told = past(store, ("d", "a"), {"v": "°C"}, (START, START + 100), 500)
    assert told["times"] == []
    assert told["gone_before"] is not None
    assert store.read("d", "a", ["v"], 10, START, START + 100)[0].tolist() == []
    store.close()


def test_names_of_sensors_that_are_gone_go_as_well(tmp_path):
    store = SeriesStore(tmp_path / SERIES, 1)
    record(store, [("a", START, 1.0)])
    while store.prune():
        pass
    assert store._connection.execute("SELECT count(*) FROM series").fetchone() == (0,)
    record(store, [("a", START, 1.0)])
    assert len(kept(store, "a", 10)) == 1
    store.close()


def test_what_was_written_with_fewer_views_is_read_without_their_scores():
    store = SeriesStore(None, 1 << 20)
    for at, width in ((0, WIDTH - 2), (10, WIDTH), (0, WIDTH)):
        its = points(["a"], np.array([START + at]), columns([4.0])[:, :width], 10)
        store.record("d", ["v"], 10, its)
    slots, data = store.read("d", "a", ["v"], 10, START, START + 20)
    assert (data.shape, slots.tolist()) == ((2, WIDTH), [START // 10, START // 10 + 1])
    assert data[:, 0].tolist() == [2, 1]
    assert data[:, 1].tolist() == [4, 4]
    assert data[:, fields(1)].tolist() == [0.5, 0.5]


def test_a_bundle_with_other_features_begins_a_series_of_its_own():
    store = SeriesStore(None, 1 << 20)
    record(store, [("a", START, 1.0)])
    assert store.read("d", "a", ["x", "y"], 10, START, START)[0].tolist() == []
    assert store.read("other", "a", ["v"], 10, START, START)[0].tolist() == []


@pytest.mark.parametrize("seconds", [100, 1000, 86_400, 864_000])
def test_no_more_points_are_told_than_asked_for(seconds):
    store = SeriesStore(None, 16 << 20)
    readings = [("a", START + at * seconds / 2000, float(at % 7)) for at in range(2000)]
    record(store, readings)
    told = past(store, ("d", "a"), {"v": ""}, (START, START + seconds), 50)
    assert 10 <= len(told["times"]) <= 52
    assert sum(told["readings"]) == 2000
    (feature,) = told["features"]
    assert (min(feature["min"]), max(feature["max"])) == (0, 6)
    total = sum(mean * count for mean, count in zip(feature["mean"], told["readings"], strict=True))
    assert total == pytest.approx(sum(value for _, _, value in readings), rel=1e-4)


# The writer


class Shown:
    """The parts of a detector that the writer reads."""

    name, features = "d", ("v",)


def verdicts(count, features=1) -> Verdicts:
    """Make the parts of verdicts that the writer reads."""
    wide = np.ones((count, features))
    others = dict.fromkeys(field.name for field in dataclasses.fields(Verdicts))
    known = {
        "index": np.arange(count),
        "sensors": ["a"] * count,
        "times": START + np.arange(float(count)),
        "values": wide,
        "view_scores": np.arange(float(count))[:, None] - np.arange(len(VIEWS)) * 2,
        "expected": wide,
        "lower": wide,
        "upper": wide,
    }
    return Verdicts(**others | known)


def writer(path=None) -> SeriesWriter:
    return SeriesWriter(path, 1 << 20, lambda: [Shown()])


def test_the_main_loop_hands_over_and_does_no_more(monkeypatch):
    one = writer()
    monkeypatch.setattr("streamdetect.page.series_writer.MOST_WAITING", 1000)
    for _ in range(30):
        one.take([("d", verdicts(50))])
    assert one.lost == 500, "what does not fit is left out, and counted"
    one._write_all()
    one.take([("d", verdicts(50))])
    assert one.lost == 500
    assert sum(row[0] for row in kept(one.store, "a", 10).values()) == 1000
    one.close()


def test_a_point_has_the_largest_score_of_each_view():
    one = writer()
    one.take([("d", verdicts(10)), ("gone", verdicts(10)), ("d", verdicts(5, features=2))])
    one._write_all()
    _, data = one.store.read("d", "a", ["v"], 10, START, START)
    assert data[0, fields(1) :].tolist() == [9 - 2 * at for at in range(len(VIEWS))]
    one.close()


def test_a_damaged_store_is_set_aside_and_a_new_one_begun(tmp_path, caplog):
    path = tmp_path / SERIES
    path.write_bytes(b"no database" * 100)
    one = writer(path)
    assert "set aside" in caplog.text
    assert len(list(tmp_path.glob("series.db.set-aside-*"))) == 1
    one.take([("d", verdicts(10))])
    one._write_all()
    assert one.failure == ""
    one.close()


def test_one_that_breaks_while_it_is_used_is_set_aside(tmp_path, monkeypatch):
    one = writer(tmp_path / SERIES)

    def broken(*_):
        raise DamagedError("a bit has flipped")

    monkeypatch.setattr(one.store, "record", broken)
    one.take([("d", verdicts(10))])
    one._write_all()
    assert (one.lost, one.failure) == (10, "a bit has flipped")
    one.take([("d", verdicts(10))])
    one._write_all()
    assert one.failure == ""
    assert sum(row[0] for row in kept(one.store, "a", 10).values()) == 10
    one.close()


def test_a_disk_that_is_full_costs_the_points_and_nothing_else(tmp_path):
    one = writer(tmp_path / SERIES)
    one.store._connection.execute("PRAGMA max_page_count = 1")
    for at in range(200):
        many = verdicts(50)
        many.sensors[:] = [f"s{at}-{number}" for number in range(50)]
        one.take([("d", many)])
    one._write_all()
    assert (one.lost, "full" in one.failure) == (10_000, True)
    one.store._connection.execute("PRAGMA max_page_count = 100000")
    again = verdicts(50)
    again.sensors[:] = [f"s0-{number}" for number in range(50)]
    one.take([("d", again)])
    one._write_all()
    assert (one.lost, one.failure) == (10_000, "")
    assert len(kept(one.store, "s0-0", 10)) == 1
    one.close()


def test_a_bug_in_writing_is_logged_and_ends_nothing(monkeypatch, caplog):
    one = writer()
    monkeypatch.setattr(one, "_write", lambda _: 1 / 0)
    one.take([("d", verdicts(10))])
    one._write_all()
    assert "cannot write the series of the page" in caplog.text
    assert one.lost == 10
    one.close()
