from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamdetect.codecs.timestamps import TIME_FORMATS, check_format, time_parser
from streamdetect.errors import RejectedPayload
from streamdetect.times import zone

NOON = 1_714_564_800.0  # 2024-05-01T12:00:00Z


@pytest.mark.parametrize(
    ("time_format", "value", "seconds"),
    [
        ("s", 1_714_564_800, NOON),
        ("s", 1_714_564_800.25, NOON + 0.25),
        ("s", "1714564800.25", NOON + 0.25),
        ("ms", 1_714_564_800_250, NOON + 0.25),
        ("ms", "1714564800250", NOON + 0.25),
        ("us", 1_714_564_800_250_000, NOON + 0.25),
        ("ns", 1_714_564_800_250_000_000, NOON + 0.25),
        ("ns", "1714564800250000000", NOON + 0.25),
        ("rfc3339", "2024-05-01T12:00:00Z", NOON),
        ("rfc3339", "2024-05-01t12:00:00.25z", NOON + 0.25),
        ("rfc3339", "2024-05-01 14:00:00+02:00", NOON),
        ("rfc3339", "2024-05-01T12:00:00.250000999Z", NOON + 0.25),
        ("%d.%m.%Y %H:%M:%S", "01.05.2024 12:00:00", NOON),
        ("auto", 1_714_564_800, NOON),
        ("auto", 1_714_564_800_250, NOON + 0.25),
        ("auto", 1_714_564_800_250_000, NOON + 0.25),
        ("auto", 1_714_564_800_250_000_000, NOON + 0.25),
        ("auto", "1714564800250", NOON + 0.25),
        ("auto", "2024-05-01T12:00:00Z", NOON),
    ],
)
def test_a_time_is_read_as_unix_seconds(time_format, value, seconds):
    parsed = time_parser(time_format)(value)
    assert parsed == seconds
    assert type(parsed) is float


@pytest.mark.parametrize("time_format", TIME_FORMATS)
@pytest.mark.parametrize(
    "value", [True, None, [], {}, "", "yesterday", "nan", "1e999", "1_0", float("nan"), 10**30]
)
def test_what_is_no_time_is_time(time_format, value):
    with pytest.raises(RejectedPayload) as rejected:
        time_parser(time_format)(value)
    assert rejected.value.reason == "time"


@pytest.mark.parametrize(
    "value",
    [
        "2024-05-01T12:00:00",  # no offset: local time of a device nobody knows
        "2024-05-01",
        "2024-02-30T12:00:00Z",
        "2024-05-01T25:00:00Z",
        "1714564800",
        1_714_564_800,
    ],
)
def test_what_is_no_rfc3339_time_with_an_offset_is_time(value):
    with pytest.raises(RejectedPayload, match=r"^time:"):
        time_parser("rfc3339")(value)


def test_a_wrong_unit_is_rejected_with_a_hint_and_not_repaired():
    rule = "is not between the years 2000 and 2100; in"
    for kind, value, unit in (
        ("s", 1_714_564_800_250, "ms"),
        ("s", 1_714_564_800_250_000, "us"),
        ("ms", 1_714_564_800, "s"),
        ("ms", "1714564800", "s"),
        ("ns", 1_714_564_800_250, "ms"),
    ):
        with pytest.raises(RejectedPayload, match=f"{value}'? {rule} {unit} it would be 2024-05-01"):
            time_parser(kind)(value)


@pytest.mark.parametrize(
    "value", ["1999-12-31T23:59:59Z", "2100-01-02T00:00:00Z", "0001-01-01T00:00:00+14:00"]
)
def test_a_clock_that_was_never_set_is_rejected(value):
    with pytest.raises(RejectedPayload, match="is not between the years 2000 and 2100"):
        time_parser("rfc3339")(value)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("2024-05-01T14:00:00", NOON),
        ("2024-05-01 14:00", NOON),
        ("2024-05-01T12:00:00Z", NOON),  # an offset of its own counts
        ("2024-10-27T02:30:00", 1_729_989_000.0),  # comes twice; this is the first
    ],
)
def test_a_local_time_is_one_of_the_time_zone(value, seconds):
    assert time_parser("rfc3339", "Europe/Berlin")(value) == seconds
    assert time_parser("auto", "Europe/Berlin")(value) == seconds


def test_what_is_no_format_or_zone_is_refused():
    for text in ("iso", "%Q", "%d %"):
        with pytest.raises(ValueError, match="must be"):
            check_format(text)
    for name in ("Mars/Base", "", "../etc/passwd"):
        with pytest.raises(ValueError, match="must be a time zone like"):
            zone(name)


@given(st.datetimes(timezones=st.timezones()))
def test_every_datetime_comes_back(moment):
    try:
        parsed = time_parser("rfc3339")(moment.isoformat())
    except RejectedPayload:
        assert not 2000 < moment.year < 2100
    else:
        assert parsed == pytest.approx(moment.timestamp(), abs=1e-4)
