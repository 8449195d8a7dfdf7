from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamdetect.codecs import Route, Routing, TopicRouter
from streamdetect.errors import RejectedPayload


def test_without_templates_the_whole_topic_is_the_id():
    router = TopicRouter([Routing(["sensors/#", "/lead/+"])])
    assert router.routes("sensors/a/b") == (Route(0, "sensors/a/b", {}, {}),)
    assert router.routes("sensors") == (Route(0, "sensors", {}, {}),)
    assert router.routes("/lead/x") == (Route(0, "/lead/x", {}, {}),)


def test_labels_are_read_and_the_id_put_together_for_trees_of_varying_depth():
    templates = ["plant/{site}/_/{sensor}", "plant/{site}/{sensor}"]
    router = TopicRouter([Routing(["plant/#"], templates, "{site}/{sensor}")])
    assert router.routes("plant/n/x/t") == (Route(0, "n/t", {}, {"site": "n", "sensor": "t"}),)
    assert router.routes("plant/n/t") == (Route(0, "n/t", {}, {"site": "n", "sensor": "t"}),)
    with pytest.raises(RejectedPayload, match="no template matches"):
        router.routes("plant/n")


def test_the_first_template_that_matches_counts():
    router = TopicRouter([Routing(["#"], ["a/{sensor}", "{site}/{sensor}"], "{sensor}")])
    assert router.routes("a/b")[0].labels == {"sensor": "b"}
    assert router.routes("c/b")[0].labels == {"site": "c", "sensor": "b"}


def test_labels_do_not_need_a_sensor_template():
    router = TopicRouter([Routing(["+/+"], ["{site}/_"])])
    assert router.routes("n/t") == (Route(0, "n/t", {}, {"site": "n"}),)


def test_each_field_is_a_sensor_of_its_own():
    fields = ("t", "h")
    router = TopicRouter(
        [
            Routing(["home/+"], fields=fields),
            Routing(["home/+"], ["home/{room}"], "{room}", fields),
            Routing(["home/+"], ["home/{room}"], "{field}/{room}", fields),
        ]
    )
    assert [route.sensors for route in router.routes("home/kitchen")] == [
        {"t": "home/kitchen.t", "h": "home/kitchen.h"},
        {"t": "kitchen.t", "h": "kitchen.h"},
        {"t": "t/kitchen", "h": "h/kitchen"},
    ]
    assert {route.sensor for route in router.routes("home/kitchen")} == {""}


def test_every_detector_whose_filters_match_has_one_route_in_order():
    router = TopicRouter(
        [Routing(["a/#", "a/+", "+/x"]), Routing(["b/#"]), Routing(["a/x"]), Routing(["+/+/y"])]
    )
    assert [route.detector for route in router.routes("a/x")] == [0, 2]
    assert [route.detector for route in router.routes("b/x")] == [0, 1]
    with pytest.raises(RejectedPayload, match="no detector subscribes"):
        router.routes("c")


def test_a_detector_that_has_no_id_for_a_topic_does_not_keep_it_from_another():
    router = TopicRouter([Routing(["a/#"], ["a/{x}"], "{x}"), Routing(["a/#"])])
    assert [route.detector for route in router.routes("a/b/c")] == [1]


def test_the_cache_is_bounded_and_refusals_are_not_kept():
    router = TopicRouter([Routing(["#"])], cache=8)
    for number in range(1_000):
        router.routes(f"t/{number}")
        with pytest.raises(RejectedPayload):
            router.routes(f"t/{number}!")
    assert list(router._known) == [f"t/{number}" for number in range(992, 1_000)]
    assert router.routes("t/999") is router.routes("t/999")


@pytest.mark.parametrize("topic", ["a/" * 2_000, "x" * 129, "ab/" * 100 + "c"])
def test_topics_longer_than_an_id_may_be_are_rejected(topic):
    with pytest.raises(RejectedPayload) as rejected:
        TopicRouter([Routing(["#"])]).routes(topic)
    assert rejected.value.reason == "topic"


def test_a_long_topic_is_rejected_even_when_its_length_is_in_ignored_levels():
    router = TopicRouter([Routing(["a/#"], ["a/{x}/#"], "{x}")])
    assert router.routes("a/b/" + "c" * 1_020)[0].sensor == "b"
    with pytest.raises(RejectedPayload, match="not a sensor's topic"):
        router.routes("a/b/" + "c" * 1_021)


@given(st.text())
def test_any_topic_is_routed_or_rejected(topic):
    router = TopicRouter([Routing(["#"])])
    try:
        (route,) = router.routes(topic)
    except RejectedPayload as error:
        reason = error.reason
    else:
        assert route.sensor.isascii()
        assert route.sensor.isprintable()
        return
    assert reason == "topic"


def test_codecs_import_neither_network_nor_configuration():
    unwanted = "paho.mqtt.client yaml pydantic prometheus_client onnxruntime tensorflow numpy socket ssl"
    probe = f"import streamdetect.codecs, sys; print([m for m in {unwanted.split()} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
