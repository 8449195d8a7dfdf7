"""One bad entry, line or value costs only itself: the others come out as if it had not been there."""

from __future__ import annotations

import cbor2
import msgpack
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamdetect.codecs import PayloadSettings, codec
from streamdetect.errors import RejectedPayload

NOW = 1_700_000_000
BAD = st.sampled_from(
    [
        None,
        "x",
        True,
        [],
        {},
        {"v": "on", "t": NOW},
        {"v": 1},
        {"t": NOW},
        {"v": None, "t": NOW},
        {"v": 1, "t": 5},
    ]
)
GOOD = st.tuples(st.integers(-99, 99), st.integers(0, 60)).map(
    lambda pair: {"v": pair[0], "t": NOW + pair[1]}
)
ENTRIES = st.lists(
    st.one_of(GOOD.map(lambda one: (True, one)), BAD.map(lambda one: (False, one))), max_size=8
)
WRITERS = {"json": orjson.dumps, "cbor": cbor2.dumps, "msgpack": msgpack.packb}


def samples(reader, payload):
    try:
        return list(reader.decode(payload, NOW + 60).samples)
    except RejectedPayload:
        return []


@pytest.mark.parametrize("each", [None, "list", "object"])
@pytest.mark.parametrize("form", WRITERS)
@given(ENTRIES)
def test_in_a_list_or_an_object(form, each, entries):
    def written(some):
        named = {str(at): one for at, one in enumerate(some)}
        return WRITERS[form]({None: some, "list": {"x": some}, "object": {"x": named}}[each])

    reader = codec(PayloadSettings(form, value="v", time="t", each=None if each is None else "x"))
    assert samples(reader, written([one for _, one in entries])) == samples(
        reader, written([one for good, one in entries if good])
    )


@given(
    st.lists(
        st.one_of(st.integers(0, 60), st.sampled_from(["m v=", "m", "m v=on 1", ",", "m x=1"])), max_size=8
    )
)
def test_among_lines(lines):
    def written(some):
        return "\n".join(f"m v={one} {NOW + one}" if isinstance(one, int) else one for one in some).encode()

    reader = codec(PayloadSettings("influx", value="v", time_format="s"))
    assert samples(reader, written(lines)) == samples(
        reader, written([one for one in lines if isinstance(one, int)])
    )


@given(
    st.dictionaries(
        st.sampled_from("abcd"), st.one_of(st.integers(-9, 9), st.sampled_from([None, "x", True, "nan"]))
    )
)
def test_among_the_values_of_sensors(document):
    reader = codec(PayloadSettings(values={name: name for name in "abcd"}, fields="per_sensor"))
    good = {name: value for name, value in document.items() if type(value) is int}
    assert samples(reader, orjson.dumps(document)) == samples(reader, orjson.dumps(good))
