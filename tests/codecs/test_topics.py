from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from paho.mqtt.client import topic_matches_sub

from streamdetect.codecs import SensorTemplate, TopicTemplate
from streamdetect.codecs.filters import check_filter, covers, overlap, overlapping, uncovered
from streamdetect.codecs.number import NumberCodec
from streamdetect.errors import RejectedPayload

LEVEL = st.from_regex(r"[A-Za-z0-9_.-]{1,8}", fullmatch=True)
NAME = st.from_regex(r"[a-z][a-z0-9_]{0,6}", fullmatch=True).filter(lambda name: name != "field")


@pytest.mark.parametrize(
    ("template", "topic", "labels"),
    [
        ("{sensor}", "t1", {"sensor": "t1"}),
        ("plant/{site}/_/{sensor}", "plant/north/line 3/temp", {"site": "north", "sensor": "temp"}),
        ("plant/{site}/_/{sensor}", "plant/north/temp", None),
        ("plant/{site}/_/{sensor}", "plant/north/x/temp/y", None),
        ("plant/{site}/_/{sensor}", "Plant/north/x/temp", None),
        ("/plant/{sensor}", "/plant/t1", {"sensor": "t1"}),
        ("/plant/{sensor}", "plant/t1", None),
        ("plant/{sensor}/#", "plant/t1", {"sensor": "t1"}),
        ("plant/{sensor}/#", "plant/t1/a b/c", {"sensor": "t1"}),
        ("plant/{sensor}/#", "plant", None),
        ("plant/{sensor#}", "plant/a/b/c", {"sensor": "a/b/c"}),
        ("plant/{sensor#}", "plant/a", {"sensor": "a"}),
        ("plant/{sensor#}", "plant", None),
        ("{site}/{sensor#}", "a/b/c", {"site": "a", "sensor": "b/c"}),
        ("#", "a/b", {}),
        ("a/_", "a/", {}),
        ("a/{b}", "a/", {"b": ""}),
        ("{room}/{what}-{n}", "Küche 1/temp-in-2", {"room": "K%C3%BCche%201", "what": "temp", "n": "in-2"}),
        ("{d}/temp:{c}", "x/temp:", None),
    ],
)
def test_a_template_reads_labels_or_does_not_match(template, topic, labels):
    assert TopicTemplate(template).match(topic) == labels


@pytest.mark.parametrize(
    ("template", "rule"),
    [
        ("a/#/b", "must have # only at the end"),
        ("a/{x#}/b", "must have # only at the end"),
        ("a/+/b", "must have literals"),
        ("a/{b}{c}", "must have text between two names"),
        ("a/{b}-{c}-{d}-{e}", "at most 3"),
        ("a/b{x#}", "must have a name with # alone"),
        ("a/{X}", "must have literals"),
        ("a/{}", "must have literals"),
        ("a/b#", "must have literals"),
        ("{a}/{a}", "must not use a name twice"),
        ("{field}/{a}", "must not use the name field"),
    ],
)
def test_what_is_no_template_is_refused(template, rule):
    with pytest.raises(ValueError, match=rule):
        TopicTemplate(template)


@given(
    st.lists(st.one_of(LEVEL, st.just("_"), NAME.map(lambda name: "{" + name + "}")), min_size=1), st.data()
)
def test_labels_come_back_from_the_topic_they_were_put_in(levels, data):
    names = [level[1:-1] for level in levels if level.startswith("{")]
    assume(len(set(names)) == len(names))
    if names and data.draw(st.booleans()) and levels[-1].startswith("{"):
        levels[-1] = levels[-1][:-1] + "#}"
    template = TopicTemplate("/".join(levels))
    depth = dict.fromkeys(names, 1)
    if levels[-1].endswith("#}"):
        depth[names[-1]] = data.draw(st.integers(1, 4))
    labels = {
        name: "/".join(data.draw(st.lists(LEVEL, min_size=count, max_size=count)))
        for name, count in depth.items()
    }
    topic = "/".join(
        labels[level[1:-1].rstrip("#")]
        if level.startswith("{")
        else data.draw(LEVEL)
        if level == "_"
        else level
        for level in levels
    )
    assert template.match(topic) == labels
    assert overlap(template.as_filter(), topic)
    id_template = "/".join("{" + name + "}" for name in names)
    if names:
        assert SensorTemplate(id_template).render(labels) == "/".join(labels.values())


@given(st.text(), st.text())
def test_any_text_is_a_template_or_refused_and_any_topic_matched_or_rejected(template, topic):
    try:
        labels = TopicTemplate(template).match(topic)
    except (ValueError, RejectedPayload):
        return
    assert labels is None or all(value.isascii() and value for value in labels.values())


def test_an_id_is_put_together_from_labels():
    labels = {"site": "north", "sensor": "a/b"}
    assert SensorTemplate("{site}/{sensor}").render(labels) == "north/a/b"
    assert SensorTemplate("{site}.{sensor}-x").render(labels) == "north.a/b-x"


