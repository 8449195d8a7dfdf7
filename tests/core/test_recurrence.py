"""A recurring incident is told a few times, and then only if it is larger.

A reading a minute of a quiet sensor whose score is its value: the model rebuilds nothing, the threshold is 1.
"""

import numpy as np
import pytest

from streamdetect.core.detector import Detector, DetectorSettings
from streamdetect.core.incidents import IncidentSettings
from streamdetect.core.judge_settings import JudgeSettings
from streamdetect.core.readings import Readings
from streamdetect.core.recurrence import Excursion
from streamdetect.core.rules import Rule
from streamdetect.core.scaling import Scaling

HOUR, DAY = 60, 1440  # readings
NOON = 43_200.0


def detector(rule=None, **incidents):
    settings = DetectorSettings(
        1,
        1,
        Scaling("none"),
        judging=JudgeSettings(level=1.0, calm_cycles=0.0),
        incidents=IncidentSettings(**{"excess": 0.0, "close_after": 1, **incidents}),
        rules=(rule or Rule(views=("reconstruction",)),),
    )
    return Detector(settings, np.zeros_like)


def readings(days, events):
    """Values around 0, and from each (start, length, height) on the height; lengths in readings."""
    values = np.random.default_rng(5).normal(0.0, 0.1, days * DAY)
    for start, length, height in events:
        values[start : start + length] = height
    return values


def told(values, batch=DAY, model=None, **incidents):
    model, found = detector(**incidents) if model is None else model, []
    for start in range(0, len(values), batch):
        part = values[start : start + batch]
        times = NOON + 60.0 * np.arange(start, start + len(part))
        found += model.process(Readings(["a"] * len(part), times, part[:, None])).transitions
    return [edge for edge in found if edge.kind in ("opened", "closed")]


def openings(edges):
    """Readings before each opening."""
    return [round((edge.started - NOON) / 60) for edge in edges if edge.kind == "opened"]


def defrosts(number, every=DAY, height=3.0, length=25, late=0):
    jitter = np.random.default_rng(2).integers(-late, late + 1, number) if late else [0] * number
    return [(14 * HOUR + at * every + int(jitter[at]), length, height) for at in range(number)]


@pytest.mark.parametrize("late", [0, 20])
def test_what_comes_every_day_is_told_three_times(late):
    events = defrosts(8, late=late)
    edges = told(readings(9, events))
    assert openings(edges) == [start for start, _, _ in events[:3]]
    assert [edge.recurs for edge in edges if edge.kind == "closed"] == [
        pytest.approx(np.nan, nan_ok=True)
    ] * 2 + [86_400.0]


def test_a_day_on_which_it_does_not_come_changes_nothing():
    events = defrosts(9)
    del events[4]
    assert openings(told(readings(10, events))) == [start for start, _, _ in events[:3]]


def test_what_comes_every_eight_hours_is_told_three_times():
    events = defrosts(12, every=8 * HOUR)
    assert openings(told(readings(5, events))) == [start for start, _, _ in events[:3]]


def test_once_a_week():
    events = defrosts(5, every=7 * DAY)
    assert openings(told(readings(30, events))) == [start for start, _, _ in events[:3]]


def test_a_controller_that_hunts_is_told_each_time():
    events = defrosts(8, every=2 * HOUR)
    assert openings(told(readings(3, events))) == [start for start, _, _ in events]


AT_ANY_HOUR = [14 * HOUR, 43 * HOUR, 55 * HOUR, 97 * HOUR, 120 * HOUR, 131 * HOUR, 170 * HOUR, 206 * HOUR]


def test_what_comes_at_any_hour_is_told_on_five_days():
    edges = told(readings(9, [(start, 25, 3.0) for start in AT_ANY_HOUR]))
    assert openings(edges) == AT_ANY_HOUR[:7]  # two of them on two of these
    closed = [edge.recurs for edge in edges if edge.kind == "closed"]
    assert np.isnan(closed[:6]).all()
    assert closed[6] == 86_400.0


def test_what_comes_on_five_days_of_three_weeks_is_told_each_time():
    starts = [start + 2 * at * DAY for at, start in enumerate(AT_ANY_HOUR)]
    assert openings(told(readings(24, [(start, 25, 3.0) for start in starts]))) == starts


@pytest.mark.parametrize(("length", "height", "after"), [(120, 3.0, 37), (25, 9.0, 1)])
def test_what_lasts_longer_or_goes_further_is_told_as_soon_as_it_does(length, height, after):
    events = defrosts(6)
    events[4] = (events[4][0], length, height)
    *_, opened, closed = told(readings(7, events))
    assert (opened.kind, opened.started, opened.recurs) == ("opened", NOON + 60 * events[4][0], 86_400.0)
    assert opened.time - opened.started == 60 * after
    assert closed.started == opened.started


def test_the_other_side_is_another_thing():
    events = defrosts(6)
    events[4] = (*events[4][:2], -3.0)
    model = detector(Rule(views=("limits",), low=(-2.0,), high=(2.0,)))
    told(readings(7, events), model=model)
    recurrence = model.state.judge.incidents.recurrence
    assert np.sign(recurrence.extents[0]).tolist() == [0, 0, 1, 1, 1, 1, -1, 1]
    assert recurrence.due(0, Excursion(recurrence.starts[0, -1] + 86_400.0, 0.0, 0, 1.0)).period == 86_400.0
    assert recurrence.due(0, Excursion(recurrence.starts[0, -1] + 86_400.0, 0.0, 0, -1.0)) is None


def test_a_limit_is_told_each_time():
    events = defrosts(6)
    rule = Rule(views=("limits",), high=(2.0,))
    assert openings(told(readings(7, events), model=detector(rule))) == [start for start, _, _ in events]


def test_it_may_be_turned_off():
    events = defrosts(6)
    edges = told(readings(7, events), withhold_recurring=False)
    assert openings(edges) == [start for start, _, _ in events]
    assert all(np.isnan(edge.recurs) for edge in edges)


@pytest.mark.parametrize("batch", [7, 10_000])
def test_the_cuts_of_batches_cannot_be_seen(batch):
    events = defrosts(5)
    events[4] = (events[4][0], 120, 3.0)
    values = readings(5, events)
    assert repr(told(values, batch)) == repr(told(values))


def test_one_that_is_not_told_is_shown_as_such_and_cannot_be_answered():
    events = defrosts(4)
    model = detector()
    told(readings(4, events)[: events[3][0] + 10], model=model)
    columns = model.columns()
    assert (columns.withheld.tolist(), columns.incident_open.tolist()) == ([True], [False])
    assert model.accept("a") == []
    assert model.close(model.sensors.rows(), "restarted") == []


def test_silence_meanwhile_is_told():
    events = defrosts(4)
    model = detector(Rule(views=("reconstruction", "silent"), silent_after=600.0))
    values = readings(4, events)[: events[3][0] + 10]
    told(values, model=model)
    (opened,) = model.look(NOON + 60.0 * len(values) + 3600.0)
    assert (opened.kind, opened.fault) == ("opened", "silent")
