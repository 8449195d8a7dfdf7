"""Whatever arrives, a codec gives finite samples or a rejection with a known reason."""

from __future__ import annotations

import math

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streamdetect.codecs import REASONS, PayloadSettings, codec
from streamdetect.codecs.numbers import FLOAT32_MAX
from streamdetect.codecs.timestamps import TIME_FORMATS
from streamdetect.errors import RejectedPayload

VALUES = {"a": "value", "b": "x[0].y", "c": "n"}
SETTINGS = [
    PayloadSettings(
        payload_format,
        values=values,
        fields=fields,
        numeric_strings=strings,
        time=time,
        time_format=time_format,
        partial=partial,
    )
    for payload_format in ("json", "number", "influx", "cbor", "msgpack", "senml")
    for values, fields, partial in (
        (None, "together", False),
        (VALUES, "together", False),
        (VALUES, "together", payload_format != "influx"),
        (VALUES, "per_sensor", False),
    )
    for strings in (False, True)
    for time, time_format in (
        (None, None),
        *((("t", kind)) for kind in TIME_FORMATS if payload_format in {"json", "cbor", "msgpack"}),
    )
    if values is None or payload_format not in {"number", "senml"}
]
CODECS = [
    *((len(settings.features), codec(settings)) for settings in SETTINGS),
    (1, codec(PayloadSettings("bytes", type="float32-le"))),
    (2, codec(PayloadSettings("bytes", values={"a": "float64-be@0", "b": "int8@3"}))),
    (1, codec(PayloadSettings(each="x", value="y", labels={"n": "n", "key": "$key"}, time="t"))),
    (1, codec(PayloadSettings(each="$", value="$", time="$key", time_format="auto", map={"ON": 1.0}))),
    (1, codec(PayloadSettings(type="int16-be", encoding="base64"))),
    (1, codec(PayloadSettings(units="any", decimal_comma=True, booleans=True, compression="gzip"))),
]
SCALAR = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(), st.text(max_size=20)
)
ITEM = st.dictionaries(
    st.sampled_from(["value", "x", "n", "t", "other"]),
    st.one_of(
        SCALAR,
        st.datetimes().map(lambda moment: moment.isoformat() + "Z"),
        st.lists(st.dictionaries(st.just("y"), SCALAR, max_size=1), max_size=2),
    ),
)
LINE = st.text(alphabet='m,=\\ "value10.5eitTfF-#\n', max_size=60)


def check(payload, arrival):
    for features, reader in CODECS:
        partial = reader._settings.partial
        for _, time, values in decoded(reader, payload, arrival):
            assert len(values) == features
            assert all(type(value) is float and (abs(value) <= FLOAT32_MAX or partial) for value in values)
            assert not all(map(math.isnan, values))
            assert math.isfinite(time)
            assert time <= arrival + 300


def decoded(reader, payload, arrival):
    try:
        samples, faults = reader.decode(payload, arrival)
    except RejectedPayload as error:
        rejected = error
    else:
        assert samples
        assert all(fault.reason in REASONS and str(fault).isprintable() for fault in faults)
        assert [time for _, time, _ in samples] == sorted(time for _, time, _ in samples)
        return samples
    assert rejected.reason in REASONS
    assert str(rejected).isprintable()
    return ()


@given(st.binary(max_size=200))
@example(b"\x1c1")
@example(b"-")
@example(b"m value=1\\")
def test_any_bytes(payload):
    check(payload, 1.7e9)


@settings(max_examples=300)
@given(st.one_of(ITEM, st.lists(ITEM, max_size=3)), st.floats(0, 4e9))
def test_any_json_near_the_expected_shape(document, arrival):
    check(orjson.dumps(document), arrival)


def outcome(decode, payload):
    try:
        return decode(payload, 1.7e9)
    except RejectedPayload as error:
        return error.reason


@settings(max_examples=300)
@given(st.one_of(ITEM, st.lists(ITEM, max_size=2)))
@example({"value": 1, "t": 1.7e9})
@example({"value": 1.5, "t": True})
@example({"value": 1.5, "t": 1.7e9 + 301})
def test_the_short_way_to_one_value_is_the_long_one(document):
    payload = orjson.dumps(document)
    for time, time_format in ((None, None), *((("t", kind)) for kind in TIME_FORMATS)):
        reader = codec(PayloadSettings(time=time, time_format=time_format))
        reading = reader.read_one and reader.read_one(payload, 1.7e9)
        if reading:
            moment, value = reading
            assert type(value) is float
            assert list(outcome(reader.decode, payload).samples) == [((), moment, (value,))]


@given(LINE)
def test_any_text_near_line_protocol(line):
    check(line.encode(), 1.7e9)


@given(st.text(max_size=30))
@example("١٢٣")
@example("²")
@example("2024-05-01T12:00:00+23:59:59.9")
def test_any_text_as_value_and_time(text):
    check(orjson.dumps({"value": text, "t": text, "n": 1}), 1.7e9)


@pytest.mark.parametrize("number", [0.0, -0.0, 5e-324, FLOAT32_MAX, -FLOAT32_MAX, 2**53])
def test_every_finite_float32_passes(number):
    ((_, _, values),) = codec(PayloadSettings()).decode(orjson.dumps({"value": number}), 0.0).samples
    assert values == (number,)
