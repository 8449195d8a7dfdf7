"""Commits: their content and time, and that nothing takes effect before."""

from __future__ import annotations

import numpy as np
import pytest
from lab import Live, an_event, copy_of, same

from streamdetect.config import EventsConfig, MqttConfig
from streamdetect.core.readings import Readings
from streamdetect.mqtt.edge import MqttEdge
from streamdetect.mqtt.inbox import Inbox, Message
from streamdetect.service.committer import COMMIT_EVERY, LULL, LULL_MESSAGES, RETRY_EVERY, Committer
from streamdetect.service.receipts import Receipts
from streamdetect.sinks.mqtt import MqttSink
from streamdetect.sinks.outbox import Outbox
from streamdetect.sinks.sink import Delivery
from streamdetect.store import Mute, Store

EVENT = an_event(1)
IDLE = 5.0


class Bench:
    """A committer with a store, an outbox and an edge that is not connected."""

    def __init__(self, path, window=1000) -> None:
        self.now = 0.0
        self.live = Live()
        self.path = path
        self.store = Store(path, 300.0, lambda: 1e9 + self.now)
        self.store.load()
        self.edge = MqttEdge(MqttConfig(), ["in/#"], Inbox(10), status_topic="test/status")
        self.outbox = Outbox([MqttSink(self.edge, EventsConfig())], limit=100)
        self.committer = Committer(
            self.store,
            self.outbox,
            self.edge,
            lambda: [self.live.state],
            receipts=Receipts(2 * window),
            window=window,
            clock=lambda: self.now,
        )
        self.mid = 0
        self.committer.save_anew()
        self.committer.turn(lull=True)

    def take(self, count=1, events=(), qos=1) -> None:
        """Take in messages, each a reading."""
        messages = [Message("in/a", b"", qos, self.mid + at, 1, 0.0, retain=False) for at in range(count)]
        times = 1e9 + self.mid + np.arange(float(count))
        self.mid += count
        intake = self.live.feed(Readings(["a"] * count, times, np.ones((count, 1))))
        self.committer.take(messages, [intake], events)

    @property
    def acknowledged(self) -> list[int]:
        return [mid for acks in self.edge._connection.acks for _, mid in acks]

    def saved(self, directory):
        """Read what a kill would leave now."""
        store = Store(copy_of(self.path, directory()), 300.0)
        try:
            return store.load()
        finally:
            store.close()


@pytest.fixture
def bench(directory):
    benches = []

    def make(**options) -> Bench:
        benches.append(Bench(directory(), **options))
        return benches[-1]

    yield make
    for one in benches:
        one.store.close()


def test_messages_are_acknowledged_together_within_the_interval_and_not_before(bench, directory):
    one = bench()
    one.take()
    one.committer.turn(lull=True)
    assert one.committer.patience(IDLE) == pytest.approx(COMMIT_EVERY)
    one.now += COMMIT_EVERY / 2
    one.take()
    one.committer.turn(lull=False)
    assert one.acknowledged == []
    assert one.committer.patience(IDLE) == pytest.approx(COMMIT_EVERY / 2)
    one.now += COMMIT_EVERY / 2
    one.committer.turn(lull=False)
    assert one.acknowledged == [0, 1]
    assert same(one.saved(directory).states[0].detector, one.live.detector)
    assert one.committer.patience(IDLE) == IDLE


def test_events_are_committed_at_once_and_published_only_then(bench, directory):
    one = bench()
    one.take(events=[EVENT])
    assert len(one.outbox) == 0
    one.committer.turn(lull=False)
    assert [queued.event for queued in one.outbox.undelivered()] == [EVENT]
    assert one.saved(directory).outbox == one.outbox.undelivered()
    assert one.acknowledged == [0]


def test_half_a_window_is_committed_at_once(bench):
    one = bench(window=100)
    one.take(49)
    one.committer.turn(lull=False)
    assert one.acknowledged == []
    one.take(1)
    one.committer.turn(lull=False)
    assert one.acknowledged == list(range(50))


def test_a_broker_that_falls_silent_is_acknowledged_soon(bench):
    one = bench()
    one.take(LULL_MESSAGES - 1)
    one.committer.turn(lull=True)
    assert one.acknowledged == []
    one.take(1)
    assert one.committer.patience(IDLE) == LULL
    one.committer.turn(lull=False)
    assert one.acknowledged == []
    one.committer.turn(lull=True)
    assert one.acknowledged == list(range(LULL_MESSAGES))


def test_at_qos_0_only_the_interval_counts(bench):
    one = bench(window=4)
    one.take(100, qos=0)
    one.committer.turn(lull=True)
    assert one.store.journal_size == 0
    one.now += COMMIT_EVERY
    one.committer.turn(lull=True)
    assert one.store.journal_size > 0
    assert one.acknowledged == []


