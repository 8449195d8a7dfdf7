"""A damaged or foreign database is set aside; a disk that takes nothing is waited for."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pytest
from lab import Live, copy_of, queued, same

from streamdetect.core.readings import Readings
from streamdetect.errors import StateError
from streamdetect.store import Change, DamagedError, Store, UnavailableError
from streamdetect.store.directory import _SET_ASIDE_KEPT

EVENTS = [queued(number) for number in range(1, 6)]
STEP = int(os.environ.get("STREAMDETECT_DAMAGE_EVERY", "320"))  # bytes; 64 takes a few minutes


def feed(live, turn):
    sensors = [f"s{at}" for at in range(4)]
    return live.feed(
        Readings(sensors, np.full(4, 1e9 + turn), np.random.default_rng(turn).normal(size=(4, 1)))
    )


def write(path, turns=6):
    """Write a snapshot, a journal and an outbox; returns the store and the detector."""
    live = Live()
    store = Store(path, 300.0)
    store.load()
    store.commit(Change(events=EVENTS), [live.state])
    for turn in range(turns):
        store.commit(Change([feed(live, turn)]), [live.state] if turn == turns // 2 else [])
    return store, live


def start(path):
    """A start on this directory, a commit and an end: none may fail.

    Returns:
        What was found, and how much was set aside.
    """
    store = Store(path, 300.0)
    saved = store.load()
    live = Live()
    feed(live, 99)
    try:
        store.commit(Change(), [live.state])
    except DamagedError:  # what does not show before something is written
        store.commit(Change(), [live.state])
    store.close()
    again = Store(path, 300.0)
    (state,) = again.load().states
    assert same(state.detector, live.detector)
    assert again.set_aside == 0
    again.close()
    return saved, store.set_aside


def outcomes(template, live, directory, damage):
    """Damage a copy in each way; count how the start went."""
    clean = aside = 0
    for way in damage:
        path = copy_of(template, directory())
        way(path)
        saved, set_aside = start(path)
        if set_aside:
            aside += 1
        if not set_aside or saved.states:
            assert same(saved.states[0].detector, live.detector)
            assert saved.outbox == EVENTS
            clean += not set_aside
        shutil.rmtree(path)
    return clean, aside


def flip(name, at):
    def way(path):
        with (path / name).open("r+b") as file:
            file.seek(at)
            byte = file.read(1)[0]
            file.seek(at)
            file.write(bytes([byte ^ 0xFF]))

    return way


def cut(name, size):
    return lambda path: os.truncate(path / name, size)


@pytest.fixture(params=["after an orderly end", "after a kill"])
def template(request, directory):
    """Files to damage, and what is in them."""
    path = directory()
    store, live = write(path)
    if request.param == "after a kill":
        path = copy_of(path, directory())
    store.close()
    return path, live


@pytest.fixture
def quick():
    """Fresh directories in memory where that is possible: thousands of commits need not reach a disk."""
    count = iter(range(1_000_000))
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - a name of our own in it
    with tempfile.TemporaryDirectory(dir=memory) as parent:
        yield lambda: Path(parent) / f"state{next(count)}"


@pytest.mark.parametrize("damage", [flip, cut], ids=["flipped", "cut"])
def test_a_file_damaged_anywhere_is_set_aside_or_does_no_harm(template, damage, quick):
    path, live = template
    ways = [
        damage(file.name, at)
        for file in path.iterdir()
        if file.name != "lock"
        for at in range(0, file.stat().st_size, STEP)
    ]
    clean, aside = outcomes(path, live, quick, ways)
    assert clean + aside == len(ways)
    assert aside > len(ways) / 10


def test_what_is_set_aside_is_kept_and_the_daemon_told(directory, caplog):
    path = directory()
    write(path)[0].close()
    original = (path / "state.db").read_bytes()
    (path / "state.db").write_bytes(original[:5000])
    _, set_aside = start(path)
    assert set_aside == 1
    (kept,) = path.glob("state.db.set-aside-*")
    assert kept.read_bytes() == original[:5000]
    assert kept.name in caplog.text


def test_no_more_than_a_few_are_kept(directory):
    path = directory()
    for turn in range(_SET_ASIDE_KEPT + 2):
        write(path)[0].close()
        (path / "state.db").write_bytes(b"%d" % turn * 5000)
    start(path)
    kept = sorted(path.glob("state.db.set-aside-*"))
    assert [file.read_bytes()[:1] for file in kept] == [b"2", b"3", b"4"]


@pytest.mark.parametrize(
    "statement",
    [
        "PRAGMA user_version = 3",
        "PRAGMA application_id = 7",
        "DELETE FROM journal WHERE seq = 6",
        "UPDATE journal SET entries = entries || x'00' WHERE seq = 6",
        "UPDATE journal SET seq = 100 WHERE seq = 7",
        "UPDATE current SET seq = 3",
        "UPDATE current SET parts = parts - 1",
        "DELETE FROM current",
        "DELETE FROM snapshot WHERE part = 2",
        "UPDATE snapshot SET data = zeroblob(length(data)) WHERE part = 3",
        "UPDATE outbox SET sensor = 'elsewhere' WHERE number = 2",
        "UPDATE outbox SET sink = 'elsewhere' WHERE number = 2",
        "UPDATE outbox SET since = 0.0 WHERE number = 2",
        "UPDATE outbox SET number = 9 WHERE number = 2",
        "UPDATE outbox SET event = CAST(x'ff' AS TEXT) WHERE number = 2",
        "DROP TABLE outbox",
    ],
)
def test_contents_that_were_tampered_with_are_noticed(statement, directory):
    path = directory()
    write(path)[0].close()
    with sqlite3.connect(path / "state.db") as database:
        database.execute(statement)
    database.close()
    _, set_aside = start(path)
    assert set_aside == 1


def test_damage_that_shows_only_later_costs_the_file_but_not_the_state(directory):
    path = directory()
    store, live = write(path)
    store._open().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    size = (path / "state.db").stat().st_size
    (path / "state.db").write_bytes(b"\xff" * size)
    store._open().execute("PRAGMA shrink_memory")
    with pytest.raises(DamagedError):
        store.commit(Change([feed(live, 50)], [], [EVENTS[0].place, EVENTS[1].place]))
    assert store.set_aside == 1
    store.commit(Change(events=EVENTS), [live.state])
    store.close()
    saved = Store(path, 300.0).load()
    assert same(saved.states[0].detector, live.detector)
    assert saved.outbox == EVENTS


def test_a_database_that_somebody_else_has_open_is_not_damaged(directory):
    path = directory()
    write(path)[0].close()
    other = sqlite3.connect(path / "state.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    store = Store(path, 300.0)
    with pytest.raises(StateError, match="cannot be read"):
        store.load()
    other.close()
    assert store.load().outbox == EVENTS
    store.close()


def test_a_full_database_takes_nothing_and_loses_nothing(directory):
    path = directory()
    store, live = write(path)
    (pages,) = store._open().execute("PRAGMA page_count").fetchone()
    store._open().execute(f"PRAGMA max_page_count = {pages}")
    large = Change([feed(live, 50)], [queued(9, padding=100_000)])
    for _ in range(3):
        with pytest.raises(UnavailableError, match="full"):
            store.commit(large)
        assert load_copy(path, directory()).outbox == EVENTS
    store._open().execute("PRAGMA max_page_count = 100000")
    store.commit(large)
    saved = load_copy(path, directory())
    assert same(saved.states[0].detector, live.detector)
    assert saved.outbox == [*EVENTS, *large.events]
    store.close()


def load_copy(path, target):
    """Read what a kill would leave now."""
    store = Store(copy_of(path, target), 300.0)
    saved = store.load()
    assert store.set_aside == 0
    store.close()
    return saved


@pytest.fixture
def small_disk(tmp_path):
    """A disk of four megabytes, with a file system of its own."""
    image, mounted = tmp_path / "image", tmp_path / "disk"
    image.write_bytes(bytes(4 << 20))
    mounted.mkdir()
    make = ["mkfs.ext4", "-q", "-F", "-m", "0", str(image)]
    mount = ["mount", "-o", "loop,errors=remount-ro", str(image), str(mounted)]
    if any(subprocess.run(command, capture_output=True, check=False).returncode for command in (make, mount)):
        pytest.skip("file systems cannot be mounted here")
    yield mounted
    subprocess.run(["umount", "-l", str(mounted)], check=True)


def fail(disk):
    """Make the disk read-only as an error of its hardware does: whatever is open on it."""
    subprocess.run(["mount", "-o", "remount,abort", str(disk)], check=True)


def fill(disk) -> Path:
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return ballast


def test_a_full_disk_takes_nothing_and_loses_nothing(small_disk, directory):
    path = small_disk / "state"
    store, live = write(path)
    ballast = fill(small_disk)
    refused = 0
    for turn in range(40):
        change = Change([feed(live, 50 + turn)])
        try:
            store.commit(change)
        except UnavailableError:
            refused += 1
            assert len(load_copy(path, directory()).states) == 1
            ballast.unlink()
            store.commit(change)
            fill(small_disk)
    assert refused
    assert same(load_copy(path, directory()).states[0].detector, live.detector)
    store.close()


def test_a_start_on_a_full_disk_waits_for_room(small_disk):
    path = small_disk / "state"
    ballast = fill(small_disk)
    store = Store(path, 300.0)
    assert store.load().states == []
    live = Live()
    with pytest.raises(UnavailableError):
        store.commit(Change(events=EVENTS), [live.state])
    ballast.unlink()
    store.commit(Change(events=EVENTS), [live.state])
    store.close()
    ballast = fill(small_disk)
    store = Store(path, 300.0)
    assert store.load().outbox == EVENTS
    store.close()


def test_a_disk_that_becomes_read_only_takes_nothing_and_loses_nothing(small_disk, directory):
    path = small_disk / "state"
    store, live = write(path)
    kept = copy_of(path, directory())
    change = Change([feed(live, 50)])
    fail(small_disk)
    for _ in range(3):
        with pytest.raises(UnavailableError):
            store.commit(change)
    assert store.set_aside == 0
    store.close()
    with pytest.raises(StateError, match="cannot be used"):
        Store(path, 300.0)
    assert load_copy(path, directory()).outbox == load_copy(kept, directory()).outbox == EVENTS
