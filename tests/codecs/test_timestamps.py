from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamdetect.codecs.timestamps import TIME_FORMATS, time_parser
from streamdetect.errors import RejectedPayload

NOON = 1_714_564_800.0  # 2024-05-01T12:00:00Z


@pytest.mark.parametrize(
    ("time_format", "value", "seconds"),
    [
        ("s", 1_714_564_800, NOON),
        ("s", 1_714_564_800.25, NOON + 0.25),
        ("s", "1714564800.25", NOON + 0.25),
        ("s", 0, 0.0),
        ("s", -86_400, -86_400.0),
        ("ms", 1_714_564_800_250, NOON + 0.25),
        ("ms", "1714564800250", NOON + 0.25),
        ("us", 1_714_564_800_250_000, NOON + 0.25),
        ("ns", 1_714_564_800_250_000_000, NOON + 0.25),
        ("ns", "1714564800250000000", NOON + 0.25),
        ("rfc3339", "2024-05-01T12:00:00Z", NOON),
        ("rfc3339", "2024-05-01t12:00:00.25z", NOON + 0.25),
        ("rfc3339", "2024-05-01 14:00:00+02:00", NOON),
        ("rfc3339", "2024-05-01T12:00:00.250000999Z", NOON + 0.25),
        ("rfc3339", "1969-12-31T23:59:59Z", -1.0),
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
    with pytest.raises(
        RejectedPayload, match="1714564800250 is outside the years 1 to 9999; in ms it would be a date"
    ):
        time_parser("s")(1_714_564_800_250)
    with pytest.raises(RejectedPayload, match="in us it would be a date"):
        time_parser("s")(1_714_564_800_250_000)


@given(st.datetimes(timezones=st.timezones()))
def test_every_datetime_comes_back(moment):
    try:
        parsed = time_parser("rfc3339")(moment.isoformat())
    except RejectedPayload:
        assert moment.year in (1, 9999)
    else:
        assert parsed == pytest.approx(moment.timestamp(), abs=1e-4)
