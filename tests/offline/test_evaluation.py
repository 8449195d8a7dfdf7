"""Labels against verdicts, by hand-computed examples."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamdetect.offline.backtest import Counts, backtest, evaluate, summarise
from streamdetect.offline.backtest.evaluation import Evaluation, events, points, runs


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


@pytest.mark.parametrize(
    ("incidents", "ranges", "counts"),
    [
        ([], [], (0, 0, 0)),
        ([(0, 5)], [], (0, 1, 0)),
        ([], [(0, 5)], (0, 0, 1)),
        ([(4, 6)], [(0, 5)], (1, 0, 0)),
        ([(5, 6)], [(0, 5)], (0, 1, 1)),  # half-open: they only touch
        ([(0, 1), (2, 3), (4, 5)], [(0, 5)], (1, 0, 0)),  # found once, and none of them false
        ([(0, 20)], [(2, 4), (8, 9)], (2, 0, 0)),  # one incident over two ranges finds both
        ([(0, 1), (8, 9), (30, 31)], [(2, 4), (8, 12), (20, 22)], (1, 2, 2)),
    ],
)
def test_events(incidents, ranges, counts):
    assert events(incidents, ranges) == Counts(*counts)


def test_rates():
    counts = Counts(tp=3, fp=1, fn=2)
    assert counts.precision == 0.75
    assert counts.recall == 0.6
    assert counts.f1 == pytest.approx(2 * 0.75 * 0.6 / (0.75 + 0.6))
    nothing = Counts(0, 0, 0)
    assert all(math.isnan(rate) for rate in (nothing.precision, nothing.recall, nothing.f1))
    both = Evaluation(counts, counts, 2.0) + Evaluation(nothing, nothing, 3.0)
    assert both.points == counts
    assert both.false_alarms_per_day == 0.2


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


def test_an_incident_covers_all_readings_of_its_windows(make_detector, make_recording):
    """A spike is in every window that holds it; the range that it was labelled by ended before them."""
    values = np.random.default_rng(0).normal(0, 0.1, 200)
    values[150] += 10
    labels = np.arange(200) == 150
    (result,) = backtest(make_detector(time_steps=4), [make_recording(values, labels=labels)])
    (incident,) = result.incidents
    assert (incident.started, incident.ended) == (1.7e9 + 150, 1.7e9 + 153)
    found = evaluate(result)
    assert found.events == Counts(1, 0, 0)
    assert found.points == Counts(1, 3, 0)

    late = make_recording(values, labels=np.arange(200) == 146)  # no window of it holds 146 …
    assert evaluate(backtest(make_detector(time_steps=4), [late])[0]).events == Counts(0, 1, 1)
    reached = make_recording(values, labels=np.arange(200) == 147)  # … but the first holds 147
    assert evaluate(backtest(make_detector(time_steps=4), [reached])[0]).events == Counts(1, 0, 0)


def test_readings_that_were_not_accepted_make_no_window(make_detector, make_recording):
    """With duplicates between them, the readings of a window lie further back in the recording."""
    values = np.random.default_rng(0).normal(0, 0.1, 200)
    values[150] += 10
    times = 1.7e9 + np.arange(200)
    twice = np.repeat(np.arange(200), 2)
    labels = twice == 147
    recording = make_recording(values[twice], times=times[twice], labels=labels)
    (result,) = backtest(make_detector(time_steps=4), [recording])
    assert summarise(result).duplicates == 200
    assert evaluate(result).events == Counts(1, 0, 0)


def test_nothing_known_is_not_nothing_found(make_detector, spiked, make_recording):
    unlabelled = make_recording(spiked.values)
    assert evaluate(backtest(make_detector(), [unlabelled])[0]) is None
    normal = make_recording(spiked.values, labels=np.zeros(300, bool))
    assert evaluate(backtest(make_detector(), [normal])[0]).events == Counts(0, 3, 0)
