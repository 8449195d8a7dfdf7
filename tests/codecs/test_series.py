"""Readings of a sensor put in order, as rates, at equal steps; and what survives of it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamdetect.codecs.series import Series, SeriesSettings

START = 1_700_000_040.0  # a whole minute


def run(readings, features=1, **settings):
    series = Series(SeriesSettings(**settings), features, 10)
    return [out for time, *values in readings for out in series.take("s", START + time, tuple(values))]


def found(readings, **settings):
    return [(time - START, *values) for time, values in run(readings, **settings)]


def test_what_comes_late_is_put_in_order_while_it_waits():
    out = found([(0, 1.0), (3, 4.0), (1, 2.0), (2, 3.0), (13, 5.0)], wait=10.0)
    assert out == [(0, 1.0), (1, 2.0), (2, 3.0), (3, 4.0)]


def test_a_counter_becomes_an_increase_or_a_rate_and_a_reset_is_no_reading():
    readings = [(0, 100.0), (10, 150.0), (20, 150.0), (30, 5.0), (40, 25.0), (35, 30.0)]
    assert found(readings, difference="increase") == [(10, 50.0), (20, 0.0), (40, 20.0)]
    assert found(readings, difference="rate") == [(10, 5.0), (20, 0.0), (40, 2.0)]


def test_equal_times_follow_each_other_if_the_readings_differ():
    readings = [(0, 1.0), (0, 2.0), (0, 2.0), (0, 3.0), (1, 4.0)]
    times = [time for time, _ in run(readings, equal_times="keep")]
    assert [value for _, (value,) in run(readings, equal_times="keep")] == [1.0, 2.0, 3.0, 4.0]
    assert times == sorted(set(times))
    assert times[-1] == START + 1
    assert len(run(readings)) == 5  # by default the detector drops them


def test_a_sensor_that_reports_on_change_is_read_at_equal_steps():
    readings = [(5, 1.0), (60, 2.0), (70, 3.0), (200, 4.0), (240, 5.0)]
    assert found(readings, resample=60.0) == [(60, 2.0), (120, 3.0), (180, 3.0), (240, 5.0)]


def test_after_a_long_silence_the_steps_begin_anew():
    out = found([(0, 1.0), (10_000_000, 2.0), (10_000_060, 3.0)], resample=60.0)
    assert [time for time, _ in out][:1] == [0]
    assert len(out) < 5


def test_rates_of_counters_that_come_out_of_order_at_equal_steps():
    readings = [(0, 0.0), (120, 12.0), (60, 6.0), (180, 18.0), (300, 30.0)]
    out = found(readings, wait=100.0, difference="rate", resample=60.0)
    assert out == [(60, 0.1), (120, 0.1), (180, 0.1)]


@given(
    st.lists(st.tuples(st.integers(0, 300), st.floats(-10, 10)), max_size=30),
    st.integers(0, 30),
    st.sampled_from(
        [
            {"wait": 20.0},
            {"equal_times": "keep"},
            {"difference": "rate"},
            {"resample": 7.0},
            {"wait": 5.0, "equal_times": "keep", "difference": "increase", "resample": 3.0},
        ]
    ),
)
def test_it_goes_on_from_a_saved_state_as_if_nothing_had_happened(readings, cut, settings):
    whole = run(readings, **settings)
    first = Series(SeriesSettings(**settings), 1, 10)
    out = [got for time, value in readings[:cut] for got in first.take("s", START + time, (value,))]
    second = Series(SeriesSettings(**settings), 1, 10)
    second.restore(first.snapshot())
    out += [got for time, value in readings[cut:] for got in second.take("s", START + time, (value,))]
    assert out == whole
    assert all(math.isfinite(time) for time, _ in whole)


@pytest.mark.parametrize("settings", [{"wait": 1.0}, {"resample": 5.0}])
def test_no_more_sensors_are_known_than_there_may_be(settings):
    series = Series(SeriesSettings(**settings), 1, 10)
    for at in range(100):
        series.take(str(at), START, (1.0,))
    assert len(series.snapshot()) == 10
    assert not SeriesSettings().needed
