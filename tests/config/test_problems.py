from __future__ import annotations

import sys

import pytest
from refused import problems

from streamdetect.config import Config, MqttConfig, load, validate
from streamdetect.errors import ConfigError

PATH_RULE = "must be a path like value, data.temp, readings[0].v or data['odd key']"


def test_every_problem_is_told_at_once_with_option_rule_and_value():
    found = problems("""
mqtt: {port: 99999, host: 3, transport: unix, sockt: x}
events: {lables: {a: b}}
detectors:
  - name: a
    sigma: 3
    topics: ["a/#/b", "#"]
    threshold: {sigma: -2, history: 50, histry: 3}
    max_gap: 5m
  - name: a
    bundle: 3
    topics: ["#"]
  - name: a b
    payload: {value: "a..b"}
batch: {inbox: 5}
""")
    assert set(found) == {
        "mqtt.port: must be <= 65535, got 99999",
        "mqtt.host: must be a string (put it in quotes), got 3",
        f"mqtt.sockt: unknown key, known are {', '.join(MqttConfig.model_fields)}",
        "mqtt.path: is required for the transport unix: the socket to connect to",
        'events.lables: unknown key, did you mean "labels"?',
        'detectors[0].sigma: unknown key, did you mean "threshold.sigma"?',
        "detectors[0].topics[0]: must have # only alone, as the last level, got 'a/#/b'",
        "detectors[0].threshold.sigma: must be > 0, got -2",
        'detectors[0].threshold.histry: unknown key, did you mean "history"?',
        "detectors[0].threshold.min_count: must be <= history (50), got 100",
        "detectors[0].max_gap: must be seconds or a duration like 500ms, 10s, 5min, 2h or 7d, got '5m'",
        "detectors[1].name: must be unique, got 'a'",
        "detectors[1].bundle: must be a string (put it in quotes), got 3",
        "detectors[1].topics[0]: must not match our own topics (streamdetect/status), got '#'",
        "detectors[2].name: must match [A-Za-z0-9_.-]{1,64}, got 'a b'",
        f"detectors[2].payload.value: {PATH_RULE}, got 'a..b'",
        "batch.inbox: must be >= mqtt.max_undelivered_messages (1000), got 5",
    }


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("mqt: {}", 'mqt: unknown key, did you mean "mqtt"?'),
        ("mqtt: 3", "mqtt: must be a mapping, got 3"),
        ("mqtt:", "mqtt: must be a mapping, got null"),
        ("mqtt: []", "mqtt: must be a mapping"),
        ("mqtt: {tls: {enabled: 1}}", "mqtt.tls.enabled: must be true or false, got 1"),
        ("mqtt: {tls: {enabled: yes}}", "mqtt.tls.enabled: must be true or false, got 'yes'"),
        ("mqtt: {qos: 2}", "mqtt.qos: must be <= 1, got 2"),
        ("mqtt: {qos: true}", "mqtt.qos: must be a whole number, got true"),
        ("mqtt: {qos: 1.0}", "mqtt.qos: must be a whole number, got 1.0"),
        ("mqtt: {qos: '1'}", "mqtt.qos: must be a whole number, got '1'"),
        ("mqtt: {host: ''}", "mqtt.host: must not be empty, got ''"),
        ("mqtt: {protocol: 4}", "mqtt.protocol: must be '5' or '3.1.1', got 4"),
        ("mqtt: {keepalive: 0}", "mqtt.keepalive: must be > 0, got 0"),
        ("mqtt: {keepalive: 1.5s}", "mqtt.keepalive: must be a multiple of 1, got '1.5s'"),
        (
            "mqtt: {keepalive: -1s}",
            "mqtt.keepalive: must be seconds or a duration like 500ms, 10s, 5min, 2h or 7d, got '-1s'",
        ),
        (
            "mqtt: {keepalive: .inf}",
            "mqtt.keepalive: must be seconds or a duration like 500ms, 10s, 5min, 2h or 7d, got '.inf'",
        ),
        (
            "mqtt: {max_payload: 1.5B}",
            "mqtt.max_payload: must be bytes or a size like 64KiB or 1MiB, got '1.5B'",
        ),
        (
            "mqtt: {max_payload: 64KB}",
            "mqtt.max_payload: must be bytes or a size like 64KiB or 1MiB, got '64KB'",
        ),
        ("mqtt: {max_payload: 17MiB}", "mqtt.max_payload: must be <= 16777216, got '17MiB'"),
        ("shutdown: {deadline: true}", "shutdown.deadline: must be a number, got true"),
        ("shutdown: {deadline: 1e999}", "shutdown.deadline: must be finite, got inf"),
        ("detectors: []", "detectors: must have at least 1 entry"),
        ("detectors: [5]", "detectors[0]: must be a mapping, got 5"),
        ("detectors: {name: a}", "detectors: must be a list"),
        ("detectors: [{topics: sensors/#}]", "detectors[0].topics: must be a list, got 'sensors/#'"),
        ("detectors: [{topics: []}]", "detectors[0].topics: must have at least 1 entry"),
        ("detectors: [{threads: -1}]", "detectors[0].threads: must be >= 0, got -1"),
        (
            "detectors: [{payload: {values: {'a b': x}}}]",
            "detectors[0].payload.values.a b: must match [A-Za-z0-9_.-]{1,64}, got 'a b'",
        ),
        ("detectors: [{payload: {values: {}}}]", "detectors[0].payload.values: must have at least 1 entry"),
        (
            "events: {labels: {Site: north}}",
            "events.labels.Site: must match [a-z_][a-z0-9_]{0,63}, got 'Site'",
        ),
        (
            "events: {prefix: a/+}",
            "events.prefix: must be levels of letters, digits, _ . - joined with /, got 'a/+'",
        ),
        (
            "events: {topic: 'x{sensor}'}",
            "events.topic: must have {prefix}, {detector} or {sensor} alone in its level, got 'x{sensor}'",
        ),
        (
            "events: {topic: '{sensor}/x'}",
            "events.topic: must have {sensor} as the last level: an id may have several, got '{sensor}/x'",
        ),
    ],
)
def test_one_problem_is_told_in_one_line(text, problem):
    assert problems(text) == [problem]


