"""Incidents are matched with the right faults."""

from __future__ import annotations

import numpy as np
import pytest
from rich.console import Console

from streamdetect.demo.faults import KINDS, Fault
from streamdetect.demo.outcome import Incident, compare
from streamdetect.demo.plant import LEARNING, Injection
from streamdetect.demo.sensors import make_sensors
from streamdetect.demo.summary import tabulate

PUMP, FAN = make_sensors(2, 0)


def injected(started=100.0, ended=400.0, *, sensor=PUMP, over=True, peak=0.5):
    return Injection(Fault(KINDS[0], sensor, 10, 1.0), started, ended, ended + 150, over, peak)


def incident(opened, closed=None, *, sensor=PUMP):
    return Incident(sensor.name, opened - 10, opened, score=1.25, ended=closed, closed=closed)


@pytest.mark.parametrize("opened", [50.0, 100.0, 99.9999999, 150.0, 400.0, 400.0000001])
def test_an_incident_that_is_open_while_the_fault_lasts_finds_it(opened):
    one, found = injected(), incident(opened)
    outcome = compare([one], [found])
    assert outcome.found == {one: found}
    assert str(outcome) == "injected 1, found 1, missed 0, false 0"


@pytest.mark.parametrize(
    "other", [incident(49.0), incident(1001.0), incident(150.0, sensor=FAN), incident(40.0, 300.0)]
)
def test_any_other_incident_is_false_and_the_fault_is_missed(other):
    one = injected()
    outcome = compare([one], [other])
    assert (outcome.missed, outcome.late, outcome.false) == ([one], [], [other])
    assert str(outcome) == "injected 1, found 0, missed 1, false 1"


def test_what_opens_when_it_is_over_is_late_and_false():
    one, other = injected(), incident(401.0, 500.0)
    outcome = compare([one], [other])
    assert (outcome.missed, outcome.late, outcome.false) == ([one], [one], [other])
    assert str(outcome) == "injected 1, found 0, missed 1 (1 late), false 1"


def test_several_incidents_in_one_fault_are_one_find_and_none_is_false():
    one, incidents = injected(), [incident(390.0), incident(110.0, 140.0), incident(150.0, 240.0)]
    outcome = compare([one], incidents)
    assert outcome.found == {one: incidents[1]}
    assert outcome.cover[one] == pytest.approx((30 + 90 + 10) / 300, abs=1e-4)
    assert not outcome.false


def test_a_fault_that_is_not_over_is_not_missed_yet_and_not_counted():
    one = injected(over=False)
    assert compare([one], []).pending == [one]
    assert str(compare([one], [])) == "injected 0, found 0, missed 0, false 0"
    assert compare([one], [incident(120.0)]).found


def test_nothing_is_nothing():
    assert str(compare([], [])) == "injected 0, found 0, missed 0, false 0"


def said(outcome):
    console = Console(width=100)
    with console.capture() as capture:
        console.print(tabulate(outcome))
    return capture.get()


def test_the_summary_says_why_a_fault_was_missed():
    for one, incidents, why in (
        (injected(), [], "missed, score 0.50 at most"),
        (injected(peak=1.5), [], "missed, score 1.50 but not for long enough"),
        (injected(), [incident(410.0)], "late: an incident opened when it was over"),
    ):
        assert why in said(compare([one], incidents))


def test_the_summary_tells_of_finds_false_alarms_and_what_was_cut_short():
    incidents = [incident(120.0, 250.0), incident(2000.0)]
    text = said(compare([injected(peak=3.0), injected(sensor=FAN, over=False)], incidents))
    assert "found after 20 s, open for 43% of it, score 3.0" in text
    assert "cut short, not counted" in text
    assert "false, score 1.2" in text


def test_the_watch_notes_the_highest_score_of_a_fault_in_its_interval(demo, advance):
    advance(LEARNING + 400)
    done = [one for one in demo.injections if one.over]
    assert len(done) >= 10
    assert np.mean([one.peak > 1 for one in done]) > 0.9
    assert 0.98 < demo._watch.processed / ((LEARNING + 400) * 24) < 1  # a silent sensor sends nothing
    assert demo._watch.events > len(done)
