from __future__ import annotations

import pytest

from streamdetect.codecs import PayloadSettings, codec
from streamdetect.errors import RejectedPayload

NOON = 1_714_564_800.0
AT, LATER = 1_714_564_800_000_000_000, 1_714_564_801_000_000_000  # ns


def decode(text, arrival=NOON + 60, **settings):
    return list(codec(PayloadSettings(format="influx", **settings)).decode(text.encode(), arrival).samples)


def reason(text, **settings):
    with pytest.raises(RejectedPayload) as rejected:
        decode(text, **settings)
    return rejected.value.reason


@pytest.mark.parametrize(
    "line",
    [
        "weather value=21.5 1714564800000000000",
        "weather,site=north,room=a value=21.5 1714564800000000000\n",
        "weather value=21.5  1714564800000000000  \r\n",
        'weather on=true,note="a, b=\\"c\\" d",value=21.5,n=3i,u=4u 1714564800000000000',
        "we\\ a\\,ther,a\\ b=c\\=d value=21.5 1714564800000000000",
        "weather,a=\\\\x value=2.15e1 1714564800000000000",
        "# a comment\n\nweather value=21.5 1714564800000000000\n# another",
        "weather value=1,value=21.5 1714564800000000000",
        'weather note="two\nlines",value=21.5 1714564800000000000',
    ],
)
def test_a_line_is_a_reading_at_its_timestamp(line):
    assert decode(line) == [((), NOON, (21.5,))]


def test_integers_are_values_too():
    assert decode(f"m value=-3i {AT}") == [((), NOON, (-3.0,))]
    assert decode(f"m value=3u {AT}") == [((), NOON, (3.0,))]


def test_the_timestamp_has_the_configured_precision_and_may_be_absent():
    assert decode("m value=1 1714564800250", time_format="ms") == [((), NOON + 0.25, (1.0,))]
    assert decode("m value=1", arrival=5.0) == [((), 5.0, (1.0,))]
    assert reason("m value=1 1714564800250", time_format="ms", max_future=-1e10) == "future"
    assert reason("m value=1 99999999999999999999", time_format="s") == "time"


def test_several_lines_are_several_readings_of_one_series():
    assert decode(f"m,a=b value=2 {LATER}\nm,a=b value=1 {AT}\n") == [
        ((), NOON, (1.0,)),
        ((), NOON + 1, (2.0,)),
    ]
    assert reason(f"m,a=b value=1 {AT}\nm,a=c value=2 {LATER}") == "series"
    assert decode(f"m value=1 {AT}\nm value=2") == [((), NOON, (1.0,))]
    assert reason("m value=1\nm value=2") == "time"
    assert decode(f"m value=1 {AT}\nother x=2") == [((), NOON, (1.0,))]


def test_tags_the_measurement_and_the_series_tell_sensors_apart():
    text = f"m,a=b,c\\ d=e\\,f value=1 {AT}\nm,a=c value=2"
    assert decode(text, labels={"a": "a", "m": "measurement"}) == [
        (("b", "m"), NOON, (1.0,)),
        (("c", "m"), NOON + 60, (2.0,)),
    ]
    assert decode(text, labels={"series": "series"})[0][0] == ("m,a=b,c\\ d=e\\,f",)
    ((names, _, _),) = decode(text, labels={"x": "c d"})
    assert names == ("e,f",)


def test_a_bad_line_costs_only_itself():
    text = f"m value=1 {AT}\nm value=\nm other=1 {AT}\nm value=true {AT}\nm value=2 {LATER}"
    samples, faults = codec(PayloadSettings(format="influx")).decode(text.encode(), NOON + 60)
    assert [values for _, _, values in samples] == [(1.0,), (2.0,)]
    assert sorted(fault.reason for fault in faults) == ["decode", "type"]  # the foreign line is no fault


def test_values_are_one_reading_or_a_sensor_each():
    values = {"t": "temp", "h": "rel hum"}
    assert decode(f"m rel\\ hum=40i,temp=21.5 {AT}", values=values) == [((), NOON, (21.5, 40.0))]
    assert reason(f"m temp=21.5 {AT}", values=values) == "field"
    assert decode(f"m rel\\ hum=40i {AT}", values=values, fields="per_sensor") == [(("h",), NOON, (40.0,))]
    assert reason(f"m x=1 {AT}", values=values, fields="per_sensor") == "field"


def test_strings_and_booleans_are_numbers_as_the_settings_say():
    assert decode('m value="21.5"', 5.0) == [((), 5.0, (21.5,))]
    assert decode("m value=T", 5.0, booleans=True) == [((), 5.0, (1.0,))]
    assert decode('m value="open"', 5.0, map={"open": 1}) == [((), 5.0, (1.0,))]
    assert reason('m value="21.5"', numeric_strings=False) == "type"
    assert reason('m value=""') == "type"


@pytest.mark.parametrize(
    "line",
    [
        "m",
        "m value",
        "m value=",
        "m value= 1",
        "m value=1,",
        "m,a value=1",
        "m,a= value=1",
        ",a=b value=1",
        "m value=1 1.5",
        "m value=1 x",
        "m value=0x1",
        "m value=1_0",
        "m value=nan",
        "m value=1z",
        'm value="a',
        'm value="a"b',
        "m  value=1 1 1",
        "m\nvalue=1",
        " m\\",
    ],
)
def test_what_is_no_line_protocol_is_decode(line):
    assert reason(line) == "decode"


def test_bytes_that_are_no_utf8_are_decode():
    with pytest.raises(RejectedPayload, match=r"^decode: not UTF-8"):
        codec(PayloadSettings(format="influx")).decode(b"m value=\xff", 0.0)


def test_long_hostile_lines_take_linear_time():
    for piece in ("\\,", "a=", "m,", 'm a="', "m a=1,", " ", "#\n", "\\\\ "):
        line = piece * (60_000 // len(piece))
        assert reason(line) in {"decode", "empty"}  # a quadratic pattern would run into pytest's time limit
