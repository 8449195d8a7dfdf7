"""A room that is heated every morning: a day without its peak is found, and other mornings are not."""

from __future__ import annotations

import numpy as np
import pytest

from streamdetect.bundles.bundle import Bundle
from streamdetect.config import validate
from streamdetect.offline.backtest import backtest
from streamdetect.service.assembly import make_detector
from streamdetect.times import DAY, HOUR

STEP, DAYS, COLD = 300.0, 12, 9
MONDAY = 1_700_438_400.0


def temperatures(seed, *, cold):
    """3 degrees more around 7 o'clock, some minutes sooner or later, over a temperature that wanders."""
    rng = np.random.default_rng(seed)
    times = np.arange(0, DAYS * DAY, STEP)
    day, hour = (times // DAY).astype(int), times % DAY / HOUR
    peak = 3.0 * np.exp(-np.square((hour - 7 - rng.normal(0, 0.1, DAYS)[day]) / 0.9))
    wander = np.convolve(rng.normal(size=len(times) + 50), np.ones(50) / 50, "same")[: len(times)]
    values = 19.0 + np.where(day == cold, 0.0, peak) + wander + rng.normal(0, 0.1, len(times))
    return MONDAY + times, values


@pytest.mark.parametrize("seed", [0, 1, 3])
def test_a_day_without_its_peak_is_found_and_normal_mornings_are_not(make_recording, seed):
    times, values = temperatures(seed, cold=COLD)
    config = validate({"detectors": [{}]}).detectors[0]
    recording = make_recording(values, times=times, features=("value",))
    (result,) = backtest(make_detector(config, Bundle.load("general")), [recording])
    known = [one.opened for one in result.incidents if one.opened.time > MONDAY + 4 * DAY]
    (found,) = known
    assert 5 * HOUR < found.time - MONDAY - COLD * DAY < 9 * HOUR
    assert found.direction == "down"
    assert max(found.views, key=found.views.get) == "profile"


def test_without_a_cold_day_nothing_is_found(make_recording):
    times, values = temperatures(1, cold=None)
    config = validate({"detectors": [{}]}).detectors[0]
    recording = make_recording(values, times=times, features=("value",))
    (result,) = backtest(make_detector(config, Bundle.load("general")), [recording])
    assert [one for one in result.incidents if one.opened.time > MONDAY + 4 * DAY] == []
