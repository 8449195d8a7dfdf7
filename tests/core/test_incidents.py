"""Incidents of a sensor whose score is its value: a model that rebuilds nothing, and a threshold of 1."""

import numpy as np
import pytest

from streamdetect.core.detector import Detector, DetectorSettings
from streamdetect.core.faults import FaultFacts, fault_of
from streamdetect.core.incidents import IncidentSettings
from streamdetect.core.judge_settings import JudgeSettings
from streamdetect.core.readings import Readings
from streamdetect.core.rules import Rule
from streamdetect.core.scaling import Scaling


def edges(scores, batch=1000, **rules):
    """The transitions of a reading a second."""
    settings = DetectorSettings(
        1,
        1,
        Scaling("none"),
        judging=JudgeSettings(level=1.0, calm_cycles=0.0),
        incidents=IncidentSettings(**{"excess": 0.0, "close_after": 1, "regime_readings": 1, **rules}),
        rules=(Rule(views=("reconstruction",)),),
    )
    detector, found = Detector(settings, np.zeros_like), []
    values = np.array(scores, dtype=float)[:, None]
    for start in range(0, len(values), batch):
        part = values[start : start + batch]
        times = np.arange(start, start + len(part), dtype=float)
        found += detector.process(Readings(["a"] * len(part), times, part)).transitions
    return found


def told(scores, **rules):
    return [(edge.kind, edge.time) for edge in edges(scores, **rules)]


def test_a_run_is_one_incident():
    assert told([0, 1.5, 1.6, 1.5, 0]) == [("opened", 1), ("closed", 4)]


def test_an_update_says_that_severity_rose_once():
    assert told([0, 1.5, 2.5, 3, 2.5, 0]) == [("opened", 1), ("updated", 2), ("closed", 5)]


def test_updates_come_at_the_pace_asked_for():
    assert told([1.5] * 7, update_every=2) == [("opened", 0), ("updated", 2), ("updated", 4), ("updated", 6)]


def test_where_no_more_is_known_than_at_first_there_is_no_update():
    assert told([1.5] * 30) == [("opened", 0)]


def test_consecutive_readings_open_one_and_it_started_with_the_first():
    opened, closed = edges([1.5, 0, 1.5, 1.5, 1.5, 0], consecutive=3)
    assert (opened.kind, opened.time, opened.started, opened.windows) == ("opened", 4, 2, 3)
    assert (closed.kind, closed.time, closed.ended) == ("closed", 5, 4)


def test_what_scores_are_above_1_adds_up_until_an_incident_opens():
    assert told([1.4, 1.4, 1.4, 0], excess=1.0) == [("opened", 2), ("closed", 3)]
    assert told([2.0, 0], excess=1.0, critical_score=9) == [("opened", 0), ("closed", 1)]
    assert told([1.4, 1.4, 0, 1.4, 1.4, 0], excess=1.0) == []


def test_one_reading_adds_1_at_most():
    assert told([99, 0, 99, 99, 0], excess=1.5)[0] == ("opened", 3)


def test_close_after_bridges_a_short_calm():
    assert told([1.5, 0, 1.5, 0, 0, 0], close_after=2) == [("opened", 0), ("closed", 4)]


def test_between_the_limits_nothing_closes():
    assert told([1.5, 0.9, 0.9, 0.7], close_ratio=0.8) == [("opened", 0), ("closed", 3)]


@pytest.mark.parametrize(("cooldown", "again"), [(0, 2), (1, 3), (3, 5), (4, None)])
def test_after_a_close_none_opens_during_the_cooldown(cooldown, again):
    found = told([1.5, 0, 1.5, 1.5, 1.5, 1.5, 0], cooldown=cooldown)
    assert [time for kind, time in found if kind == "opened"] == [0] + ([again] if again else [])


def test_the_peak_is_the_worst_reading_beside_the_newest():
    *_, closed = edges([1.5, 4.0, 1.2, 0])
    assert (closed.peak_error, closed.peak_score, closed.peak_time, closed.peak_value) == (
        4.0,
        4.0,
        1,
        (4.0,),
    )
    assert (closed.value, closed.severity) == ((0.0,), "critical")


def test_what_lasts_is_the_new_normal_and_is_said():
    found = edges([1.5] * 8, regime_change_after=5.0)
    assert [(edge.kind, edge.reason, edge.time) for edge in found] == [
        ("opened", "", 0),
        ("closed", "regime_change", 6),
        ("regime_changed", "", 6),
        ("opened", "", 7),
    ]


def test_it_may_be_forbidden():
    assert [edge.kind for edge in edges([1.5] * 50, regime_change_after=np.inf)] == ["opened"]


def test_a_reading_at_a_time_is_the_same_as_all_at_once():
    scores = np.random.default_rng(3).gamma(2.0, 0.5, 300)
    rules = {"consecutive": 2, "excess": 0.1, "close_after": 2, "cooldown": 4, "update_every": 3}
    whole = edges(scores, **rules, close_ratio=0.7, regime_change_after=20.0)
    singly = edges(scores, batch=1, **rules, close_ratio=0.7, regime_change_after=20.0)
    assert repr(singly) == repr(whole)  # what is not known is NaN, which equals nothing
    assert len(whole) > 20


def facts(deviations, **views):
    numbers = np.arange(1, len(deviations) + 1)
    sums = (float(np.sum(part)) for part in (deviations, np.square(deviations), deviations * numbers))
    return FaultFacts(views, len(deviations), *sums, float(np.square(deviations).max()))


@pytest.mark.parametrize(
    ("fault", "deviations", "views"),
    [
        ("silent", np.zeros(1), {"silent": 1.0, "level": 5.0}),
        ("stuck", np.zeros(40), {"stuck": 2.0, "level": 1.5}),
        ("limit", np.full(40, 9.0), {"limits": 2.0, "level": 1.5}),
        ("rate", np.full(40, 9.0), {"rate": 1.5, "limits": 0.7}),
        ("shape", np.full(40, 0.1), {"reconstruction": 3.0, "level": 0.4}),
        ("rhythm", np.full(40, 1.0), {"rhythm": 1.1, "reconstruction": 2.0, "trend": 1.2, "level": 0.9}),
        ("drift", np.linspace(2, 8, 40), {"rhythm": 1.1, "level": 2.0}),
        ("spike", np.full(3, 9.0), {"level": 3.0, "range": 9.0}),
        ("spike", np.r_[25.0, np.cos(np.arange(15.0))], {"level": 3.0, "reconstruction": 3.0}),
        ("drift", np.full(3, 4.0), {"trend": 1.1, "level": 0.9}),
        ("level", 6 + np.sin(np.arange(40.0)), {"level": 2.0}),
        ("level", -6 - np.sin(np.arange(40.0)), {"level": 2.0}),
        ("drift", np.linspace(2, 8, 40), {"level": 2.0}),
        ("drift", -np.linspace(2, 8, 40), {"profile": 2.0}),
        ("noise", 5 * np.cos(np.arange(40.0) * 2), {"level": 2.0, "reconstruction": 2.0}),
    ],
)
def test_what_is_wrong_is_told_by_the_views_and_by_how_the_value_moved(fault, deviations, views):
    assert fault_of(facts(deviations, **views)) == fault
