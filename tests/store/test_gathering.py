"""What is joined, and what is known of the rest."""

from __future__ import annotations

import math

import pytest

from streamdetect.codecs import Route
from streamdetect.core.joining import Joiner
from streamdetect.errors import RejectedPayload
from streamdetect.gathering import Gathered, Join


def route(feature, device="d"):
    return Route(0, device, {}, {"device": device, "by": feature})


@pytest.fixture
def join():
    return Join("by", ["t", "h"], Joiner(2, 1.0, 10))


def test_features_become_readings_of_their_device(join):
    gathered = Gathered()
    for arrival, (feature, value) in enumerate([("t", 20.0), ("h", 0.5)]):
        gathered.take(*join(route(feature), [("", 10.0 + arrival, (value,))]), arrival)
    readings = gathered.readings()
    assert (readings.sensors, readings.times.tolist(), readings.values.tolist()) == (
        ["d"],
        [11.0],
        [[20.0, 0.5]],
    )
    assert gathered.labels == {"d": {"device": "d"}}  # of the device, not of a feature


def test_what_is_not_whole_yet_is_known_and_goes_on_elsewhere(join):
    join(route("t", "a"), [("", 10.0, (20.0,))])
    join(route("t", "b"), [("", 10.0, (20.0,))])
    join(route("h", "b"), [("", 10.0, (0.5,))])
    changed = join.changed(["a", "b"])
    assert changed["b"] is None
    assert list(join.waiting()) == ["a"]
    first, newest, values = changed["a"]
    assert (first, newest, values[0], math.isnan(values[1])) == (10.0, 10.0, 20.0, True)
    joiner = Joiner(2, 1.0, 10)
    joiner.restore(join.waiting())
    again = Join("by", ["t", "h"], joiner)
    assert again(route("h", "a"), [("", 10.0, (0.5,))])[1] == [("", 10.0, (20.0, 0.5))]


def test_a_feature_that_the_bundle_does_not_have_is_rejected(join):
    with pytest.raises(RejectedPayload, match="'x' is no feature"):
        join(route("x"), [("", 10.0, (20.0,))])
