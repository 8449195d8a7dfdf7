"""State comes back as it was committed, whenever the process ends, or is set aside."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lab import VARIANTS, Live, batches, copy_of, queued, same

import streamdetect.store.database
import streamdetect.store.state
import streamdetect.store.store
from streamdetect.core.readings import Readings
from streamdetect.errors import StateError
from streamdetect.store import Change, DeadLetter, Place, Receipted, Store
from streamdetect.store.tables import DEAD_LETTERS_KEPT

EVENTS = [queued(number) for number in range(1, 6)]


def load(directory):
    """Load as a start would, and count the files set aside."""
    store = Store(directory, 300.0)
    try:
        return store.load(), store.set_aside
    finally:
        store.close()


def one_reading(time=1e9, sensor="s0"):
    return Readings([sensor], np.array([time]), np.ones((1, 1)))


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr(streamdetect.store.state, "PART", 256)


@pytest.mark.usefixtures("small_parts")
@given(stream=batches(), variant=st.sampled_from(sorted(VARIANTS)), data=st.data())
def test_any_interleaving_of_commit_snapshot_and_kill_restores_what_was_committed(
    stream, variant, data, directory
):
    """A kill loses what was not committed; the broker sends that again, and some of the rest as well."""
    path = directory()
    live, uninterrupted = (Live(**VARIANTS[variant] | {"max_sensors": 7}) for _ in range(2))
    store = Store(path, 300.0)
    store.load()
    store.commit(Change(), [live.state])
    pending, at, committed = [], 0, 0
    while at < len(stream):
        pending += filter(None, [live.feed(stream[at])])
        at += 1
        step = data.draw(st.sampled_from(["go on", "commit", "snapshot", "anew", "kill"]))
        if step == "kill":
            path = copy_of(path, directory())
            store.close()
            store = Store(path, 300.0)
            (state,) = store.load().states
            assert store.set_aside == 0
            state.detector.reconstruct = live.detector.reconstruct
            live.state = state
            at = max(0, committed - data.draw(st.integers(0, 2)))
            pending = []
        elif step != "go on":
            store.commit(Change(pending), [live.state] if step == "anew" else [])
            pending, committed = [], at
            if step == "snapshot":
                store.begin_snapshot([live.state])
    store.commit(Change(pending))
    store.close()
    for readings in stream:
        uninterrupted.feed(readings)
    saved, aside = load(path)
    assert aside == 0
    assert same(saved.states[0].detector, live.detector)
    assert same(saved.states[0].detector, uninterrupted.detector)


def killed_at(name, path, directory, monkeypatch):
    """Commit readings and events, most commits with a part of a snapshot, and be killed wherever `name` is.

    Returns:
        For each time: how many commits were done, and the files that the kill left.
    """
    copies, found = [], []
    live = Live()
    store = Store(path, 300.0)
    store.load()
    store.commit(Change(), [live.state])
    for module in (streamdetect.store.database, streamdetect.store.store):
        monkeypatch.setattr(
            module,
            "failpoint",
            lambda passed: copies.append(copy_of(path, directory())) if passed == name else None,
        )
    for turn in range(len(EVENTS)):
        if turn == 1:
            store.begin_snapshot([live.state])
        change = Change([live.feed(one_reading(1e9 + turn))], EVENTS[turn : turn + 1], [Place("mqtt", turn)])
        store.commit(change, [live.state] if turn == len(EVENTS) - 1 else [])
        found += [(turn, copy) for copy in copies]
        copies.clear()
    store.close()
    return found


COMMIT_STEPS = {  # whether the commit that is underway counts
    "commit.begin": False,
    "commit.journal": False,
    "snapshot.part": False,
    "snapshot.switch": False,
    "commit.written": False,
    "commit.done": True,
}


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("name", COMMIT_STEPS)
def test_a_kill_at_any_step_of_a_commit_leaves_the_state_before_or_after_it(name, directory, monkeypatch):
    found = killed_at(name, directory(), directory, monkeypatch)
    assert found
    for turn, copy in found:
        saved, aside = load(copy)
        commits = turn + COMMIT_STEPS[name]
        reference = Live()
        for time in range(commits):
            reference.feed(one_reading(1e9 + time))
        assert aside == 0
        assert same(saved.states[0].detector, reference.detector)
        assert saved.outbox == EVENTS[max(0, commits - 1) : commits]


@pytest.mark.usefixtures("small_parts")
def test_a_snapshot_empties_the_journal_and_keeps_what_came_while_it_was_written(directory):
    path, live = directory(), Live()
    store = Store(path, 300.0)
    store.commit(Change(), [live.state])
    for turn in range(20):
        store.commit(Change([live.feed(one_reading(1e9 + turn))]))
    store.begin_snapshot([live.state])
    behind = store.journal_size
    turn = 20
    while store.snapshot_underway:
        store.commit(Change([live.feed(one_reading(1e9 + turn))]))
        turn += 1
    assert turn > 23  # it took several parts
    assert 0 < store.journal_size < behind
    rows = store._open().execute("SELECT count(*), sum(length(entries)) FROM journal")
    assert rows.fetchone() == (turn - 20, store.journal_size)
    store.close()
    assert same(load(path)[0].states[0].detector, live.detector)


def test_a_snapshot_is_due_when_it_is_old_or_the_journal_is_large(directory, monkeypatch):
    now, live = [1e9], Live()
    store = Store(directory(), 300.0, lambda: now[0])
    store.commit(Change(), [live.state])
    now[0] += 301
    assert not store.snapshot_due  # nothing new
    store.commit(Change([live.feed(one_reading())]))
    assert store.snapshot_due
    now[0] -= 300
    assert not store.snapshot_due
    monkeypatch.setattr(streamdetect.store.store, "LEAST_JOURNAL", 10)
    assert not store.snapshot_due  # the snapshot itself is larger
    for turn in range(200):
        store.commit(Change([live.feed(one_reading(2e9 + turn))]))
    assert store.snapshot_due
    store.begin_snapshot([live.state])
    assert not store.snapshot_due
    now[0] -= 1e6  # a clock that was set back
    store.commit(Change())
    store.commit(Change([live.feed(one_reading(3e9))]))
    now[0] -= 1
    assert store.snapshot_due
    store.close()


def test_events_stay_until_they_are_delivered_or_refused(directory):
    path = directory()
    store = Store(path, 300.0)
    store.commit(Change(events=EVENTS))
    store.commit(Change(delivered=[EVENTS[1].place], dead=[DeadLetter(EVENTS[3], "not authorized")]))
    store.close()
    assert [kept.number for kept in load(path)[0].outbox] == [1, 3, 5]
    with sqlite3.connect(path / "state.db") as database:
        letters = database.execute(
            "SELECT sink, event, detector, sensor, payload, reason FROM dead_letter"
        ).fetchall()
    assert letters == [("mqtt", *EVENTS[3].event, "not authorized")]


def test_dead_letters_are_bounded(directory):
    path = directory()
    store = Store(path, 300.0)
    for start in range(0, DEAD_LETTERS_KEPT + 50, 50):
        dead = [DeadLetter(queued(number), "no") for number in range(start, start + 50)]
        store.commit(Change(dead=dead))
    store.close()
    with sqlite3.connect(path / "state.db") as database:
        kept = database.execute("SELECT event FROM dead_letter ORDER BY number").fetchall()
    assert len(kept) == DEAD_LETTERS_KEPT
    assert kept[-1] == (f"id{DEAD_LETTERS_KEPT + 49}",)


def test_in_memory_it_is_the_same_but_for_what_nobody_could_read():
    store, live = Store(None, 0.001), Live()
    assert store.load().states == []
    store.commit(Change([live.feed(one_reading())], EVENTS), [live.state])
    store.commit(Change([live.feed(one_reading(2e9))], [], [EVENTS[0].place]))
    assert (store.durable, store.journal_size, store.snapshot_due, store.commits) == (False, 0, False, 0)
    assert store._connection is None
    assert store.filters() == set()
    store.note_filters({"a/#"})
    assert store.filters() == {"a/#"}
    store.close()


def test_a_second_daemon_is_refused_and_told_who_is_there(directory):
    path = directory()
    first = Store(path, 300.0)
    with pytest.raises(StateError, match=f"in use by process {os.getpid()}"):
        Store(path, 300.0)
    first.close()
    Store(path, 300.0).close()


def test_the_lock_ends_with_the_process(directory):
    path = directory()
    code = (
        "import os, pathlib, signal, sys; from streamdetect.store import Store\n"
        "store = Store(pathlib.Path(sys.argv[1]), 1); os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    Store(path, 300.0).close()


def test_the_directory_is_made_for_us_alone(directory):
    path = directory() / "a" / "b"
    store = Store(path, 300.0)
    store.commit(Change(events=EVENTS))
    assert path.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in path.iterdir()} == {0o600}
    assert (path / "state.db-wal").exists()
    store.close()


def test_a_directory_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="cannot be used: Not a directory"):
        Store(tmp_path / "file" / "state", 300.0)


def test_receipts_come_back_and_old_ones_go(directory):
    path = directory()
    store = Store(path, 300.0)
    store.load()
    for number in range(5):
        store.commit(Change(events=EVENTS[:1], receipts=Receipted(b"%d" % number * 6, 1, 3)))
    store.close()
    store = Store(path, 300.0)
    assert store.load().receipts == [b"2" * 6, b"3" * 6, b"4" * 6]
    store.close()