def test_messages_without_any_effect_are_acknowledged_without_a_commit(bench):
    one = bench()
    commits = one.store.commits
    one.committer.take([Message("in/a", b"?", 1, 7, 1, 0.0, retain=False)], [], [])
    one.now += COMMIT_EVERY
    one.committer.turn(lull=True)
    assert one.acknowledged == [7]
    assert one.store.commits == commits


def test_while_the_disk_is_full_nothing_takes_effect_and_then_everything_does(bench, directory, caplog):
    one = bench()
    (pages,) = one.store._open().execute("PRAGMA page_count").fetchone()
    one.store._open().execute(f"PRAGMA max_page_count = {pages}")
    large = an_event(1, padding=100_000)
    one.take(events=[large])
    one.committer.turn(lull=True)
    assert "full" in one.committer.failure
    for turn in range(3):
        one.now += RETRY_EVERY / 2
        one.committer.turn(lull=True)
        assert one.committer.failures == 1 + (turn + 1) // 2
    assert one.acknowledged == []
    assert len(one.outbox) == 0
    assert one.committer.age > RETRY_EVERY
    assert caplog.text.count("cannot save state") == 1
    one.store._open().execute("PRAGMA max_page_count = 100000")
    one.now += RETRY_EVERY
    one.committer.turn(lull=True)
    assert one.committer.failure == ""
    assert one.committer.age == 0.0
    assert one.acknowledged == [0]
    assert [queued.event for queued in one.saved(directory).outbox] == [large]
    assert same(one.saved(directory).states[0].detector, one.live.detector)


def test_a_database_that_breaks_at_work_is_replaced_with_all_that_is_known(bench, directory):
    one = bench()
    one.take(50, events=[EVENT])
    one.committer.turn(lull=True)
    one.store._open().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    size = (one.path / "state.db").stat().st_size
    (one.path / "state.db").write_bytes(b"\xff" * size)
    one.store._open().execute("PRAGMA shrink_memory")
    one.take(50, events=[EVENT])
    one.committer.turn(lull=True)
    assert one.committer.failure == ""
    assert one.store.set_aside == 1
    assert one.acknowledged == list(range(100))
    saved = one.saved(directory)
    assert saved.outbox == one.outbox.undelivered()
    assert [queued.event for queued in saved.outbox] == [EVENT, EVENT]
    assert same(saved.states[0].detector, one.live.detector)


def test_delivered_events_leave_the_disk_within_the_interval(bench, directory):
    one = bench()
    one.take(events=[EVENT, an_event(2)])
    one.committer.turn(lull=True)
    first, second = one.outbox.undelivered()
    lane = one.outbox.lanes["mqtt"]
    lane._waiting.clear()
    lane._sent = {queued.number: queued for queued in (first, second)}
    lane._settle(
        [
            Delivery(first.number, ok=True, reason="", retry=False),
            Delivery(second.number, ok=False, reason="not authorized", retry=False),
        ]
    )
    one.committer.turn(lull=True)
    assert one.saved(directory).outbox == [first, second]
    one.now += COMMIT_EVERY
    one.committer.turn(lull=True)
    assert one.saved(directory).outbox == []
    assert one.outbox.delivered == one.outbox.dead == []
    assert (lane.published, lane.undeliverable) == (1, 1)


def test_a_snapshot_is_written_between_messages(bench, directory, monkeypatch):
    monkeypatch.setattr("streamdetect.store.state.PART", 256)
    one = bench()
    one.take()
    one.now += 301
    one.committer.turn(lull=True)
    assert one.store.snapshot_underway
    turns = 0
    while one.store.snapshot_underway:
        assert one.committer.patience(IDLE) == 0.0
        one.take()
        one.committer.turn(lull=False)
        turns += 1
    assert turns > 3
    assert same(one.saved(directory).states[0].detector, one.live.detector)


def test_the_last_commit_leaves_nothing_to_replay(bench, directory):
    one = bench()
    one.take()
    one.committer.conclude()
    assert one.acknowledged == [0]
    assert one.store.journal_size == 0
    commits = one.store.commits
    one.committer.conclude()
    assert one.store.commits == commits
    assert same(one.saved(directory).states[0].detector, one.live.detector)


def test_mutes_are_saved_with_the_next_commit_and_are_in_a_new_database(bench, directory):
    one = bench()
    mutes = [Mute("a*", float("inf"), "anna", 1e9), Mute("b", 2e9, "", 1e9 + 1)]
    one.committer.note_mutes(mutes)
    assert one.saved(directory).mutes == []
    one.committer.turn(lull=False)
    assert one.saved(directory).mutes == mutes
    one.store._open().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    size = (one.path / "state.db").stat().st_size
    (one.path / "state.db").write_bytes(b"\xff" * size)
    one.store._open().execute("PRAGMA shrink_memory")
    one.take(50, events=[EVENT])
    one.committer.turn(lull=True)
    assert one.store.set_aside == 1
    assert one.saved(directory).mutes == mutes
    one.committer.note_mutes([])
    one.committer.turn(lull=False)
    assert one.saved(directory).mutes == []
