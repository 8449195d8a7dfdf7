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
    assert NUMBER.decode(payload, 12.5) == (("", 12.5, (value,)),)


@pytest.mark.parametrize(
    "payload",
    ["21.5 °C", "21,5", "1_000", "0x1f", "ON", "true", "٣", "1 2", "--1", "1e", "21.5\x00", "[1]", "1\u00a0"],
)
def test_what_is_no_bare_number_is_decode(payload):
    with pytest.raises(RejectedPayload, match=r"^decode: not a number"):
        NUMBER.decode(payload.encode(), 12.5)


def test_one_feature():
    assert NUMBER.features == 1
