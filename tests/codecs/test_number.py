from __future__ import annotations

import pytest

from streamdetect.codecs import PayloadSettings, codec
from streamdetect.errors import RejectedPayload

NUMBER = codec(PayloadSettings(format="number"))


@pytest.mark.parametrize(
    ("payload", "value"),
    [
        (b"55.49", 55.49),
        (b" 21 ", 21.0),
        (b"-3\r\n", -3.0),
        (b"+1.5e-3", 0.0015),
        (b".5", 0.5),
        (b"5.", 5.0),
        (b"007", 7.0),
        (b"1e-999", 0.0),
    ],
)
def test_a_bare_number_is_a_reading_at_its_arrival(payload, value):
    assert NUMBER.decode(payload, 12.5) == ((((), 12.5, (value,)),), ())


@pytest.mark.parametrize(
    "payload",
    ["21.5 °C", "21,5", "1_000", "0x1f", "ON", "true", "٣", "1 2", "--1", "1e", "[1]"],
)
def test_what_is_no_bare_number_is_decode(payload):
    with pytest.raises(RejectedPayload, match=r"^decode: not a number"):
        NUMBER.decode(payload.encode(), 12.5)


@pytest.mark.parametrize(
    ("payload", "settings", "value"),
    [
        (b"21.5\x00", {}, 21.5),
        (b"\xef\xbb\xbf21.5", {}, 21.5),
        ("20.6 ℃".encode(), {"units": "any"}, 20.6),
        (b"20.6 C", {"units": ["C"]}, 20.6),
        (b"21,5", {"decimal_comma": True}, 21.5),
        (b"1.234,5 W", {"decimal_comma": True, "units": "any"}, 1234.5),
        (b"ON", {"map": {"on": 1.0, "off": 0.0}}, 1.0),
        (b"false", {"booleans": True}, 0.0),
        (b"31 32 2e 35", {"encoding": "hex"}, 12.5),
    ],
)
def test_text_is_a_number_as_the_settings_say(payload, settings, value):
    reader = codec(PayloadSettings(format="number", **settings))
    assert list(reader.decode(payload, 12.5).samples) == [((), 12.5, (value,))]


@pytest.mark.parametrize(
    ("payload", "foreign"), [("online", True), ("1.2.3", True), ("21,5", False), ("20 W", False)]
)
def test_what_never_was_a_number_is_foreign_and_a_misread_one_is_not(payload, foreign):
    with pytest.raises(RejectedPayload) as rejected:
        NUMBER.decode(payload.encode(), 12.5)
    assert rejected.value.foreign is foreign
