"""Features on topics of their own become one reading of their device."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from streamdetect.codecs import codec
from streamdetect.config import validate
from streamdetect.core.detector import Detector
from streamdetect.core.scaling import Scaling
from streamdetect.errors import ConfigError
from streamdetect.mqtt.inbox import Message
from streamdetect.service.assembly import Assembly, detector_settings
from streamdetect.service.pipeline import Pipeline
from streamdetect.sinks.events import EventEncoder

START = 1_700_000_000
FEATURES = ("temperature", "humidity")
JOIN = {
    "topics": ["plant/#"],
    "templates": ["plant/{device}/{measurement}"],
    "sensor": "{device}",
    "payload": {"time": "time"},
    "join": {"by": "measurement", "tolerance": "2s"},
}


@pytest.fixture
def pipeline():
    """A pipeline whose detector takes two features and rebuilds nothing."""

    def make(**more):
        config = validate({"detectors": [{**JOIN, **more}]}).detectors[0]
        manifest = SimpleNamespace(
            time_steps=2,
            features=FEATURES,
            scaling=Scaling("none"),
            error="mae",
            min_steps=0,
            training_error=SimpleNamespace(mean=1.0, std=1.0),
        )
        detector = Detector(detector_settings(config, manifest), np.zeros_like)
        bundle = SimpleNamespace(manifest=manifest, fingerprint="0" * 16)
        encoder = EventEncoder(
            "default",
            source="/test",
            bundle=bundle.fingerprint,
            features=FEATURES,
            labels={},
        )
        payload = codec(config.payload_settings(1000))
        return Pipeline([Assembly(config, bundle, detector, payload, encoder)])

    return make


def message(device, feature, time, value):
    payload = f'{{"time": {START + time}, "value": {value}}}'.encode()
    return Message(f"plant/{device}/{feature}", payload, 0, 0, 0, START + 100.0, retain=False)


def test_the_features_of_a_device_are_joined_by_time(pipeline):
    one = pipeline()
    done = one.process(
        [
            message("a", "temperature", 10, 1),
            message("b", "humidity", 10, 9),
            message("a", "humidity", 11, 2),
            message("a", "humidity", 20, 4),
            message("a", "temperature", 21, 3),
        ]
    )
    ((_, verdicts),) = done.verdicts
    assert verdicts.sensors == ["a", "a"]
    assert verdicts.values.tolist() == [[1, 2], [3, 4]]
    assert verdicts.times.tolist() == [START + 11, START + 21]


@pytest.mark.parametrize(
    ("missing", "outcome"), [("drop", "INCOMPLETE"), ("hold", "ACCEPTED"), ("mask", "ACCEPTED")]
)
def test_what_is_missing_follows_the_policy(pipeline, missing, outcome):
    one = pipeline(missing=missing)
    whole = [message("a", "temperature", 10, 1), message("a", "humidity", 10, 2)]
    done = one.process([*whole, message("a", "humidity", 20, 3), message("a", "humidity", 30, 4)])
    ((_, verdicts),) = done.verdicts
    names = {0: "ACCEPTED", 4: "INCOMPLETE"}
    assert [names[code] for code in verdicts.outcomes.tolist()] == ["ACCEPTED", outcome]


def test_a_feature_that_the_bundle_does_not_know_is_ignored(pipeline):
    done = pipeline().process([message("a", "pressure", 10, 1)])
    assert (done.report.messages, done.report.rejected) == ({"ignored": 1}, {})


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"join": {"by": "colour"}}, "detectors[0].join.by"),
        ({"sensor": "{device}/{measurement}"}, "detectors[0].sensor"),
        ({"payload": {"values": {"a": "a"}}}, "detectors[0].join"),
    ],
)
def test_a_join_that_cannot_work_is_a_problem(change, path):
    with pytest.raises(ConfigError) as caught:
        validate({"detectors": [{**JOIN, **change}]})
    assert [problem.path for problem in caught.value.problems] == [path]
