"""People's answers are carried out, remembered, and end at their time."""

from __future__ import annotations

import json
from contextlib import suppress
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamdetect.config import parse
from streamdetect.config.commands import command
from streamdetect.errors import ConfigError
from streamdetect.mqtt.inbox import Message
from streamdetect.service.answers import Answers
from streamdetect.service.pipeline import Changed
from streamdetect.sinks.events import cloud_event
from streamdetect.store import Mute

INCIDENT = "0123456789abcdef" * 2
MAINTAINED = """
answers: {enabled: true}
maintenance:
  - {cron: "0 2 * * SUN", lasts: 2h, timezone: Europe/Berlin, detectors: ["pump*"], sensors: ["*/a"]}
"""
SUNDAY = 1796004000.0  # 2026-11-29T03:00 in Berlin is 02:00 UTC


class Clock:
    def __init__(self, now=1e9) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Pipeline:
    """Two sensors of one detector, and what was said of them."""

    def __init__(self) -> None:
        self.told, self.event = [], event(ended="2026-11-30T12:00:00.000000Z")
        ids = ["hall/a", "", "hall/b"]  # the second place is free
        self.assemblies = [SimpleNamespace(detector=SimpleNamespace(sensors=SimpleNamespace(ids=ids)))]

    def tell(self, sensitivity, about) -> Changed:
        told = [("pumps", one, sensitivity) for one in ("hall/a", "hall/b") if about("pumps", one)]
        self.told += told
        if sensitivity is None:
            return Changed(told, [self.event], {"pumps": ["closed"]})
        return Changed(told, [], {})


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def answers(clock):
    return lambda text="answers: {enabled: true}", mutes=(), pipeline=None: Answers(
        parse(text), lambda: pipeline or Pipeline(), mutes, clock
    )


def message(payload, topic="streamdetect/command", *, retain=False) -> Message:
    payload = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return Message(topic, payload, 1, 1, 1, 0.0, retain=retain)


def event(sensor="hall/a", detector="pumps", ended=None, incident=INCIDENT):
    data = {"detector": detector, "sensor": sensor, "incident": incident, "ended": ended}
    return cloud_event("id", "/x", "io.streamdetect.anomaly.opened", sensor, 0.0, data)


def muted(one, *events) -> list[str]:
    return [each.facts["data"].get("muted", "") for each in one.mark(events)]


def did(one, **given) -> dict:
    done, *_ = one.carry_out([message(given)]).events
    assert done.facts["type"] == "io.streamdetect.answered"
    return done.facts["data"]


def test_commands_are_parted_from_readings_and_repeated_ones_dropped(answers):
    batch = [message({}), message({}, "sensors/a"), message({}, retain=True)]
    assert answers().part(batch) == (batch[:1], batch[1:2])
    assert answers("{}").part(batch) == ([], batch)


def test_a_mute_holds_until_its_time_is_up(answers, clock):
    one = answers()
    data = did(one, do="mute", sensor="hall/*", by="anna", request="r", **{"for": "2h"})
    assert data == {
        "do": "mute",
        "by": "anna",
        "request": "r",
        "error": "",
        "sensor": "hall/*",
        "until": clock.now + 7200,
        "sensors": 2,
    }
    assert muted(one, event(), event("cellar/a")) == ["muted by anna", ""]
    clock.now += 7199
    assert not one.expire()
    assert muted(one, event()) == ["muted by anna"]
    clock.now += 1
    assert muted(one, event()) == [""]
    assert one.expire()
    assert one.mutes == {}


def test_a_mute_without_an_end_holds_until_it_is_taken_back(answers, clock):
    one = answers()
    assert did(one, do="mute", sensor="hall/a")["until"] is None
    clock.now += 1e9
    assert not one.expire()
    assert muted(one, event()) == ["muted by somebody"]
    assert did(one, do="unmute", sensor="hall/a")["error"] == ""
    assert muted(one, event()) == [""]
    assert did(one, do="unmute", sensor="hall/a")["error"] == "hall/a is not muted"


def test_mutes_of_an_earlier_run_hold(answers):
    assert muted(answers(mutes=[Mute("hall/a", 2e9, "anna", 0.0)]), event()) == ["muted by anna"]


@pytest.mark.parametrize("word", ["true", "false"])
def test_an_incident_is_judged_by_its_id(answers, word):
    one = answers(pipeline=Pipeline())
    assert did(one, do=word, incident=INCIDENT)["error"] == f"there is no incident {INCIDENT}"
    one.mark([event()])
    data = did(one, do=word, incident=INCIDENT)
    assert (data["error"], data["detector"], data["sensor"]) == ("", "pumps", "hall/a")


def test_a_false_alarm_is_normal_from_then_on(answers):
    pipeline = Pipeline()
    one = answers(pipeline=pipeline)
    one.mark([event()])
    did(one, do="true", incident=INCIDENT)
    assert pipeline.told == []
    (closed, done) = one.carry_out([message({"do": "false", "incident": INCIDENT})]).events[::-1]
    assert done.facts["data"]["do"] == "false"
    assert closed == pipeline.event
    assert pipeline.told == [("pumps", "hall/a", None)]
    assert one.kinds == {"pumps": ["closed"]}
    one.mark([event(incident="1" * 32, ended="2026-11-30T12:00:00.000000Z")])
    did(one, do="false", incident="1" * 32)
    assert len(pipeline.told) == 2


