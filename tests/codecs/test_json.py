from __future__ import annotations

import pytest

from streamdetect.codecs import PayloadSettings, codec
from streamdetect.errors import RejectedPayload

NOW = 1_700_000_000.0
THREE = {"t": "temperature", "h": "data.humidity", "p": "data.pressure[1]"}


def decode(payload, arrival=100.0, **settings):
    return list(codec(PayloadSettings(**settings)).decode(payload, arrival).samples)


def reason(payload, **settings):
    with pytest.raises(RejectedPayload) as rejected:
        decode(payload, **settings)
    return rejected.value.reason


@pytest.mark.parametrize(
    ("path", "payload"),
    [
        ("value", b'{"value": 21.5}'),
        ("$.value", b'{"value": 21.5}'),
        ("data.temp", b'{"data": {"temp": 21.5}}'),
        ("$.data.temp", b'{"data": {"temp": 21.5}}'),
        ("readings[1].v", b'{"readings": [{"v": 1}, {"v": 21.5}]}'),
        ("a[0][1]", b'{"a": [[1, 21.5]]}'),
        ("data['odd key'].v", b'{"data": {"odd key": {"v": 21.5}}}'),
        ('$["a.b"]', b'{"a.b": 21.5}'),
        ("µg/m³", '{"µg/m³": 21.5}'.encode()),
    ],
)
def test_one_value_is_found_by_its_path(path, payload):
    assert decode(payload, value=path) == [((), 100.0, (21.5,))]


@pytest.mark.parametrize(
    "payload", [b"{}", b'{"data": 1}', b'{"data": [1]}', b'{"data": null}', b'{"data": {}}']
)
def test_a_missing_field_is_field(payload):
    assert reason(payload, value="data.temp") == "field"
    assert reason(b'{"a": [1]}', value="a[1]") == "field"


@pytest.mark.parametrize("value", [b"null", b'"warm"', b'""', b"[[1]]", b"{}", b"true"])
def test_what_is_no_number_is_type(value):
    assert reason(b'{"value": %s}' % value) == "type"


def test_strings_are_numbers_unless_they_are_not_to_be():
    assert decode(b'{"value": " 21.5 "}') == [((), 100.0, (21.5,))]
    assert reason(b'{"value": "21.5"}', numeric_strings=False) == "type"
    for text in ("1_000", "0x10", "21,5", "٣", "", "21.5 C"):
        assert reason(f'{{"value": "{text}"}}'.encode()) == "type"


def test_integers_come_out_as_floats_to_the_last_of_64_bits():
    ((_, _, (value,)),) = decode(b'{"value": 18446744073709551615}')
    assert value == 2.0**64
    assert type(value) is float


def test_several_values_are_one_reading_in_the_configured_order():
    payload = b'{"data": {"pressure": [0, 3], "humidity": 2}, "temperature": 1}'
    assert decode(payload, values=THREE) == [((), 100.0, (1.0, 2.0, 3.0))]
    assert reason(b'{"data": {"pressure": [0, 3]}, "temperature": 1}', values=THREE) == "field"


def test_one_sensor_per_field_takes_the_fields_that_are_there():
    settings = {"values": THREE, "fields": "per_sensor"}
    payload = b'{"temperature": 1, "data": {"humidity": null, "pressure": [0, 3]}}'
    assert decode(payload, **settings) == [(("t",), 100.0, (1.0,)), (("p",), 100.0, (3.0,))]
    assert reason(b'{"linkquality": 3}', **settings) == "field"
    assert reason(b'{"temperature": true}', **settings) == "type"


def test_a_list_of_objects_is_several_readings_with_times_of_their_own():
    payload = b'[{"value": 1, "at": {"ms": 1700000001000}}, {"value": 2, "at": {"ms": 1700000002500}}]'
    expected = [((), NOW + 1, (1.0,)), ((), NOW + 2.5, (2.0,))]
    assert decode(payload, NOW, time="at.ms", time_format="ms") == expected
    assert decode(b'[{"value": 1}]') == [((), 100.0, (1.0,))]
    assert reason(b'[{"value": 1}, {"value": 2}]') == "time"
    assert reason(b"[]") == "empty"
    assert reason(b"[[1]]") == "field"


def test_one_bad_reading_costs_only_itself():
    good, bad = b'{"value": 1, "at": 1700000000}', b'{"value": "x", "at": 1700000001}'
    payload = b'[{"value": 3, "at": 1700000002}, null, %s, %s]' % (bad, good)
    samples, faults = codec(PayloadSettings(time="at")).decode(payload, NOW)
    assert list(samples) == [((), NOW, (1.0,)), ((), NOW + 2, (3.0,))]
    assert [fault.reason for fault in faults] == ["type"]
    assert reason(b'[{"value": "x", "at": 1700000001}, null]', time="at") == "type"


@pytest.mark.parametrize("payload", [b"21.5", b'"value"', b"null", b"true"])
def test_a_document_that_is_no_object_is_type(payload):
    assert reason(payload) == "type"


def test_a_missing_or_unreadable_time_is_told_apart():
    assert reason(b'{"value": 1}', time="at") == "field"
    assert reason(b'{"value": 1, "at": "now"}', time="at") == "time"
    assert reason(b'{"value": 1, "at": null}', time="at") == "field"
    for payload in (b'{"value": 1}', b'{"value": 1, "at": null}'):
        assert decode(payload, time="at", time_missing="arrival") == [((), 100.0, (1.0,))]


def test_the_time_of_arrival_is_used_without_a_time_field():
    assert decode(b'{"value": 1, "time": 5}', arrival=7.25) == [((), 7.25, (1.0,))]


def test_a_partial_reading_has_nan_where_a_value_is_absent_or_null():
    decode = codec(PayloadSettings(values={"a": "a", "b": "b", "c": "c"}, partial=True)).decode
    ((_, time, values),) = decode(b'{"a": 1, "b": null}', 5.0).samples
    assert time == 5.0
    assert values[0] == 1.0
    assert [value != value for value in values] == [False, True, True]  # noqa: PLR0124 - NaN
    with pytest.raises(RejectedPayload, match="'a' is missing; there is x: 1"):
        decode(b'{"x": 1}', 5.0)


def test_the_short_way_takes_what_is_in_order_and_leaves_the_rest():
    read_one = codec(PayloadSettings(time="t", time_format="ms")).read_one
    assert read_one(b'{"value": 21, "t": 1700000000000}', NOW) == (NOW, 21.0)
    texts = b'{"value": "21", "t": 1700000000000}', b'{"value": 21, "t": "1700000000000"}'
    for payload in (b"", b"[]", b"{}", *texts, b" " * 70_000):
        assert read_one(payload, NOW) is None
    assert codec(PayloadSettings(values=THREE)).read_one is None
    assert codec(PayloadSettings(time="t", time_format="auto")).read_one is None
