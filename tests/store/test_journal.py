"""Records of the journal come back as they were, and nothing else comes back at all."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hn
from lab import VARIANTS, Live, batches, same

from streamdetect.codecs.joining import Pending
from streamdetect.core.readings import Readings
from streamdetect.errors import StateError
from streamdetect.store import Eviction, Intake, Waiting
from streamdetect.store.journal import decode, encode
from streamdetect.store.replay import replay

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
floats = st.floats(allow_nan=False)


@st.composite
def intakes(draw):
    count, features = draw(st.integers(0, 5)), draw(st.integers(1, 3))
    sensors = draw(st.lists(names, min_size=count, max_size=count))
    times = draw(hn.arrays(np.float64, count, elements=floats))
    values = draw(hn.arrays(np.float64, (count, features), elements=floats))
    errors = draw(hn.arrays(np.float64, st.integers(0, 5), elements=floats))
    apart = draw(hn.arrays(np.float64, (len(errors), features), elements=floats))
    by_feature = errors[:, None] if features == 1 else apart
    labels = draw(st.dictionaries(names, st.dictionaries(names, names, max_size=2), max_size=2))
    return Intake(draw(names), Readings(sensors, times, values), errors, by_feature, labels)


finite = st.floats(allow_nan=False, allow_infinity=False)
pendings = st.builds(Pending, finite, finite, st.lists(finite | st.just(np.nan), min_size=1).map(tuple))
waitings = st.builds(Waiting, names, st.dictionaries(names, st.none() | pendings, max_size=3))
entries = st.lists(intakes() | st.builds(Eviction, names, finite) | waitings)


def plain(entry):
    if isinstance(entry, Eviction | Waiting):
        return repr(entry)
    readings = entry.readings
    columns = (readings.times, readings.values, entry.errors, entry.feature_errors)
    return entry.detector, list(readings.sensors), [(c.shape, c.tobytes()) for c in columns], entry.labels


@given(entries)
def test_what_goes_in_comes_out(written):
    assert list(map(plain, decode(encode(written)))) == list(map(plain, written))


@given(st.binary(max_size=200))
def test_any_other_bytes_are_refused(data):
    with pytest.raises(StateError):
        decode(data)


@given(entries.filter(bool), st.data())
def test_a_record_that_was_cut_is_refused(written, data):
    record = encode(written)
    with pytest.raises(StateError):
        decode(record[: data.draw(st.integers(0, len(record) - 1))])


@given(entries, st.data())
def test_a_changed_byte_never_does_worse_than_being_refused(written, data):
    record = bytearray(encode(written))
    record[data.draw(st.integers(0, len(record) - 1))] ^= data.draw(st.integers(1, 255))
    with suppress(StateError):
        decode(bytes(record))


@pytest.mark.parametrize("variant", VARIANTS)
@given(stream=batches(), data=st.data())
def test_a_replay_ends_where_the_detector_did(variant, stream, data):

    live, again = Live(**VARIANTS[variant]), Live(**VARIANTS[variant])
    written = []
    for readings in stream:
        if data.draw(st.integers(0, 5)) == 0:
            written.append(live.evict(float(readings.times[0]) - 20.0))
        if intake := live.feed(readings):
            written.append(intake)
    replay([again.state], decode(encode(written)))
    assert same(again.detector, live.detector)


def test_a_replay_keeps_labels_of_those_who_are_still_there():
    live, again = Live(), Live()
    readings = Readings(["a", "b"], np.array([1.0, 100.0]), np.ones((2, 1)))
    intake = live.feed(readings)
    intake = replace(intake, labels={"a": {"at": "x"}, "b": {"at": "y"}})
    replay([again.state], [intake, live.evict(50.0)])
    assert again.state.labels == {"b": {"at": "y"}}


def test_a_journal_of_another_detector_is_refused():
    live = Live()
    intake = live.feed(Readings(["a"], np.array([1.0]), np.ones((1, 1))))
    with pytest.raises(StateError, match="lab"):
        replay([Live("other").state], [intake])
    with pytest.raises(StateError, match="errors"):
        replay([Live().state], [Intake("lab", intake.readings, np.ones(3), np.ones((3, 1)))])


def test_a_replay_knows_what_is_not_whole_yet():
    live, nan = Live(), np.nan
    one, two, three = (Pending(time, time, (1.0, nan)) for time in (1.0, 2.0, 3.0))
    replay(
        [live.state],
        [
            Waiting("lab", {"a": one, "b": two}),
            Waiting("lab", {"a": three}),
            Waiting("lab", {"b": None, "c": None}),
        ],
    )
    assert live.state.waiting == {"a": three}
