"""Labels against verdicts, by hand-computed examples."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamdetect.offline.backtest import Counts, backtest, evaluate
from streamdetect.offline.backtest.evaluation import Evaluation, points, runs
from streamdetect.offline.backtest.faults import Fate, Span


def flags(text):
    return np.array([mark == "#" for mark in text])


@pytest.mark.parametrize(
    ("verdicts", "labels", "counts"),
    [
        #  tp, fp, fn
        ("..##..", "..##..", (2, 0, 0)),
        ("..##..", "......", (0, 2, 0)),
        ("......", "..##..", (0, 0, 2)),
        (".##...", "..##..", (1, 1, 1)),
        ("######", "..##..", (2, 4, 0)),
    ],
)
def test_points(verdicts, labels, counts):
    assert points(flags(verdicts), flags(labels)) == Counts(*counts)


def test_rates():
    counts = Counts(tp=3, fp=1, fn=2)
    assert counts.precision == 0.75
    assert counts.recall == 0.6
    assert counts.f1 == pytest.approx(2 * 0.75 * 0.6 / (0.75 + 0.6))
    nothing = Counts(0, 0, 0)
    assert all(math.isnan(rate) for rate in (nothing.precision, nothing.recall, nothing.f1))
    fate = Fate(Span(0.0, 9.0), 0, late=False, delay=4.0, cover=0.5, again=False)
    missed = fate._replace(by=None, late=True, delay=math.nan, cover=0.1, again=True)
    both = Evaluation(counts, (fate,), 1, 2.0) + Evaluation(nothing, (missed,), 0, 3.0)
    assert both.points == counts
    assert both.events == Counts(tp=1, fp=1, fn=1)
    assert (both.late, both.cover, both.delay) == (1, 0.3, 4.0)
    assert both.again == Counts(tp=0, fp=0, fn=1)
    assert both.false_alarms_per_week == 1.4


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        ("", []),
        ("....", []),
        ("####", [(0, 4)]),
        ("#..#", [(0, 1), (3, 4)]),
        (".##.#.", [(1, 3), (4, 5)]),
    ],
)
def test_runs(marks, expected):
    assert runs(flags(marks)) == expected


@given(st.lists(st.booleans(), max_size=30))
def test_runs_are_the_flags(marks):
    again = np.zeros(len(marks), bool)
    for start, end in runs(np.array(marks, bool)):
        again[start:end] = True
        assert not again[start - 1 : start].any()
    assert again.tolist() == marks


def test_a_spike_is_found_until_ten_readings_after_it(make_detector, make_recording):
    values = np.random.default_rng(0).normal(0, 0.1, 200)
    values[150] += 10
    for place, counts in {
        150: (1, 0, 0),
        140: (1, 0, 0),
        139: (0, 1, 1),
        153: (1, 0, 0),
        156: (0, 1, 1),
    }.items():
        recording = make_recording(values, labels=np.arange(200) == place)
        found = evaluate(backtest(make_detector(time_steps=4), [recording])[0])
        assert found.events == Counts(*counts), place
        assert found.late == (place == 139)


def test_nothing_known_is_not_nothing_found(make_detector, spiked, make_recording):
    unlabelled = make_recording(spiked.values)
    assert evaluate(backtest(make_detector(), [unlabelled])[0]) is None
    normal = make_recording(spiked.values, labels=np.zeros(300, bool))
    assert evaluate(backtest(make_detector(), [normal])[0]).events == Counts(0, 3, 0)