def test_an_id_has_a_greatest_length():
    long = [SensorTemplate("{a}/{b}").render({"a": "x" * 128, "b": "y" * 128 + end}) for end in "yz"]
    assert [len(sensor) for sensor in long] == [256, 256]
    assert long[0] != long[1]
    assert SensorTemplate("{a}/{b}").render({"a": "x" * 128, "b": "y" * 127})[-3:] == "yyy"


@pytest.mark.parametrize("template", ["", "fixed", "{ a}", "{a}{", "{a} b", "{a}\n", "{a}#", "{}"])
def test_what_is_no_sensor_template_is_refused(template):
    with pytest.raises(ValueError, match="must"):
        SensorTemplate(template)


@pytest.mark.parametrize(
    "topic_filter", ["a", "#", "+", "a/#", "+/a/+", "/a", "a/", "a//b", "a b/ü", "$aws/things/+/shadow"]
)
def test_a_valid_filter_passes(topic_filter):
    check_filter(topic_filter)


@pytest.mark.parametrize(
    "topic_filter",
    [
        "",
        "$SYS/#",
        "$share/g/a",
        "$queue/a",
        "a/#/b",
        "a#",
        "#/a",
        "a+",
        "+a/b",
        "a/b#",
        "a\x00",
        "a\u202eb",
        "x" * 65_536,
    ],
)
def test_an_invalid_filter_is_refused(topic_filter):
    with pytest.raises(ValueError, match="must"):
        check_filter(topic_filter)


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a/c", False),
        ("a/+", "+/b", True),
        ("a/+", "a", False),
        ("a/#", "a", True),
        ("a/#", "b/#", False),
        ("#", "x/y/z", True),
        ("+/+/c", "a/#", True),
        ("+/+/c", "a/b/+/#", True),
        ("+/b", "a/+/c", False),
        ("a/b/#", "a", False),
        ("a/+/#", "a", False),
    ],
)
def test_overlap_is_told_in_either_order(one, other, meet):
    assert overlap(one, other) is meet
    assert overlap(other, one) is meet


LEVELS = st.lists(st.sampled_from(["a", "b", "+"]), min_size=1, max_size=4)


@given(LEVELS, st.booleans(), LEVELS, st.booleans())
def test_overlap_agrees_with_matching_all_small_topics(one, one_open, other, other_open):
    mqtt = pytest.importorskip("paho.mqtt.client")
    filters = ["/".join([*one, "#"] if one_open else one), "/".join([*other, "#"] if other_open else other)]
    topics = [""]
    found = False
    for _ in range(6):
        topics = [f"{topic}/{level}".lstrip("/") for topic in topics for level in "ab"]
        found |= any(all(mqtt.topic_matches_sub(f, topic) for f in filters) for topic in topics)
    assert overlap(*filters) is found


@pytest.mark.parametrize(
    ("one", "other", "covered"),
    [
        ("home/#", "home/kitchen/+", True),
        ("home/#", "home", True),
        ("#", "a/+/b", True),
        ("a/+", "a/b", True),
        ("a/+/#", "a/b/#", True),
        ("a/+", "a/#", False),
        ("a/b", "a/+", False),
        ("a/+/#", "a", False),
        ("+/b", "a/+", False),
        ("#", "$aws/x", False),
        ("+/x", "$aws/x", False),
    ],
)
def test_a_filter_covers_what_it_alone_would_bring(one, other, covered):
    assert covers(one, other) is covered
    assert covers(one, one)


def test_covered_filters_are_left_out_and_overlapping_ones_told():
    assert uncovered(["home/#", "home/kitchen/+", "x", "home/#", "x"]) == ("home/#", "x")
    assert overlapping(["a/+", "+/b", "c"]) == [("a/+", "+/b")]


@given(LEVELS, st.booleans(), LEVELS, st.booleans())
def test_covering_agrees_with_matching_all_small_topics(one, one_open, other, other_open):
    mqtt = pytest.importorskip("paho.mqtt.client")
    filters = ["/".join([*one, "#"] if one_open else one), "/".join([*other, "#"] if other_open else other)]
    topics = [""]
    outside = False
    for _ in range(6):
        topics = [f"{topic}/{level}".lstrip("/") for topic in topics for level in "abc"]
        matched = [[mqtt.topic_matches_sub(f, topic) for f in filters] for topic in topics]
        outside |= any(theirs and not mine for mine, theirs in matched)
    assert covers(*filters) is not outside


@pytest.mark.parametrize(
    "text", ["#", "plant/#", "+/+/value", "plant/{line}/_/temp-{sensor}", "{sensor#}", "plant/one"]
)
def test_topics_of_the_benchmark_are_those_that_are_heard(text):
    named = "{" in text
    topics = [NumberCodec.topic(text, sensor) for sensor in range(3)]
    assert len(set(topics)) == (1 if text == "plant/one" else 3)
    for topic in topics:
        if named:
            assert TopicTemplate(text).match(topic) is not None
        else:
            assert topic_matches_sub(text, topic)
