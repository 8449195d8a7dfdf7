"""The rows of the bad-input table that concern the configuration, each named."""

from __future__ import annotations

import pytest
from refused import problems

from streamdetect.config import load, parse
from streamdetect.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("a: !!python/object/apply:os.system [id]", "line 1, column 4"),
        ("a: !!str 1", "line 1, column 4"),
        ("a: ! 1", "line 1, column 4"),
        ("!!map {}", "line 1, column 1"),
        ("!x!y {}", "line 1, column 1"),
        ("mqtt:\n  !t host: a", "line 2, column 3"),
    ],
)
def test_yaml_tags_are_refused(text, where):
    (problem,) = problems(text)
    assert problem.startswith(where)
    assert "tag" in problem


@pytest.mark.parametrize(
    "text",
    [
        "a: &x 1",
        "a: &x 1\nb: *x",
        "a: *x",
        "&x {}",
        "a: &x [*x]",
        "a: {<<: *b}",
        "mqtt: {password: *hunter2}",
    ],
)
def test_yaml_anchors_and_aliases_are_refused(text):
    (problem,) = problems(text)
    assert "anchors and aliases (& and *) are not accepted" in problem
    assert "hunter2" not in problem


def test_a_configuration_of_more_than_1_mib_is_refused(tmp_path):
    text = "#" * 1024**2
    assert problems(text + "#") == ["configuration: must be at most 1 MiB"]
    assert problems(text) == ["configuration: must be a mapping of options"]
    (tmp_path / "big.yaml").write_text(text + "#")
    with pytest.raises(ConfigError, match="must be at most 1 MiB"):
        load(tmp_path / "big.yaml")


@pytest.mark.parametrize("topic", ["$SYS/#", "$SYS/broker/uptime", "$share/group/sensors/#", "$queue/a"])
def test_sys_and_shared_topics_in_a_filter_are_refused(topic):
    (problem,) = problems(f"detectors: [{{topics: [{topic}]}}]")
    assert problem.startswith("detectors[0].topics[0]: must not begin with $")


@pytest.mark.parametrize(
    ("topic", "own"),
    [
        ("#", "streamdetect/status"),
        ("streamdetect/#", "streamdetect/status"),
        ("+/status", "streamdetect/status"),
        ("streamdetect/status/#", "streamdetect/status"),
        ("streamdetect/events/#", "streamdetect/events/default/+/#"),
        ("+/+/+/temp", "streamdetect/events/default/+/#"),
        ("streamdetect/events/default/x", "streamdetect/events/default/+/#"),
    ],
)
def test_our_own_topics_in_a_filter_are_refused(topic, own):
    (problem,) = problems(f"detectors: [{{topics: ['{topic}']}}]")
    assert problem == f"detectors[0].topics[0]: must not match our own topics ({own}), got '{topic}'"


@pytest.mark.parametrize(
    "topic", ["+/events", "+/+/temp", "streamdetect/events/other/x", "streamdetect/sensors/#"]
)
def test_filters_beside_our_own_topics_are_accepted(topic):
    assert parse(f"detectors: [{{topics: ['{topic}']}}]").detectors[0].topics == (topic,)


@pytest.mark.parametrize("topic", ["''", "a/#/b", "a+", "a#", "+b/c", '"a\\0b"', '"a\\u202eb"'])
def test_filters_that_a_broker_would_refuse_are_refused(topic):
    (problem,) = problems(f"detectors: [{{topics: [{topic}]}}]")
    assert problem.startswith("detectors[0].topics[0]: must ")
    assert problem.isprintable()
