"""Columns that only some rows have."""

import numpy as np
import pytest
from streams import detector

from streamdetect.core.columns import Places
from streamdetect.core.readings import Readings


class Few(Places):
    def __init__(self):
        super().__init__()
        self.column("count", np.int32)
        self.column("shares", np.float64, np.nan, (2,))
        self.resize(10)


@pytest.fixture
def few():
    return Few()


def rows(*numbers):
    return np.array(numbers, dtype=np.intp)


def test_rows_without_a_place_stand_as_declared(few):
    at = few.enter(rows(3, 7))
    few.count[at], few.shares[at] = [30, 70], 0.5
    saved = few.snapshot(np.arange(10))
    assert saved["count"].tolist() == [0, 0, 0, 30, 0, 0, 0, 70, 0, 0]
    assert np.isnan(saved["shares"]).all(axis=1).tolist() == [row not in (3, 7) for row in range(10)]


def test_a_row_keeps_its_place_until_it_leaves(few):
    at = few.enter(rows(3))
    few.count[at] = 30
    assert few.enter(rows(3, 4))[0] == at[0]
    assert few.count[few.of(rows(3, 4))].tolist() == [30, 0]
    few.leave(rows(3, 5))
    assert few.snapshot(rows(3))["count"].tolist() == [0]
    assert few.count[few.enter(rows(8))].tolist() == [0]


def test_there_are_only_as_many_places_as_were_needed_at_a_time(few):
    for row in range(10):
        few.enter(rows(row))
        few.leave(rows(row))
    assert len(few.count) == 2  # and the one of rows without a place


def test_a_snapshot_gives_places_to_the_rows_that_need_one(few):
    at = few.enter(rows(1, 2))
    few.count[at] = [0, 20]
    other = Few()
    other.restore(np.arange(10), few.snapshot(np.arange(10)))
    assert (other.of(np.arange(10)) > 0).tolist() == [row == 2 for row in range(10)]
    assert other.snapshot(np.arange(10))["count"].tolist() == few.snapshot(np.arange(10))["count"].tolist()


def test_a_row_that_is_cleared_has_no_place(few):
    few.enter(rows(1))
    few.clear(rows(1))
    assert few.of(rows(1)).tolist() == [0]


def test_sensors_have_a_place_while_they_have_anomalous_readings_in_a_row():
    one = detector()
    cases = one.state.judge.incidents.cases
    calm = np.random.default_rng(0).normal(size=200)
    for at, value in enumerate([*calm, 50.0, 50.0, 50.0]):
        one.process(Readings(["a"], np.array([1e9 + at]), np.array([[value]])))
    row = one.sensors.find(["a"])
    assert cases.of(row) > 0
    for at, value in enumerate(calm):
        one.process(Readings(["a"], np.array([1e9 + 203 + at]), np.array([[value]])))
    assert cases.of(row) == 0
    assert len(cases.anomalous) == 2
