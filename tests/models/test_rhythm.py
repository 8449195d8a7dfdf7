"""The interval of a recording's readings, and the period of its pattern."""

from __future__ import annotations

import numpy as np
import pytest

from streamdetect.training.rhythm import period_of, rhythm_of
from streamdetect.training.series import Series

RNG = np.random.default_rng(4)
AT = np.arange(2000)


@pytest.mark.parametrize("length", [5, 31, 180, 600])
def test_the_period_of_a_sine_in_noise(length):
    values = 20 + np.sin(2 * np.pi * AT / length) + RNG.normal(0, 0.3, len(AT))
    assert period_of(values) == pytest.approx(length, rel=0.05)


def test_a_trend_and_batches_of_uneven_length_hide_no_period():
    lengths = RNG.normal(200, 6, 12)
    phase = np.interp(AT, np.concatenate([[0], np.cumsum(lengths)]), np.arange(13))
    batches = (phase % 1 < 0.3) + 0.5 * (phase % 1 > 0.8)
    assert period_of(batches + 0.01 * AT) == pytest.approx(200, rel=0.05)


@pytest.mark.parametrize(
    "values",
    [
        RNG.normal(size=2000),
        np.cumsum(RNG.normal(size=2000)),
        np.full(2000, 0.1),
        AT * 0.1,
        np.sin(AT / 400),  # less than three times
        np.ones(3),
        np.zeros(0),
    ],
    ids=["noise", "walk", "constant", "line", "too short", "three readings", "none"],
)
def test_no_period(values):
    assert period_of(values) is None


def test_the_median_of_all_sensors_and_features():
    def series(times, *lengths):
        return Series("s", np.column_stack([np.sin(2 * np.pi * AT / one) for one in lengths]), times)

    found = rhythm_of([series(AT * 60.0, 20, 30), series(AT * 60.0, 40, 50), series(None, 60, 70)])
    assert found.interval == 60
    assert found.period == pytest.approx(45, abs=1)
    assert rhythm_of([Series("s", RNG.normal(size=(9, 1)))]) == (None, None)
