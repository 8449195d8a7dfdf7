"""The rows of the bad-input table that concern payloads, topics and times, each named."""

from __future__ import annotations

import string

import pytest

from streamdetect.codecs import REASONS, PayloadSettings, Routing, TopicRouter, codec
from streamdetect.codecs.ids import readable
from streamdetect.errors import RejectedPayload

ARRIVAL = 1_714_564_800.0


def reason(payload, **settings):
    with pytest.raises(RejectedPayload) as rejected:
        codec(PayloadSettings(**settings)).decode(payload, ARRIVAL)
    assert rejected.value.reason in REASONS
    return rejected.value.reason


@pytest.mark.parametrize(
    "payload",
    [
        b"{",
        b'{"value": 2',
        b'{"value": 2}}',
        b"{'value': 2}",
        b'{"value": 0x10}',
        b'{"value": 01}',
        b'{"value": \x00}',
        b'{"value": 2, "unit": "\xb0C"}',
        b"\xff\xfe{\x00}\x00",
    ],
)
def test_malformed_or_truncated_json_and_non_utf8_payloads_are_decode(payload):
    assert reason(payload) == "decode"


@pytest.mark.parametrize("number", ["NaN", "-NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_nan_infinity_and_1e999_are_nonfinite(number):
    assert reason(b'{"\xc2\xb5": "\xf0\x9f\x8c\xa1", "value": %s}' % number.encode()) == "nonfinite"
    assert reason(number.lower().encode(), format="number") == "nonfinite"
    assert reason(b'{"value": "%s"}' % number.encode()) == "nonfinite"


@pytest.mark.parametrize("number", ["9" * 5_000, "-" + "9" * 5_000, "3.5e38", "-1e200", "1" + "0" * 39])
def test_integers_of_5000_digits_and_values_beyond_float32_are_nonfinite(number):
    assert reason(b'{"value": %s}' % number.encode()) == "nonfinite"
    assert reason(number.encode(), format="number") == "nonfinite"
    assert reason(b"m value=%s" % number.encode(), format="influx") == "nonfinite"


def test_nesting_of_100000_brackets_is_size_and_beneath_the_limit_decode():
    assert reason(b"[" * 100_000) == "size"
    assert reason(b"[" * 60_000) == "decode"
    assert reason(b'{"value":' * 6_000) == "decode"


def test_true_as_a_value_is_type():
    assert reason(b'{"value": true}') == "type"
    assert reason(b'{"value": false}') == "type"
    assert reason(b"m value=true", format="influx") == "type"


def test_of_duplicate_keys_the_last_wins():
    ((_, _, values),) = codec(PayloadSettings()).decode(b'{"value": 1, "value": 2}', ARRIVAL).samples
    assert values == (2.0,)


@pytest.mark.parametrize("payload", [rb'{"value": 1, "name": "\ud800"}', rb'{"\udfff": 1, "value": 1}'])
def test_a_lone_surrogate_in_a_string_is_decode(payload):
    assert reason(payload) == "decode"


@pytest.mark.parametrize("payload_format", ["json", "number", "influx"])
def test_a_payload_over_the_limit_is_size(payload_format):
    assert reason(b" " * 101, format=payload_format, max_payload=100) == "size"


@pytest.mark.parametrize("payload_format", ["json", "number", "influx"])
@pytest.mark.parametrize("payload", [b"", b" ", b"\n"])
def test_an_empty_payload_is_empty(payload, payload_format):
    assert reason(payload, format=payload_format) == "empty"


@pytest.mark.parametrize("bad", ["a\x07b", "a\u202eb", "a\nb", "Küche", "a b", "<b>", "x" * 129, "a\x00"])
def test_control_and_bidi_characters_in_a_topic_are_escaped(bad):
    router = TopicRouter(
        [Routing(["plant/#"], ["plant/{site}/{sensor}"], "{site}/{sensor}"), Routing(["raw/#"])]
    )
    for topic in (f"plant/{bad}/t", f"plant/north/{bad}", f"raw/x/{bad}"):
        (route,) = router.routes(topic)
        for text in (route.sensor, *route.labels.values()):
            assert set(text) <= set("%/_.-" + string.ascii_letters + string.digits)
        assert readable(route.sensor) == topic.removeprefix("plant/")


def test_dollar_topics_are_topic():
    router = TopicRouter([Routing(["#"])])
    assert str(router.routes("$SYS/broker/uptime").refusal).startswith("topic: not a sensor's topic")


def test_a_time_more_than_5_minutes_ahead_is_future():
    reader = codec(PayloadSettings(time="t"))
    ((_, time, _),) = reader.decode(b'{"value": 1, "t": 1714565100}', ARRIVAL).samples
    assert time == ARRIVAL + 300
    with pytest.raises(RejectedPayload, match=r"^future: 301 s ahead of the arrival, 300 s allowed"):
        reader.decode(b'{"value": 1, "t": 1714565101}', ARRIVAL)
    assert reason(b"m value=1 1714565101000000000", format="influx") == "future"
