from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamdetect.codecs import Routing, TopicRouter
from streamdetect.codecs.ids import MAX_ID, readable
from streamdetect.errors import RejectedPayload


def routes(router, topic):
    """The routes as plain data: detector, sensor, labels."""
    return [(route.detector, route.sensor, dict(route.labels)) for route in router.routes(topic)]


def refusal(router, topic):
    found = router.routes(topic)
    assert not found
    return found.refusal


def test_without_templates_the_whole_topic_is_the_id():
    router = TopicRouter([Routing(["sensors/#", "/lead/+"])])
    assert routes(router, "sensors/a/b") == [(0, "sensors/a/b", {})]
    assert routes(router, "sensors") == [(0, "sensors", {})]
    assert routes(router, "/lead/x") == [(0, "/lead/x", {})]
    assert routes(router, "sensors//Living Room") == [(0, "sensors//Living%20Room", {})]


def test_labels_are_read_and_the_id_put_together_for_trees_of_varying_depth():
    templates = ["plant/{site}/_/{sensor}", "plant/{site}/{sensor}"]
    router = TopicRouter([Routing(["plant/#"], templates, "{site}/{sensor}")])
    assert routes(router, "plant/n/x/t") == [(0, "n/t", {"site": "n", "sensor": "t"})]
    assert routes(router, "plant/n/t") == [(0, "n/t", {"site": "n", "sensor": "t"})]
    assert "no template matches" in str(refusal(router, "plant/n"))
    assert refusal(router, "plant/n").foreign


def test_part_of_a_level_is_a_label():
    router = TopicRouter([Routing(["+/status/+"], ["{dev}/status/temperature:{ch}"], "{dev}/{ch}")])
    assert routes(router, "dev1/status/temperature:0") == [(0, "dev1/0", {"dev": "dev1", "ch": "0"})]
    assert refusal(router, "dev1/status/sys").foreign


def test_the_first_template_that_matches_counts():
    router = TopicRouter([Routing(["#"], ["a/{sensor}", "{site}/{sensor}"], "{sensor}")])
    assert router.routes("a/b")[0].labels == {"sensor": "b"}
    assert router.routes("c/b")[0].labels == {"site": "c", "sensor": "b"}


def test_labels_do_not_need_a_sensor_template():
    router = TopicRouter([Routing(["+/+"], ["{site}/_"])])
    assert routes(router, "n/t") == [(0, "n/t", {"site": "n"})]


def test_each_field_is_a_sensor_of_its_own():
    fields = ("field",)
    router = TopicRouter(
        [
            Routing(["home/+"], names=fields),
            Routing(["home/+"], ["home/{room}"], "{room}", fields),
            Routing(["home/+"], ["home/{room}"], "{field}/{room}", fields),
        ]
    )
    found = router.routes("home/kitchen")
    assert [[route.named((field,)).id for field in "th"] for route in found] == [
        ["home/kitchen.t", "home/kitchen.h"],
        ["kitchen.t", "kitchen.h"],
        ["t/kitchen", "h/kitchen"],
    ]
    assert {route.sensor for route in found} == {""}
    assert found[1].named(("t",)).labels == {"room": "kitchen"}


def test_what_the_payload_names_is_part_of_the_id_and_a_label():
    names = ("tags.cpu", "tags.host", "field")
    router = TopicRouter(
        [
            Routing(["t/+"], ["t/{agent}"], "{agent}/{tags.host}/{tags.cpu}/{field}", names),
            Routing(["t/+"], (), None, names),
            Routing(["t/+"], (), "{topic}/{tags.cpu#}", names),
        ]
    )
    said = ("cpu/0", "böx", "usage")
    first, second, third = (route.named(said) for route in router.routes("t/a b"))
    assert first.id == "a%20b/b%C3%B6x/cpu%2F0/usage"
    assert first.labels == {"agent": "a%20b", "cpu": "cpu%2F0", "host": "b%C3%B6x"}
    assert second.id == "t/a%20b.cpu%2F0.b%C3%B6x.usage"
    assert third.id == "t/a%20b/cpu/0.usage"
    with pytest.raises(RejectedPayload, match="the sensor id is empty"):
        TopicRouter([Routing(["#"], (), "{x}", ("x",))]).routes("a")[0].named(("",))


