"""A large payload is taken in by portions, and comes to the same as all at once."""

from __future__ import annotations

import json
from collections import deque

import numpy as np
import pytest

from streamdetect.config import validate
from streamdetect.mqtt.inbox import Message
from streamdetect.service import gathering
from streamdetect.service.assembly import assemble
from streamdetect.service.pipeline import Pipeline

READINGS = 700


def pipeline(**detector):
    # Whether a sensor is silent is seen between batches, by the newest time of all sensors.
    settings = {"name": "lab", "payload": {"time": "time"}, "silent_after": "36500d"} | detector
    return Pipeline(assemble(validate({"detectors": [settings]})))


def message(topic="sensors/a", first=0, count=READINGS):
    rows = [
        {"time": 1_700_000_000 + at, "value": float(np.sin(at / 7))} for at in range(first, first + count)
    ]
    return Message(topic, json.dumps(rows).encode(), 1, 1, 1, 1.8e9, retain=False)


def portions(one, *messages):
    """Process large messages until none is left; what each turn came to."""
    waiting, turns = deque(messages), []
    while waiting or one.halfway:
        turns.append(one.process([], lambda: waiting.popleft() if waiting else None))
    return turns


def columns(one):
    return one.assemblies[0].detector.snapshot()


@pytest.mark.parametrize("most", [1, 64, 300, 4096])
def test_portions_come_to_the_same_as_the_whole(monkeypatch, most):
    whole, cut = pipeline(), pipeline()
    whole.process([message(), message("sensors/b")])
    monkeypatch.setattr(gathering, "PORTION", most)
    turns = portions(cut, message(), message("sensors/b"))
    assert len(whole.assemblies[0].detector) == 2
    for name, column in columns(whole).items():
        assert column.tobytes() == columns(cut)[name].tobytes(), name
    assert max(sum(len(part.readings) for part in turn.report.detectors) for turn in turns) <= most
    assert [done.topic for turn in turns for done in turn.finished] == ["sensors/a", "sensors/b"]
    assert sum(turn.report.messages.get("accepted", 0) for turn in turns) == 2


def test_small_messages_are_taken_in_beside_a_large_one(monkeypatch):
    monkeypatch.setattr(gathering, "PORTION", 100)
    one, waiting = pipeline(), deque([message()])
    small = message("sensors/small", count=1)
    first = one.process([small], lambda: waiting.popleft() if waiting else None)
    assert one.halfway
    assert sum(len(part.readings) for part in first.report.detectors) == 101
    assert first.finished == []


def test_a_large_message_that_is_rejected_is_finished_at_once():
    one = pipeline()
    (turn,) = portions(one, message()._replace(payload=b"[" * 10_000))
    assert turn.report.messages == {"rejected": 1}
    assert len(turn.finished) == 1
    assert not one.halfway


def test_what_was_skipped_is_rejected_for_its_size():
    turn = pipeline().process([message()._replace(payload=b"", skipped=10**8)])
    assert turn.report.rejected == {"size": 1}


@pytest.mark.parametrize(
    ("detector", "apart"),
    [
        ({}, True),
        ({"templates": ["in/{site}/{sensor}"], "sensor": "{site}/{sensor}", "topics": ["in/+/+"]}, True),
        ({"templates": ["in/{site}/{sensor}"], "sensor": "{sensor}", "topics": ["in/+/+"]}, False),
        ({"templates": ["in/_/{sensor}"], "sensor": "{sensor}", "topics": ["in/+/+"]}, False),
    ],
)
def test_topics_are_apart_where_each_has_sensors_of_its_own(detector, apart):
    assert pipeline(**detector).apart is apart
