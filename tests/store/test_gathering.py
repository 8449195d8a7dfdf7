"""Joined readings, and those that wait."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest

from streamdetect.bundles.bundle import Bundle
from streamdetect.codecs import Route
from streamdetect.codecs.joining import Joiner
from streamdetect.config import validate
from streamdetect.errors import ConfigError, RejectedPayload
from streamdetect.mqtt.inbox import Message
from streamdetect.service.assembly import assemble
from streamdetect.service.gathered import Gathered
from streamdetect.service.gathering import Gathering
from streamdetect.service.joins import Join

PAYLOADS = (
    b'{"v":1,"t":1700000000}',
    b'{"v":2.5,"t":1700000001.5}',
    b'{"v":true,"t":1700000002}',
    b'{"v":3}',
    b'{"v":4,"t":1700009999}',
    b'{"v":1e999,"t":1700000003}',
    b"[1, 2",
    b"",
)


def route(feature, device="d"):
    return Route(0, device, {"device": device, "by": feature}, lambda _: pytest.fail("nobody is named"))


@pytest.fixture
def join():
    return Join("by", ["t", "h"], Joiner(2, 1.0, 10))


def test_features_become_readings_of_their_device(join):
    gathered = Gathered()
    for arrival, (feature, value) in enumerate([("t", 20.0), ("h", 0.5)]):
        gathered.take(*join(route(feature), [((), 10.0 + arrival, (value,))]), arrival)
    readings = gathered.readings()
    assert (readings.sensors, readings.times.tolist(), readings.values.tolist()) == (
        ["d"],
        [11.0],
        [[20.0, 0.5]],
    )
    assert gathered.labels == {"d": {"device": "d"}}  # of the device, not of a feature


def test_what_is_not_whole_yet_is_known_and_goes_on_elsewhere(join):
    join(route("t", "a"), [((), 10.0, (20.0,))])
    join(route("t", "b"), [((), 10.0, (20.0,))])
    join(route("h", "b"), [((), 10.0, (0.5,))])
    changed = join.changed(["a", "b"])
    assert changed["b"] is None
    assert list(join.waiting()) == ["a"]
    first, newest, values = changed["a"]
    assert (first, newest, values[0], math.isnan(values[1])) == (10.0, 10.0, 20.0, True)
    joiner = Joiner(2, 1.0, 10)
    joiner.restore(join.waiting())
    again = Join("by", ["t", "h"], joiner)
    assert again(route("h", "a"), [((), 10.0, (0.5,))])[1] == [((), 10.0, (20.0, 0.5))]


def test_a_feature_that_the_bundle_does_not_have_is_rejected(join):
    with pytest.raises(RejectedPayload, match="'x' is not a feature"):
        join(route("x"), [((), 10.0, (20.0,))])


def test_the_short_way_takes_what_the_long_one_takes():
    detectors = [
        {"name": "a", "topics": ["a/#"], "templates": ["a/{room}"], "payload": {"value": "v", "time": "t"}},
        {"name": "b", "topics": ["+/x"], "payload": {"value": "v"}},
    ]
    assemblies = assemble(validate({"detectors": detectors}))
    messages = [
        Message(topic, payload, 0, 0, 1, 1_700_000_000.0, retain=at % 5 == 4)
        for at, payload in enumerate(PAYLOADS)
        for topic in ("a/x", "a/y", "b/x", "c")
    ]
    short, long = (Gathering(assemblies, [{}, {}]) for _ in range(2))
    assert all(short._one_readers)
    long._one_readers = [None, None]
    (one, *rest), (other, *same) = short.gather(messages), long.gather(messages)
    assert rest == same
    assert rest[0]
    assert rest[1]
    for mine, theirs in zip(one, other, strict=True):
        assert mine.sensors
        for name in Gathered.__slots__:
            assert getattr(mine, name) == getattr(theirs, name), name


@pytest.fixture
def two_features(monkeypatch):
    """A bundle of two features that the general one stands in for."""

    def named(*features):
        general = Bundle.load("general")
        manifest = general.manifest.model_copy(update={"features": features})
        fake = SimpleNamespace(
            manifest=manifest,
            fingerprint="0123456789abcdef",
            lineage="0123456789abcdef",
            reconstructor=lambda *_: lambda windows: windows,
        )
        monkeypatch.setattr(Bundle, "load", lambda _: fake)

    return named


def gathered(values):
    detectors = [{"topics": ["a"], "payload": {"values": values}}]
    gathering = Gathering(assemble(validate({"detectors": detectors})), [{}])
    (one,), *_ = gathering.gather([Message("a", b'{"t":20.5,"f":3}', 0, 0, 1, 1.7e9, retain=False)])
    return one.readings().values.tolist()


def test_values_are_the_features_of_the_bundle_by_name(two_features):
    two_features("temp °C", "flow")
    assert gathered({"flow": "f", "temp__C": "t"}) == [[20.5, 3]]
    with pytest.raises(
        ConfigError, match=r"values: must name the features .*\(temp__C, flow\), got temp, flow"
    ):
        gathered({"temp": "t", "flow": "f"})


def test_rules_for_features_that_there_are_not_are_named(two_features):
    two_features("temp", "flow")
    detector = {
        "topics": ["a"],
        "payload": {"values": {"temp": "t", "flow": "f"}},
        "limits": {"high": {"tmep": 3.0}},
        "overrides": [{"sensors": "a", "direction": {"flow": "up", "level": "down"}}],
    }
    rule = "must name features of the bundle general (temp, flow), got"
    with pytest.raises(ConfigError) as broken:
        assemble(validate({"detectors": [detector]}))
    assert [str(problem) for problem in broken.value.problems] == [
        f"detectors[0].limits.high: {rule} tmep",
        f"detectors[0].overrides[0].direction: {rule} level",
    ]


def test_values_of_a_bundle_whose_features_are_numbered_go_by_their_order(two_features):
    two_features("value_1", "value_2")
    assert gathered({"flow": "f", "temp": "t"}) == [[3, 20.5]]
