"""Kafka as the log, with the mock brokers of librdkafka."""

import pytest
from assembling import of_topics
from confluent_kafka import Producer

from streamdetect.errors import StreamdetectError
from streamdetect.spark.opening import open_log
from streamdetect.spark.settling import SETTLING
from streamdetect.spark.source import Planner


@pytest.fixture(scope="module")
def brokers():
    """A producer with its own broker, and the address of that broker."""
    producer = Producer({"bootstrap.servers": "unused:1", "test.mock.num.brokers": 1})
    known = producer.list_topics("readings", timeout=10)
    (broker,) = known.brokers.values()
    return producer, f"{broker.host}:{broker.port}"


@pytest.fixture(scope="module")
def settings(brokers):
    producer, address = brokers
    for at in range(200):
        payload = b'{"time": %d, "value": %d}' % (1_700_000_000 + at, at)
        producer.produce("readings", payload, f"sensors/s{at % 3}", partition=at % 2)
    producer.flush(10)
    return of_topics(log="kafka", servers=[address], streams=["readings"], max_messages=60).spark


def test_what_is_read_is_what_was_produced(settings):
    log = open_log(settings)
    assert [(one.first, one.end) for one in log.bounds()[:2]] == [(0, 100), (0, 100)]
    entries = [entry for stretch in log.read(1, 10, 60) for entry in stretch]
    assert [entry.offset for entry in entries] == list(range(10, 60))
    assert entries[0].topic == "sensors/s0"
    assert entries[0].payload == b'{"time": 1700000021, "value": 21}'
    assert next(log.read(1, 10, 60))[0] == entries[0]


def test_a_plan_is_bounded_and_what_is_read_settles(settings):
    now = 0.0
    planner = Planner(settings, lambda: now)
    plan = planner.next(planner.first())
    assert plan["read"][:2] == [60, 60]
    last = planner.next(plan)
    assert last["read"][:2] == [100, 100]
    assert planner.next(last) == last
    assert last["settled"][:2] == [0, 0]
    now = SETTLING
    assert planner.next(last) == last | {"settled": last["read"]}


def test_brokers_that_do_not_answer_are_an_error(monkeypatch):
    monkeypatch.setattr("streamdetect.spark.kafka._PATIENCE", 0.5)
    settings = of_topics(log="kafka", servers=["127.0.0.1:1"], streams=["readings"]).spark
    with pytest.raises(StreamdetectError, match="Kafka"):
        open_log(settings).bounds()
