"""The messages of a replay, their order, and their times."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamdetect.codecs import PayloadSettings, codec
from streamdetect.errors import DataError
from streamdetect.offline.replay import Messages


def test_sensors_are_merged_by_time(make_recording):
    one = make_recording([1, 2, 3], sensor="a", times=[100, 110, 120])
    two = make_recording([4, 5], sensor="b/2", times=[105, 110])
    messages = Messages([one, two], "plant/{sensor}/data", "json")
    sent = [(message.due, messages.topics[message.sensor], message.values) for message in messages]
    assert sent == [
        (0, "plant/a/data", [1]),
        (5, "plant/b/2/data", [4]),
        (10, "plant/a/data", [2]),
        (10, "plant/b/2/data", [5]),
        (20, "plant/a/data", [3]),
    ]
    assert len(messages) == 5


def test_a_reading_that_is_late_in_the_recording_is_late_again(make_recording):
    messages = Messages([make_recording([1, 2, 3], times=[100, 90, 110])], "x", "json")
    assert [(message.due, message.time) for message in messages] == [(0, 100), (0, 90), (10, 110)]


def test_payloads(make_recording):
    one = make_recording([1.5], features=("Volume Flow",))
    (message,) = messages = Messages([one], "x", "json")
    assert json.loads(messages.payload(message, 12.25)) == {"time": 12.25, "value": 1.5}
    two = make_recording([[1.5, 2]], features=("flow", "level"))
    (message,) = messages = Messages([two], "x", "json")
    assert json.loads(messages.payload(message, 12.25)) == {"time": 12.25, "flow": 1.5, "level": 2}
    (message,) = messages = Messages([one], "x", "number")
    assert messages.payload(message, 12.25) == b"1.5"


finite = st.floats(allow_nan=False, allow_infinity=False, width=32)
moment = st.floats(1e9, 4e9)


@given(st.lists(st.tuples(moment, finite), min_size=1, max_size=20))
def test_the_daemons_codec_reads_back_the_very_numbers(make_recording, rows):
    times, values = zip(*rows, strict=True)
    recording = make_recording(values, times=times)
    messages = Messages([recording], "x", "json")
    decode = codec(PayloadSettings(time="time")).decode
    for place, message in enumerate(messages):
        ((_, time, value),) = decode(messages.payload(message, message.time), 5e9).samples
        assert time == times[place]
        assert value == (values[place],)


@given(lengths=st.lists(st.integers(0, 9), min_size=1, max_size=4).filter(any), seed=st.integers(0, 99))
def test_each_sensor_keeps_the_order_of_its_file(make_recording, lengths, seed):
    random = np.random.default_rng(seed)
    recordings = [
        make_recording(np.arange(length), sensor=f"s{place}", times=random.integers(0, 20, length))
        for place, length in enumerate(lengths)
    ]
    messages = Messages(recordings, "{sensor}", "json")
    sent = list(messages)
    assert len(sent) == sum(lengths)
    assert all(one.due <= other.due for one, other in pairwise(sent))
    for place, topic in enumerate(messages.topics):
        mine = [message.values[0] for message in sent if message.sensor == place]
        assert mine == list(range(lengths[int(topic[1:])]))


@pytest.mark.parametrize(
    ("topic", "said"),
    [
        ("sensors/all", "must contain {sensor}"),
        ("a/+/{sensor}", "forbidden character"),
        ("{sensor}/#", "forbidden character"),
        ("{site}/{sensor}", "only {sensor} is replaced"),
        ("$SYS/{sensor}", "reserved"),
        ("x" * 70_000 + "{sensor}", "too long"),
    ],
)
def test_topics_that_cannot_be(make_recording, topic, said):
    with pytest.raises(DataError) as caught:
        Messages([make_recording([1], sensor="a"), make_recording([1], sensor="b")], topic, "json")
    assert said in str(caught.value)


def test_payloads_that_cannot_be(make_recording):
    two = make_recording([[1, 2]], features=("flow", "time"))
    with pytest.raises(DataError, match="--per-column"):
        Messages([two], "x", "number")
    with pytest.raises(DataError, match="named time"):
        Messages([two], "x", "json")