def test_what_was_said_before_has_no_effect_again(answers):
    pipeline = Pipeline()
    one = answers(pipeline=pipeline)
    one.mark([event()])
    assert "again" not in did(one, do="false", incident=INCIDENT)
    assert did(one, do="false", incident=INCIDENT)["again"] is True
    assert len(pipeline.told) == 1
    assert "again" not in did(one, do="true", incident=INCIDENT)
    assert "again" not in did(one, do="false", incident=INCIDENT)


def test_of_what_is_over_only_the_last_incident_of_a_sensor_raises_its_limit(answers):
    pipeline = Pipeline()
    one = answers(pipeline=pipeline)
    over = {"ended": "2026-11-30T12:00:00.000000Z"}
    one.mark([event(**over), event("hall/b", incident="1" * 32, **over), event(incident="2" * 32, **over)])
    assert did(one, do="false", incident=INCIDENT)["error"] == ""
    assert pipeline.told == []
    did(one, do="false", incident="2" * 32)
    assert pipeline.told == [("pumps", "hall/a", None)]


def test_sensitivity_is_for_all_sensors_that_match(answers):
    pipeline = Pipeline()
    one = answers(pipeline=pipeline)
    assert did(one, do="sensitivity", sensor="cellar*", value=0.5)["error"] == "there is no sensor cellar*"
    entries, events, _ = one.carry_out([message({"do": "sensitivity", "sensor": "hall/*", "value": 0.5})])
    assert entries == [("pumps", "hall/a", 0.5), ("pumps", "hall/b", 0.5)]
    assert events[0].facts["data"]["sensors"] == 2


def test_maintenance_mutes_its_sensors_while_it_lasts(answers, clock):
    one = answers(MAINTAINED)
    events = event("hall/a", "pumps"), event("hall/b", "pumps"), event("hall/a", "others")
    clock.now = SUNDAY - 3601.0 - 86_400.0
    assert muted(one, *events) == ["", "", ""]
    clock.now += 1.0
    assert muted(one, *events) == ["maintenance", "", ""]
    clock.now += 7199.0
    assert muted(one, *events) == ["maintenance", "", ""]
    clock.now += 1.0
    assert muted(one, *events) == ["", "", ""]


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        (b"mute it", "command: must be JSON (expected value at line 1 column 1)"),
        (b"", "command: must be JSON (EOF while parsing a value at line 1 column 0)"),
        (b"\xff", "command: must be JSON (expected value at line 1 column 1)"),
        (b"[]", "command: must be an object"),
        (b"null", "command: must be an object, got null"),
        ({}, "command.do: is missing"),
        (
            {"do": "explode"},
            "command.do: must be one of 'mute', 'unmute', 'false', 'true', 'sensitivity', got",
        ),
        ({"do": 1}, "command.do: must be one of"),
        ({"do": "mute"}, "command.sensor: is missing"),
        ({"do": "mute", "sensor": 5}, "command.sensor: must be a string (put it in quotes), got 5"),
        ({"do": "mute", "sensor": ""}, "command.sensor: must not be empty, got ''"),
        ({"do": "mute", "sensor": "a", "for": "soon"}, "command.for: must be seconds or a duration like"),
        ({"do": "mute", "sensor": "a", "for": -1}, "command.for: must be > 0, got -1"),
        ({"do": "false", "incident": "../x"}, "command.incident: must be the id of an incident, 32 hex"),
        ({"do": "unmute", "sensor": "a", "more": 1}, "command.more: is not a field of this command"),
        ({"do": "sensitivity", "sensor": "a", "value": 0}, "command.value: must be > 0, got 0"),
        (b'{"do": "sensitivity", "sensor": "a", "value": 1e999}', "command.value: must be"),
    ],
)
def test_what_is_no_command_is_logged_and_has_no_effect(answers, caplog, payload, problem):
    one = answers()
    changed = one.carry_out([message(payload)])
    (answer,) = (event.facts["data"] for event in changed.events)
    assert (answer["do"], answer["request"], changed.entries) == ("refused", "", [])
    assert answer["error"].startswith(problem)
    assert f"refused a command: {problem}" in caplog.text
    assert one.mutes == {}


def test_of_many_that_are_no_command_only_those_are_answered_that_wait_for_it(answers, caplog):
    one = answers()
    asked = {"do": "explode", "request": "r"}
    changed = one.carry_out([*[message(b"{")] * 50, message(asked)])
    requests = [event.facts["data"]["request"] for event in changed.events]
    assert requests == [*[""] * 5, "r"]
    assert caplog.text.count("refused a command") == 5


@given(st.binary(max_size=80) | st.text(max_size=80).map(str.encode))
def test_any_bytes_are_a_command_or_refused(payload):
    with suppress(ConfigError):
        assert command(payload).do
