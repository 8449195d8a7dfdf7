"""The clock of silence: never ahead of what is unread, and never standing still on a live stream."""

import json
from math import inf

import pytest
from assembling import of_topics

from streamdetect.spark import source
from streamdetect.spark.decoding import Decoder
from streamdetect.spark.log import Bounds, Entry, Log
from streamdetect.spark.settling import SETTLING, Settling
from streamdetect.spark.source import READ, Planner, Reader

START = 1.7e9


class Partitions(Log):
    """A log in memory."""

    def __init__(self, count):
        self.entries = [[] for _ in range(count)]

    def store(self, partition, second):
        payload = json.dumps({"time": START + second, "value": 1.0}).encode()
        its = self.entries[partition]
        its.append(Entry(len(its) + 1, START + second, f"sensors/{partition}", payload))

    def bounds(self):
        return [Bounds(1, len(its) + 1) for its in self.entries]

    def read(self, partition, start, end):
        yield self.entries[partition][start - 1 : end - 1]


class Stream:
    """Micro-batches over two partitions in memory, and the clock that they give."""

    def __init__(self, monkeypatch, **spark):
        self.log, self.now, self.clock = Partitions(2), 0.0, -inf
        monkeypatch.setattr(source, "open_log", lambda _: self.log)
        self.config = of_topics(streams=["sd-0", "sd-1"], **spark)
        monkeypatch.setattr(source, "parse", lambda _: self.config)
        monkeypatch.setattr(source, "decoder", lambda _: Decoder(self.config))
        self.reader = Reader("")
        self.planner = Planner(self.config.spark, lambda: self.now)
        self.at = self.planner.first()

    def batch(self):
        """Plan and read one; returns how many tasks there were."""
        plan = self.planner.next(self.at)
        tasks = self.reader.partitions(self.at, plan)
        for table in (table for task in tasks for table in self.reader.read(task)):
            self.clock = max(self.clock, *(one.timestamp() for one in table["clock"].to_pylist()))
        self.at = plan
        return len(tasks)


@pytest.fixture
def stream(monkeypatch):
    return Stream(monkeypatch)


def test_on_a_live_stream_the_clock_follows_and_when_nothing_comes_it_catches_up(stream):
    for second in range(300):
        stream.now = float(second)
        stream.log.store(second % 2, second)
        if second % 5 == 4:
            stream.batch()
    behind = START + 299 - stream.clock
    assert SETTLING <= behind <= SETTLING + 10
    for second in range(300, 300 + int(SETTLING) + 10, 5):
        stream.now = float(second)
        stream.batch()
    assert stream.clock == START + 299
    assert stream.batch() == 0  # then there is nothing to plan


def test_what_one_partition_stores_late_is_read_before_its_time_moves_the_clock(stream):
    for second in range(100):  # a burst: one partition has all of it at once, the other 20 s later
        stream.log.store(0, second)
    stream.batch()
    stream.now = 20.0
    for second in range(100):
        stream.log.store(1, second)
    for now in (20.0, 29.0):
        stream.now = now
        stream.batch()
    assert stream.clock == START - START  # no row has moved it
    stream.now = 31.0
    stream.batch()
    assert stream.clock == START + 99


def test_the_clock_waits_until_a_backlog_has_been_read(monkeypatch):
    stream = Stream(monkeypatch, max_messages=10)
    for second in range(100):
        stream.log.store(0, second)
    stream.log.store(1, 99)
    for batch in range(9):
        stream.now = batch * 2 * SETTLING
        stream.batch()
        assert stream.clock == 0
    stream.now = 9 * 2 * SETTLING
    stream.batch()
    assert stream.at[READ] == [101, 2]
    assert stream.clock == START + 99


def test_what_is_remembered_of_the_log_is_bounded():
    settling = Settling()
    for second in range(10_000):
        assert settling.settled(float(second), [second + 1], [0]) == ()
    assert len(settling._seen) <= 600
    assert settling.settled(1e4, [10_001], [10_001])[0] > 9_000
