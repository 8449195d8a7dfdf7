"""The log: offsets stay, stretches are bounded, and only messages that have settled move the clock."""

import time
from contextlib import suppress
from math import inf

import pytest
from assembling import SHARDS, of_topics
from nats_server import NatsServer

from streamdetect.config import validate
from streamdetect.errors import StreamdetectError
from streamdetect.spark import log
from streamdetect.spark.decoding import Decoder
from streamdetect.spark.log import Entry
from streamdetect.spark.nats import mqtt_topic
from streamdetect.spark.opening import open_log
from streamdetect.spark.source import Planner


@pytest.fixture
def server(tmp_path):
    one = NatsServer(tmp_path)
    yield one
    with suppress(ProcessLookupError):
        one.stop()


def config_of(server, **spark):
    return of_topics(servers=[server.url], streams=["sd-0", "sd-1"], **spark)


def subjects(count, partition=0):
    return [
        (f"sd.{partition}.sensors.s{at % 5}", b'{"time": %d, "value": %d}' % (1_700_000_000 + at, at))
        for at in range(count)
    ]


def test_what_is_read_is_what_was_published(server, monkeypatch):
    monkeypatch.setattr("streamdetect.spark.nats.STRETCH", 100)
    server.add_streams(2)
    server.publish(subjects(1000))
    read = list(open_log(config_of(server).spark).read(0, 301, 801))
    entries = [entry for stretch in read for entry in stretch]
    assert max(map(len, read)) == 100
    assert [entry.offset for entry in entries] == list(range(301, 801))
    assert [entry.payload for entry in entries] == [payload for _, payload in subjects(1000)[300:800]]
    assert {entry.topic for entry in entries} == {f"sensors/s{at}" for at in range(5)}
    times = [entry.time for entry in entries]
    assert times == sorted(times)
    assert abs(times[-1] - time.time()) < 600
    assert log.STRETCH > 100


def test_offsets_are_the_same_after_the_server_was_killed(server, monkeypatch):
    monkeypatch.setattr("streamdetect.spark.nats._ATTEMPTS", 1)
    server.add_streams(2)
    server.publish(subjects(500))
    before = list(open_log(config_of(server).spark).read(0, 1, 501))
    server.kill()
    with pytest.raises(StreamdetectError, match="NATS"):
        open_log(config_of(server).spark).bounds()
    server.start()
    assert list(open_log(config_of(server).spark).read(0, 1, 501)) == before


def test_a_plan_takes_what_is_new_and_no_more_than_may_be(server):
    server.add_streams(2)
    planner = Planner(config_of(server, max_messages=300).spark)
    first = planner.first()
    assert planner.next(first) == first == {"read": [1, 1], "settled": [1, 1]}
    server.publish(subjects(1000))
    server.publish(subjects(10, partition=1))
    plan = planner.next(first)
    assert plan == {"read": [301, 11], "settled": [1, 1]}
    assert planner.next(plan)["read"] == [601, 11]


def test_a_log_that_has_dropped_what_was_not_read_is_an_error_that_says_so(server):
    server.add_streams(2, max_msgs=50)
    planner = Planner(config_of(server).spark)
    first = planner.first()
    server.publish(subjects(100))
    with pytest.raises(StreamdetectError, match="partition 0: must still have message 1, its oldest is 51"):
        planner.next(first)


def test_fewer_partitions_than_the_checkpoint_has_are_refused(server):
    server.add_streams(2)
    planner = Planner(config_of(server).spark)
    with pytest.raises(StreamdetectError, match="must name at least the 3 partitions"):
        planner.next({"read": [1, 1, 1], "settled": [1, 1, 1]})


def test_a_new_checkpoint_can_begin_with_what_comes(server):
    server.add_streams(2)
    server.publish(subjects(20))
    assert Planner(config_of(server, start="latest").spark).first()["read"] == [21, 1]


@pytest.mark.parametrize(
    ("subject", "levels", "topic"),
    [
        ("sd.0.hall.temperature", 2, "hall/temperature"),
        ("hall.temperature", 0, "hall/temperature"),
        ("sd.0.a//b.c", 2, "a.b/c"),
        ("sd.0./.a", 2, "/a"),
        ("sd.0.a./.b", 2, "a//b"),
        ("sd.0.a./", 2, "a/"),
    ],
)
def test_a_subject_is_the_topic_that_it_was(subject, levels, topic):
    assert mqtt_topic(subject, levels) == topic


def test_messages_become_packs_of_their_shards_and_the_rest_is_counted():
    decoder = Decoder(of_topics())
    payloads = [
        b'{"time": 1700000005, "value": 1}',
        b'{"time": 1700000006, "value": "x"}',
        b'{"time": 1700000009, "value": 2}',
    ]
    entries = [
        Entry(7 + at, 1.7e9 + at, topic, payload)
        for at, (topic, payload) in enumerate(
            zip(["sensors/a", "sensors/a", "sensors/b"], payloads, strict=True)
        )
    ]
    decoded = decoder.decode(3, [*entries, Entry(10, 1.7e9, "other/a", b"1")])
    assert {(pack.partition, pack.start, pack.end) for _, pack in decoded.packs} == {(3, 7, 11)}
    readings = {
        sensor: share.readings.values.tolist()
        for shard, pack in decoded.packs
        for share in pack.shares
        for sensor in share.readings.sensors
        if 0 <= shard < SHARDS
    }
    assert readings == {"sensors/a": [[1.0]], "sensors/b": [[2.0]]}
    assert decoder.newest(entries) == 1_700_000_009.0
    assert decoder.newest([Entry(10, 1.7e9, "other/a", b"1")]) == -inf
    assert decoded.outcomes == {"accepted": 2, "rejected": 1, "ignored": 1}
    assert decoded.rejected == {"type": 1}


def test_half_a_login_and_what_another_log_has_no_use_for_are_refused():
    for spark, option in (
        ({"username": "a"}, "spark.password_file"),
        ({"log": "kafka", "streams": ["a", "b"]}, "spark.streams"),
        ({"log": "kafka", "streams": ["a"], "ca_file": "x"}, "spark.ca_file"),
        ({"options": {"a": "b"}}, "spark.options"),
        ({"streams": ["a", "a"]}, "spark.streams"),
    ):
        with pytest.raises(StreamdetectError, match=option):
            validate({"spark": spark})