def test_every_detector_whose_filters_match_has_one_route_in_order():
    router = TopicRouter(
        [Routing(["a/#", "a/+", "+/x"]), Routing(["b/#"]), Routing(["a/x"]), Routing(["+/+/y"])]
    )
    assert [route.detector for route in router.routes("a/x")] == [0, 2]
    assert [route.detector for route in router.routes("b/x")] == [0, 1]
    assert "no detector subscribes" in str(refusal(router, "c"))


def test_a_topic_that_a_filter_names_is_not_foreign_and_one_under_a_wildcard_may_be():
    router = TopicRouter([Routing(["a/+", "a/x"]), Routing(["a/x", "a/#"]), Routing(["+/x"])])
    assert [route.wild for route in router.routes("a/x")] == [False, False, True]


def test_topics_to_be_ignored_have_no_route_and_no_refusal():
    patterns = ["a/bridge/#", "+/x", "homie/+/$*", "exact"]
    router = TopicRouter([Routing(["#"], ignore=patterns), Routing(["b/#"])])
    for topic in ("a/bridge", "a/bridge/x/y", "a/x", "homie/dev/$state", "exact"):
        assert refusal(router, topic) is None
    for topic in ("a/bridges", "a/x/y", "homie/dev/state", "exact/y"):
        assert [route.detector for route in router.routes(topic)] == [0]
    assert [route.detector for route in router.routes("b/x")] == [1]


def test_a_detector_that_has_no_id_for_a_topic_does_not_keep_it_from_another():
    router = TopicRouter([Routing(["a/#"], ["a/{x}"], "{x}"), Routing(["a/#"])])
    assert [route.detector for route in router.routes("a/b/c")] == [1]


def test_the_caches_are_bounded():
    router = TopicRouter([Routing(["#"], names=("n",))], cache=8)
    for number in range(1_000):
        router.routes(f"t/{number}")
        router.routes("t")[0].named((str(number),))
    assert len(router._known) <= 8
    assert len(router._detectors[0]._known) <= 8
    assert router.routes("t/999") is router.routes("t/999")
    assert router.routes("t")[0].named(("999",)) is router.routes("t")[0].named(("999",))


def test_a_long_topic_has_an_id_of_its_own_and_one_beyond_all_measure_is_rejected():
    router = TopicRouter([Routing(["#"]), Routing(["a/#"], ["a/{x}/#"], "{x}")])
    ids = {router.routes("x" * 1_000 + end)[0].sensor for end in "ab"}
    assert len(ids) == 2
    assert {len(sensor) for sensor in ids} == {MAX_ID}
    assert router.routes("a/b/" + "c" * 1_020)[1].sensor == "b"
    assert "not a sensor's topic" in str(refusal(router, "a/b/" + "c" * 1_021))


@given(st.text(min_size=1, max_size=80), st.text(max_size=80))
def test_any_topic_becomes_an_id_that_gives_it_back_and_is_safe(topic, name):
    router = TopicRouter([Routing(["#", "+/#"]), Routing(["#"], (), "x/{n}", ("n",))])
    found = router.routes(topic)
    if not found:
        assert topic.startswith("$")  # no filter that begins with a wildcard is for these
        return
    plain, named = found[0].sensor, found[-1]
    assert plain.isascii()
    assert not set(plain) & set(" \"'<>&#+\\\0\n")
    if len(plain) < MAX_ID:
        assert readable(plain) == topic
    if name:
        sensor = named.named((name,)).id
        assert sensor.count("/") == 1
        assert len(sensor) == MAX_ID or readable(sensor) == f"x/{name}"


@given(st.lists(st.text(min_size=1, max_size=300), min_size=2, max_size=2, unique=True))
def test_two_texts_never_share_an_id(texts):
    router = TopicRouter([Routing(["#"], (), "{n}", ("n",))])
    one, other = (router.routes("a")[0].named((text,)).id for text in texts)
    assert one != other


def test_codecs_import_neither_network_nor_configuration():
    unwanted = "paho.mqtt.client yaml pydantic prometheus_client onnxruntime tensorflow numpy socket ssl"
    probe = f"import streamdetect.codecs, sys; print([m for m in {unwanted.split()} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
