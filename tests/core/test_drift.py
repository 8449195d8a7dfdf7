"""A model that fits worse and worse: the usual error of a week against that of the first one."""

from __future__ import annotations

import numpy as np
import pytest
from quick_detector import nothing
from streams import cut

from streamdetect.core.detector import Detector, DetectorSettings
from streamdetect.core.drift import BACK, LIMIT, WEEK, Drifted
from streamdetect.core.readings import Readings
from streamdetect.core.scaling import Scaling
from streamdetect.times import DAY

EVERY = 600.0  # s
WEEKS = 5


def detector():
    return Detector(DetectorSettings(time_steps=4, features=1, scaling=Scaling("none")), nothing)


def stream(spread=lambda week: 1.0 + 0.0 * week, sensor="s", weeks=WEEKS):
    """Readings whose error is how far they spread, at each time in weeks."""
    times = np.arange(0, weeks * WEEK, EVERY)
    daily = 1 + 0.3 * np.sin(2 * np.pi * times / DAY)
    values = np.random.default_rng(3).normal(size=len(times)) * spread(times / WEEK) * daily
    return Readings([sensor] * len(times), 1.7e9 + times, values[:, None])


def doubles(week):
    """Grows in the third and fourth week."""
    return 1 + np.clip((week - 2) / 2, 0, 1) * 1.5


def drifted(one, readings, size=700):
    found = []
    for start in range(0, len(readings.times), size):
        found += one.process(cut(readings, start, start + size)).drifted
    return found


def test_a_slow_drift_is_told_once():
    one = detector()
    (found,) = drifted(one, stream(doubles))
    assert found.sensor == "s"
    assert 2.5 * WEEK < found.time - 1.7e9 < 4.5 * WEEK
    assert found.since == pytest.approx(1.7e9, abs=DAY)
    assert LIMIT <= found.ratio < LIMIT + 0.05
    columns = one.columns()
    assert columns.drifting.tolist() == [True]
    assert columns.drift[0] > LIMIT


def test_what_stays_as_it_is_has_not_drifted():
    one = detector()
    assert drifted(one, stream()) == []
    assert one.columns().drift[0] == pytest.approx(1.0, abs=0.1)


def test_nothing_is_known_before_the_first_week_is_over():
    one = detector()
    one.process(stream(weeks=0.9))
    assert np.isnan(one.columns().drift).all()


def test_it_is_over_once_the_model_fits_again():
    one = detector()
    found = drifted(one, stream(lambda week: doubles(week) - 1.5 * np.clip((week - 6) / 1, 0, 1), weeks=12))
    assert len(found) == 1
    columns = one.columns()
    assert columns.drift[0] < BACK
    assert not columns.drifting[0]


def test_a_pause_says_nothing():
    """Three weeks without a reading, and then a day that is worse: a week of it is not known."""
    one, readings = detector(), stream(lambda week: np.where(week < 2, 1.0, 3.0), weeks=2.15)
    times = readings.times + 3 * WEEK * (readings.times >= 1.7e9 + 2 * WEEK)
    assert drifted(one, Readings(readings.sensors, times, readings.values)) == []
    assert one.columns().drift[0] < LIMIT


def test_batches_and_restarts_cannot_be_seen():
    readings = stream(doubles)
    whole = detector()
    expected = drifted(whole, readings)
    parts = detector()
    half = len(readings.times) // 2
    found = drifted(parts, cut(readings, 0, half), size=37)
    restored = detector()
    restored.restore(parts.snapshot())
    found += drifted(restored, cut(readings, half, 2 * half), size=101)
    assert found == expected
    np.testing.assert_array_equal(restored.columns().drift, whole.columns().drift)


def test_another_model_begins_with_a_first_week_of_its_own():
    one = detector()
    drifted(one, stream(doubles))
    one.state.judge.forget_errors(one.sensors.rows())
    assert np.isnan(one.columns().drift).all()
    assert not one.columns().drifting.any()


def test_the_ratio_is_that_of_what_is_judged():
    assert Drifted("s", 0.0, 0.0, error=0.0, first=0.0).ratio == 1.0
