"""A database of an earlier version goes on, with every event that it had not delivered."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from streamdetect.store import DamagedError, tables
from streamdetect.store.database import VERSION, connect
from streamdetect.store.migration import MIGRATIONS

OLD = Path(__file__).with_name("written_by_0.1.0.db")
"""A snapshot, a journal of 20 readings, four events of which one was delivered and one refused."""

IDS = ["3b87d41c1a8e207b3783941d862b9497", "f3aab60d550c6ca60d857219e4749b76"]


@pytest.fixture
def old(tmp_path) -> Path:
    return Path(shutil.copy(OLD, tmp_path / "state.db"))


def test_events_get_the_sink_that_there_was(old):
    with closing(connect(old, tables.SCHEMA, MIGRATIONS)) as connection:
        outbox = tables.read_outbox(connection)
        letters = connection.execute(
            "SELECT sink, event, detector, sensor, reason FROM dead_letter"
        ).fetchall()
    assert [(queued.sink, queued.number, queued.event.id) for queued in outbox] == [
        ("mqtt", 1, IDS[0]),
        ("mqtt", 3, IDS[1]),
    ]
    assert {(queued.event.detector, queued.event.sensor) for queued in outbox} == {("lab", "hall/ä b")}
    assert outbox[0].event.facts["id"] == IDS[0]
    assert letters == [("mqtt", "3702e267f31ba69aa0d75940ccf2d9e8", "lab", "hall/ä b", "Not authorized")]


def test_it_is_like_one_of_this_version(old, tmp_path):
    def schema(path):
        with closing(connect(path, tables.SCHEMA, MIGRATIONS)) as connection:
            version = connection.execute("PRAGMA user_version").fetchone()
            wanted = (
                "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name != 'filter' ORDER BY name"
            )
            return version, connection.execute(wanted).fetchall()

    assert schema(old) == schema(tmp_path / "new.db")
    assert schema(old)[0] == (VERSION,)


def test_the_snapshot_and_the_journal_stay(old):
    with closing(connect(old, tables.SCHEMA, MIGRATIONS)) as connection:
        current = tables.read_current(connection)
        assert len(tables.read_parts(connection, current)) == current.parts > 1
        assert len(list(tables.read_records(connection, current.seq))) == 1


@pytest.mark.parametrize(
    "statement",
    ["UPDATE outbox SET topic = 'elsewhere' WHERE number = 3", "UPDATE dead_letter SET payload = x'7b7d'"],
)
def test_a_damaged_one_is_noticed_and_left_as_it_is(old, statement):
    with closing(sqlite3.connect(old, isolation_level=None)) as connection:
        connection.execute(statement)
    with pytest.raises(DamagedError):
        connect(old, tables.SCHEMA, MIGRATIONS)
    with closing(sqlite3.connect(old)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        assert connection.execute("SELECT count(*) FROM outbox").fetchone() == (2,)