def test_a_long_or_unprintable_value_or_key_is_shortened_and_escaped():
    (problem,) = problems(f'mqtt: {{host: 3, "a\\u202e{"x" * 500}": 1}}'.replace("host: 3, ", ""))
    assert problem.isprintable()
    assert len(problem) < 400
    (problem,) = problems(f'logging: {{level: "\\e{"x" * 500}"}}')
    assert problem.isprintable()
    assert len(problem) < 200


def test_a_rule_says_nothing_about_options_that_are_wrong_themselves():
    assert problems("detectors: [{threshold: {history: x, min_count: 5000}}]") == [
        "detectors[0].threshold.history: must be a whole number, got 'x'"
    ]
    assert problems("detectors: [{name: 3}, {name: default}]") == [
        "detectors[0].name: must be a string (put it in quotes), got 3"
    ]


def test_plain_data_is_left_as_it_was():
    data = {"mqtt": {"port": -1}, "detectors": [{"name": "a"}, {"name": "a"}]}
    with pytest.raises(ConfigError):
        validate(data)
    assert data == {"mqtt": {"port": -1}, "detectors": [{"name": "a"}, {"name": "a"}]}
    assert validate({}) == Config.defaults()


@pytest.mark.parametrize("name", ["missing.yaml", ".", "no\0path"])
def test_a_file_that_cannot_be_read_is_a_problem(tmp_path, name):
    with pytest.raises(
        ConfigError, match=r"cannot be read: (No such file|Is a directory)|is not a valid path"
    ):
        load(f"{tmp_path}/{name}")


def test_a_file_must_be_utf8_and_may_begin_with_a_byte_order_mark(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_bytes(b"mqtt: {host: \xff}")
    with pytest.raises(ConfigError, match="must be UTF-8"):
        load(path)
    path.write_bytes(b"\xef\xbb\xbfmqtt: {host: broker}")
    assert load(path).mqtt.host == "broker"


def test_the_time_for_unknown_keys_grows_with_their_number_and_not_faster():
    def steps(keys: int) -> int:
        """Lines of Python that it takes; a time would depend on the machine."""
        count = 0

        def trace(frame, event, _):
            nonlocal count
            count += event == "line" and "streamdetect" in frame.f_code.co_filename
            return trace

        data = {"mqtt": {f"unknown{number}": number for number in range(keys)}}
        sys.settrace(trace)
        try:
            with pytest.raises(ConfigError) as broken:
                validate(data)
        finally:
            sys.settrace(None)
        assert len(broken.value.problems) == 101
        assert str(broken.value.problems[-1]) == f"configuration: {keys - 100} more problems"
        return count

    assert steps(2000) < 2.2 * steps(1000)
