"""Sparkplug B against a published implementation: pysparkplug writes, and reads what we ask for."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamdetect.codecs import PayloadSettings, codec
from streamdetect.errors import RejectedPayload

spb = pytest.importorskip("pysparkplug")

NOW = 1_796_000_000_000  # ms
ARRIVAL = NOW / 1000 + 1
KINDS = {
    spb.DataType.INT8: st.integers(-(2**7), 2**7 - 1),
    spb.DataType.INT16: st.integers(-(2**15), 2**15 - 1),
    spb.DataType.INT32: st.integers(-(2**31), 2**31 - 1),
    spb.DataType.INT64: st.integers(-(2**63), 2**63 - 1),
    spb.DataType.UINT8: st.integers(0, 2**8 - 1),
    spb.DataType.UINT32: st.integers(0, 2**32 - 1),
    spb.DataType.UINT64: st.integers(0, 2**64 - 1),
    spb.DataType.FLOAT: st.floats(width=32, allow_nan=False, allow_infinity=False),
    spb.DataType.DOUBLE: st.floats(-1e38, 1e38),
}


def metric(name, value, kind=spb.DataType.DOUBLE, alias=None, timestamp=NOW):
    return spb.Metric(timestamp=timestamp, name=name, datatype=kind, value=value, alias=alias)


def reader(**settings):
    return codec(PayloadSettings("sparkplug", **settings))


def read(one, topic, message, arrival=ARRIVAL):
    samples, faults = one.decode(message.encode(include_dtypes=True), arrival, f"spBv1.0/{topic}")
    return [("/".join(names), *values) for names, _, values in samples], [fault.reason for fault in faults]


def birth(*metrics, seq=0):
    return spb.NBirth(timestamp=NOW, seq=seq, metrics=metrics)


def data(*metrics, seq=1):
    return spb.NData(timestamp=NOW, seq=seq, metrics=metrics)


@given(
    st.lists(
        st.sampled_from(list(KINDS)).flatmap(lambda kind: st.tuples(st.just(kind), KINDS[kind])), min_size=1
    )
)
def test_every_number_is_read_as_it_was_written(written):
    metrics = [metric(f"m/{at}", value, kind, alias=at) for at, (kind, value) in enumerate(written)]
    found, faults = read(reader(), "G/NBIRTH/E", birth(*metrics))
    assert found == [(f"G/E//m/{at}", float(value)) for at, (_, value) in enumerate(written)]
    assert not faults


def test_aliases_stand_for_the_metrics_of_the_birth_of_their_device():
    one = reader()
    read(one, "G/NBIRTH/E", birth(metric("bdSeq", 0, spb.DataType.INT64), metric("T", 1.0, alias=7)))
    device = spb.DBirth(
        timestamp=NOW, seq=1, metrics=(metric("T", 2.0, alias=8), metric("s", "x", spb.DataType.STRING))
    )
    assert read(one, "G/DBIRTH/E/D", device) == ([("G/E/D/T", 2.0)], [])
    both = spb.DData(timestamp=NOW, seq=2, metrics=(metric("", 3.0, alias=8),))
    assert read(one, "G/DDATA/E/D", both) == ([("G/E/D/T", 3.0)], [])
    assert read(one, "G/NDATA/E", data(metric("", 4.0, alias=7), seq=3)) == ([("G/E//T", 4.0)], [])
    assert one.commands() == []


@pytest.mark.parametrize(
    ("topic", "message"),
    [
        ("G/NDATA/E", data(metric("", 1.0, alias=7))),  # no birth was heard
        ("G/DBIRTH/E/D", spb.DBirth(timestamp=NOW, seq=1, metrics=(metric("T", 1.0),))),  # nor here
    ],
)
def test_a_birth_that_was_not_heard_is_asked_for_once_a_minute(topic, message):
    one = reader()
    for later in (0, 30, 59):
        with suppress(RejectedPayload):  # an alias that is not known
            read(one, topic, message, ARRIVAL + later)
    ((to, payload),) = one.commands()
    assert to == "spBv1.0/G/NCMD/E"
    (asked,) = spb.NCmd.decode(payload).metrics
    assert (asked.name, asked.value) == ("Node Control/Rebirth", True)
    with suppress(RejectedPayload):
        read(one, topic, message, ARRIVAL + 61)
    assert len(one.commands()) == 1
    quiet = reader(options={"rebirth": False})
    with suppress(RejectedPayload):
        read(quiet, topic, message)
    assert quiet.commands() == []


def test_a_gap_in_the_sequence_asks_for_a_birth_and_costs_no_reading():
    one = reader()
    read(one, "G/NBIRTH/E", birth(metric("T", 1.0, alias=7)))
    for seq in (1, 2, *range(3, 256), 0, 1):
        read(one, "G/NDATA/E", data(metric("", 2.0, alias=7), seq=seq))
    assert one.commands() == []
    assert read(one, "G/NDATA/E", data(metric("", 3.0, alias=7), seq=3))[0] == [("G/E//T", 3.0)]
    assert len(one.commands()) == 1


def test_a_death_is_silence_and_its_aliases_are_forgotten():
    one = reader()
    read(one, "G/NBIRTH/E", birth(metric("T", 1.0, alias=7)))
    with pytest.raises(RejectedPayload, match="the death of E") as death:
        read(
            one, "G/NDEATH/E", spb.NDeath(timestamp=NOW, bd_seq_metric=metric("bdSeq", 0, spb.DataType.INT64))
        )
    assert death.value.foreign
    with pytest.raises(RejectedPayload, match="alias 7 is not known"):
        read(one, "G/NDATA/E", data(metric("", 2.0, alias=7)))


def test_values_name_metrics_as_they_stand():
    message = birth(metric("Inputs/T.1", 1.0), metric("H", 2.0), metric("x", 3.0))
    values = {"t": "Inputs/T.1", "h": "H"}
    assert read(reader(values=values), "G/NBIRTH/E", message)[0] == [("G/E/", 1.0, 2.0)]
    assert read(reader(values=values, fields="per_sensor"), "G/NBIRTH/E", message)[0] == [
        ("G/E//t", 1.0),
        ("G/E//h", 2.0),
    ]
    assert read(reader(value="H"), "G/NBIRTH/E", message)[0] == [("G/E/", 2.0)]


@pytest.mark.parametrize("topic", ["STATE/host", "G/NCMD/E", "G/DCMD/E/D", "x", "G/NBIRTH/E/D/x"])
def test_what_reports_nothing_is_foreign(topic):
    with pytest.raises(RejectedPayload) as rejected:
        reader().decode(b"", ARRIVAL, f"spBv1.0/{topic}")
    assert rejected.value.foreign


@given(st.binary(max_size=100), st.sampled_from(["NBIRTH", "NDATA", "NDEATH"]))
def test_any_bytes_are_read_or_rejected(payload, kind):
    with suppress(RejectedPayload):
        assert reader().decode(payload, ARRIVAL, f"spBv1.0/G/{kind}/E").samples


def test_what_is_written_is_read_back():
    settings = PayloadSettings("sparkplug", values={"a": "a", "b": "b/c"})
    one = codec(settings)
    payload = type(one).write(settings, NOW / 1000, [1.5, -2.5])
    ((_, time, values),) = one.decode(payload, ARRIVAL, type(one).topic("spBv1.0/#", 1)).samples
    assert (time, values) == (NOW / 1000, (1.5, -2.5))


def test_metrics_of_any_name_can_be_chosen():
    one = reader(values={"speed": "Motor [1]/Speed (rpm)", "value": "value"})
    message = birth(metric("Motor [1]/Speed (rpm)", 900.0), metric("value", 3.0), metric("other", 1.0))
    assert read(one, "g/NBIRTH/n", message) == ([("g/n/", 900.0, 3.0)], [])
