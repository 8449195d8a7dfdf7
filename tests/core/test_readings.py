"""Readings of wrong shapes are refused where they are made."""

import numpy as np
import pytest

from streamdetect.core.readings import Readings


def test_readings_of_fitting_shapes_are_taken():
    assert len(Readings(["a", "b"], np.zeros(2), np.zeros((2, 3))).sensors) == 2
    assert len(Readings([], np.zeros(0), np.zeros((0, 1))).sensors) == 0


@pytest.mark.parametrize(
    ("times", "values", "got"),
    [
        ([0.0], [[1.0]], "got 1, list and list"),
        (np.zeros(1), [[1.0]], r"got 1, \(1,\) and list"),
        (np.zeros(1), np.zeros(1), r"got 1, \(1,\) and \(1,\)"),
        (np.zeros(2), np.zeros((2, 1)), r"got 1, \(2,\) and \(2, 1\)"),
        (np.zeros(1), np.zeros((2, 1)), r"got 1, \(1,\) and \(2, 1\)"),
        (np.zeros((1, 1)), np.zeros((1, 1)), r"got 1, \(1, 1\) and \(1, 1\)"),
    ],
)
def test_readings_of_other_shapes_say_so(times, values, got):
    with pytest.raises(ValueError, match=r"must be N sensors, an array of times \(N,\) .*" + got):
        Readings(["a"], times, values)
