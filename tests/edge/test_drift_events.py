"""A model that fits worse, from the reading to whoever is told."""

from __future__ import annotations

import json
import logging

import numpy as np
import pytest

from streamdetect.config import validate
from streamdetect.core.drift import WEEK
from streamdetect.mqtt.inbox import Message
from streamdetect.service.answers import Answers
from streamdetect.service.assembly import assemble
from streamdetect.service.pipeline import Pipeline
from streamdetect.sinks.choosing import wants
from streamdetect.sinks.log import IncidentLog
from streamdetect.sinks.notify import Note, notification
from streamdetect.store.history import History, read


@pytest.fixture(scope="module")
def event():
    """Return the event of a plant whose pattern comes ever faster from the second week on."""
    config = validate({"detectors": [{"topics": ["in/#"], "payload": {"time": "t"}}]})
    pipeline = Pipeline(assemble(config))
    times = np.arange(0, 5 * WEEK, 900.0)
    rate = 1 + 5 * np.clip(times / WEEK - 1, 0, 2)
    values = np.sin(np.cumsum(rate) / 20) + np.random.default_rng(1).normal(0, 0.02, len(times))
    events = []
    for start in range(0, len(times), 96):
        part = slice(start, start + 96)
        sent = [
            Message(
                "in/pump", b'{"t": %f, "value": %f}' % (1.7e9 + time, value), 0, 0, 1, 1.8e9, retain=False
            )
            for time, value in zip(times[part].tolist(), values[part].tolist(), strict=True)
        ]
        events += pipeline.process(sent).events
    (drifted,) = [one for one in events if one.facts["type"].endswith(".drifted")]
    return drifted


def test_it_is_told_once_with_how_much_worse_it_is(event):
    data = event.facts["data"]
    assert data["sensor"] == event.sensor == "in/pump"
    assert data["ratio"] >= 1.5
    assert data["error"] > data["first_error"] > 0
    assert json.loads(event.payload)["data"]["message"].endswith("train another one")


def test_the_log_warns_and_sinks_choose_it(event, caplog):
    with caplog.at_level(logging.INFO):
        IncidentLog().say([event])
    own = [record for record in caplog.records if record.name == "streamdetect.sinks.log"]
    assert [record.levelname for record in own] == ["WARNING"]
    assert "drifted, warning: in/pump: the model fits worse" in caplog.text
    webhooks = [{"name": "a", "url": "http://a"}, {"name": "b", "url": "http://b", "edges": ["opened"]}]
    one, other = validate({"webhooks": webhooks}).webhooks
    assert wants(one, event.facts)
    assert not wants(other, event.facts)


def test_a_notification_says_it(event):
    (settings,) = validate({"notify": [{"name": "phone", "url": "json://phone"}]}).notify
    made = notification(settings, [Note(0, 0.0, event.facts)])
    assert made.body == event.facts["data"]["message"]
    assert "model drifted" in made.title


def test_it_is_no_incident(event, tmp_path):
    history = History(tmp_path / "history.db", keep=1e9, max_size=1 << 20)
    history.record([event], 1.7e9)
    history.close()
    assert read(tmp_path / "history.db", since=0) == []
    config = validate({"detectors": [{}]})
    answers = Answers(config, lambda: None, [], lambda: 1.7e9)
    assert answers.mark([event]) == [event]
