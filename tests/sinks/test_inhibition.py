"""While a gateway has an incident, nobody hears of what is behind it; what stays wrong is told afterwards."""

from __future__ import annotations

import json

import pytest

from streamdetect.config import InhibitConfig, NotifyConfig
from streamdetect.sinks.inhibition import Inhibition, Party
from streamdetect.sinks.notify import Notify

BY_SITE = {"parents": {"sensors": ["*/gateway"]}, "same": ["site"]}


def rules(*given):
    return [InhibitConfig.model_validate(one) for one in given or [BY_SITE]]


@pytest.fixture
def phone(receiver, outbox, until, monkeypatch):
    """Return the messages after some events; `begun` are earlier parents."""
    monkeypatch.setattr("streamdetect.sinks.notify._LOOK_AGAIN", 0.001)
    one = Notify("phone", NotifyConfig(name="phone", url=f"json://127.0.0.1:{receiver.port}/"))
    one.inhibition = Inhibition(rules())
    lanes = outbox(one)

    def tell(*events, left) -> list[str]:
        lanes.add(lanes.queued(events))
        until(lambda: lanes.drain() or len(lanes) == left, f"{left} left")
        return [line for got in receiver.taken for line in json.loads(got.body)["message"].splitlines()]

    return tell


@pytest.fixture
def edge(event):
    """An edge of a sensor's incident, whose message is the sensor and the edge."""
    numbers = iter(range(1000))

    def make(sensor, what, site="north", **more):
        changes = {"labels": {"site": site}, "message": f"{sensor} {what}", "incident": sensor} | more
        return event(next(numbers), sensor=sensor, edge=what, **changes)

    return make


def test_a_child_waits_and_is_told_when_the_parent_is_well(phone, edge):
    assert phone(edge("a/gateway", "opened"), left=0) == ["a/gateway opened"]
    assert phone(edge("a/x", "opened"), edge("b/y", "opened", "south"), left=1)[1:] == ["b/y opened"]
    assert sorted(phone(edge("a/gateway", "closed"), left=0)[2:]) == ["a/gateway closed", "a/x opened"]


def test_a_child_that_is_well_by_then_is_never_told(phone, edge):
    phone(edge("a/gateway", "opened"), left=0)
    assert phone(edge("a/x", "opened"), edge("a/x", "updated"), left=2) == ["a/gateway opened"]
    assert phone(edge("a/x", "closed"), left=0) == ["a/gateway opened"]
    assert phone(edge("a/gateway", "closed"), left=0)[1:] == ["a/gateway closed"]


def test_the_end_of_what_was_told_before_is_told_after(phone, edge):
    phone(edge("a/x", "opened"), left=0)
    phone(edge("a/gateway", "opened"), left=0)
    assert phone(edge("a/x", "closed"), left=1) == ["a/x opened", "a/gateway opened"]
    assert sorted(phone(edge("a/gateway", "closed"), left=0)[2:]) == ["a/gateway closed", "a/x closed"]


def data(edge, sensor, **more):
    return edge(sensor, "opened", **more).facts["data"]


def test_what_began_before_this_daemon_counts(edge):
    known = Inhibition(rules(), [Party("default", "a/gateway", {"site": "north"})])
    assert known.by(data(edge, "a/x")) == "a/gateway"
    assert known.by(data(edge, "a/gateway")) == ""
    assert known.by(data(edge, "a/x", site="south")) == ""


@pytest.mark.parametrize(
    ("rule", "held"),
    [
        ({"parents": {"labels": {"site": "n*"}}}, True),
        ({"parents": {"detectors": ["other"]}}, False),
        ({"parents": {}, "children": {"sensors": ["a/x"]}}, True),
        ({"parents": {}, "children": {"sensors": ["b/*"]}}, False),
        ({"parents": {}, "same": ["floor"]}, False),
    ],
)
def test_who_is_a_parent_and_who_a_child(edge, rule, held):
    known = Inhibition(rules(rule), [Party("default", "a/gateway", {"site": "north"})])
    assert bool(known.by(data(edge, "a/x"))) is held


def test_of_two_that_are_parents_of_each_other_the_first_is_told(edge):
    known = Inhibition(rules({"parents": {}}))
    first = edge("a/x", "opened", started="2024-05-01T12:00:00.000000Z")
    second = edge("a/y", "opened", started="2024-05-01T12:00:01.000000Z")
    for one in (first, second):
        known.observe(one.facts)
    assert (known.by(first.facts["data"]), known.by(second.facts["data"])) == ("", "a/x")
