"""The rows of the database: written within a transaction, read at the start.

Every blob has a CRC-32 beside it that also covers its place, so a row that was changed, exchanged or lost is
noticed. SQLite checks its own structure, but not what is in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

from streamdetect.store.database import DamagedError
from streamdetect.store.event import Event

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from streamdetect.store.journal import Entry

_DETECTORS = """
-- Readings and their errors, one row a group commit, see journal.py. Those after the current snapshot count.
CREATE TABLE journal (seq INTEGER PRIMARY KEY, entries BLOB NOT NULL, crc INTEGER NOT NULL);
-- Snapshots in parts, see state.py. The current generation counts.
CREATE TABLE snapshot (
    generation INTEGER NOT NULL, part INTEGER NOT NULL, data BLOB NOT NULL, crc INTEGER NOT NULL,
    PRIMARY KEY (generation, part)
);
-- One row: the snapshot that counts, its number of parts, and the last row of the journal that is in it.
CREATE TABLE current (
    only INTEGER PRIMARY KEY CHECK (only = 1), generation INTEGER NOT NULL, parts INTEGER NOT NULL,
    seq INTEGER NOT NULL
);
"""
OUTBOX = (
    # Events that a sink does not have yet, a row for each sink.
    """CREATE TABLE outbox (
    sink TEXT NOT NULL, number INTEGER NOT NULL, event TEXT NOT NULL, detector TEXT NOT NULL,
    sensor TEXT NOT NULL, payload BLOB NOT NULL, since REAL NOT NULL, crc INTEGER NOT NULL,
    PRIMARY KEY (sink, number)
)""",
    # Events that a sink will never take, kept for inspection.
    """CREATE TABLE dead_letter (
    number INTEGER PRIMARY KEY, sink TEXT NOT NULL, event TEXT NOT NULL, detector TEXT NOT NULL,
    sensor TEXT NOT NULL, payload BLOB NOT NULL, reason TEXT NOT NULL, time REAL NOT NULL
)""",
)
SCHEMA = "".join([_DETECTORS, *(f"{statement};" for statement in OUTBOX)])
DEAD_LETTERS_KEPT = 1000

# Mutes, and topic filters that the broker may hold for us. Made when they are first needed: databases
# that were begun without them are of the same version.
_MUTES = (
    "CREATE TABLE IF NOT EXISTS mute"
    " (sensor TEXT PRIMARY KEY, until REAL NOT NULL, by TEXT NOT NULL, since REAL NOT NULL)"
)
_RETAINED = "CREATE TABLE IF NOT EXISTS retained (topic TEXT PRIMARY KEY)"
_FILTERS = "CREATE TABLE IF NOT EXISTS filter (topic TEXT PRIMARY KEY)"

# Receipts of messages that may come again, a row a group commit; see service/receipts.py. `number` is how
# many there were by then. Made when it is first needed, too.
_RECEIPTS = """
CREATE TABLE IF NOT EXISTS receipt (number INTEGER PRIMARY KEY, messages BLOB NOT NULL, crc INTEGER NOT NULL)
"""


class Place(NamedTuple):
    """The place of an event in the outbox."""

    sink: str
    number: int


class Queued(NamedTuple):
    """An event with its place in the outbox."""

    sink: str
    number: int  # among those of this sink
    event: Event
    since: float  # Unix seconds

    @property
    def place(self) -> Place:
        """Its place."""
        return Place(self.sink, self.number)


class Mute(NamedTuple):
    """A mute of some sensors."""

    sensor: str  # or a pattern
    until: float  # Unix seconds; infinite until it is unmuted
    by: str
    since: float  # Unix seconds


class DeadLetter(NamedTuple):
    """An event that its sink will never take."""

    queued: Queued
    reason: str


class Receipted(NamedTuple):
    """Receipts of messages, and how many of the latest have to be kept."""

    receipts: bytes
    messages: int
    kept: int


@dataclass(frozen=True, slots=True)
class Change:
    """The changes that a group commit makes durable."""

    entries: Sequence[Entry] = ()
    events: Sequence[Queued] = ()  # to be delivered
    delivered: Sequence[Place] = ()
    dead: Sequence[DeadLetter] = ()
    mutes: Sequence[Mute] | None = None  # all mutes, if they have changed
    receipts: Receipted | None = None  # for the messages that brought the entries

    def __bool__(self) -> bool:
        return bool(self.entries or self.events or self.delivered or self.dead) or self.mutes is not None


class Current(NamedTuple):
    """The current snapshot; generation 0 is none."""

    generation: int = 0
    parts: int = 0
    seq: int = 0


def write_record(connection: sqlite3.Connection, seq: int, record: bytes) -> None:
    """Write a row of the journal."""
    connection.execute("INSERT OR REPLACE INTO journal VALUES (?, ?, ?)", (seq, record, crc32(record, seq)))


def write_outbox(connection: sqlite3.Connection, change: Change, now: float) -> None:
    """Add events to the outbox, and take out those that were delivered or refused; `now` is Unix seconds."""
    rows = [(*queued.place, *queued.event, queued.since, event_crc(queued)) for queued in change.events]
    connection.executemany("INSERT OR REPLACE INTO outbox VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    gone = chain(change.delivered, (letter.queued.place for letter in change.dead))
    connection.executemany("DELETE FROM outbox WHERE sink = ? AND number = ?", gone)
    if change.dead:
        connection.executemany(
            "INSERT INTO dead_letter (sink, event, detector, sensor, payload, reason, time)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            ((queued.sink, *queued.event, reason, now) for queued, reason in change.dead),
        )
        connection.execute(
            "DELETE FROM dead_letter WHERE number <= (SELECT max(number) FROM dead_letter) - ?",
            (DEAD_LETTERS_KEPT,),
        )


def write_receipts(connection: sqlite3.Connection, new: Receipted) -> None:
    """Add receipts, and drop those that are too old."""
    connection.execute(_RECEIPTS)
    (before,) = connection.execute("SELECT ifnull(max(number), 0) FROM receipt").fetchone()
    number = before + new.messages
    row = number, new.receipts, crc32(new.receipts, number & 0xFFFF_FFFF)
    connection.execute("INSERT INTO receipt VALUES (?, ?, ?)", row)
    connection.execute("DELETE FROM receipt WHERE number <= ?", (number - new.kept,))


def read_receipts(connection: sqlite3.Connection) -> list[bytes]:
    """Read the receipts, the oldest first.

    Raises:
        DamagedError: they differ from what was written.
    """
    found: list[bytes] = []
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'receipt'").fetchone():
        return found
    for number, receipts, crc in connection.execute("SELECT * FROM receipt ORDER BY number"):
        if crc32(receipts, number & 0xFFFF_FFFF) != crc:
            raise DamagedError(f"the receipts up to {number} are not what was written")
        found.append(receipts)
    return found


def write_parts(
    connection: sqlite3.Connection, generation: int, first: int, parts: Sequence[bytes | memoryview]
) -> None:
    """Write parts of a snapshot, the first of which is number `first`."""
    connection.executemany(
        "INSERT OR REPLACE INTO snapshot VALUES (?, ?, ?, ?)",
        ((generation, part, data, crc32(data, part)) for part, data in enumerate(parts, first)),
    )


def switch(connection: sqlite3.Connection, current: Current) -> None:
    """Make another snapshot the current one; the old one goes, and the journal up to the new one."""
    connection.execute("INSERT OR REPLACE INTO current VALUES (1, ?, ?, ?)", current)
    drop_other_snapshots(connection, current.generation)
    connection.execute("DELETE FROM journal WHERE seq <= ?", (current.seq,))


def drop_other_snapshots(connection: sqlite3.Connection, generation: int) -> None:
    """Delete other snapshots: old ones, or one that was never finished."""
    connection.execute("DELETE FROM snapshot WHERE generation != ?", (generation,))


def read_current(connection: sqlite3.Connection) -> Current:
    """Read which snapshot is the current one.

    Raises:
        DamagedError: none is, but there is a journal.
    """
    row = connection.execute("SELECT generation, parts, seq FROM current").fetchone()
    if row is not None:
        return Current(*row)
    if connection.execute("SELECT count(*) FROM journal").fetchone() != (0,):
        raise DamagedError("there is a journal without a snapshot")
    return Current()


def read_parts(connection: sqlite3.Connection, current: Current) -> list[bytes]:
    """Read the parts of a snapshot.

    Raises:
        DamagedError: they differ from what was written.
    """
    parts: list[bytes] = []
    query = "SELECT part, data, crc FROM snapshot WHERE generation = ? ORDER BY part"
    for part, data, crc in connection.execute(query, (current.generation,)):
        if part != len(parts) or crc32(data, part) != crc:
            raise DamagedError(f"part {part} of the snapshot is damaged")
        parts.append(data)
    if len(parts) != current.parts:
        raise DamagedError(f"the snapshot must have {current.parts} parts, got {len(parts)}")
    return parts


def read_records(connection: sqlite3.Connection, after: int) -> Iterator[bytes]:
    """Read the journal, all of which comes after row `after`.

    Raises:
        DamagedError: it differs from what was written.
    """
    rows = connection.execute("SELECT seq, entries, crc FROM journal ORDER BY seq")
    for expected, (seq, record, crc) in enumerate(rows, after + 1):
        if seq != expected or crc32(record, seq) != crc:
            raise DamagedError(f"row {expected} of the journal is damaged")
        yield record


def read_outbox(connection: sqlite3.Connection) -> list[Queued]:
    """Read the events that were not delivered yet.

    Raises:
        DamagedError: they differ from what was written.
    """
    outbox = []
    rows = connection.execute(
        "SELECT sink, number, event, detector, sensor, payload, since, crc FROM outbox ORDER BY sink, number"
    )
    for sink, number, identity, detector, sensor, payload, since, crc in rows:
        queued = Queued(sink, number, Event(identity, detector, sensor, payload), since)
        if event_crc(queued) != crc:
            raise DamagedError(f"event {number} for {sink} in the outbox is damaged")
        outbox.append(queued)
    return outbox


def write_mutes(connection: sqlite3.Connection, mutes: Sequence[Mute]) -> None:
    """Note these mutes, and no other."""
    connection.execute(_MUTES)
    connection.execute("DELETE FROM mute")
    connection.executemany("INSERT INTO mute VALUES (?, ?, ?, ?)", mutes)


def read_mutes(connection: sqlite3.Connection) -> list[Mute]:
    """Read the mutes that were noted; nothing is written, for the disk may be full."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'mute'").fetchone():
        return []
    return [
        Mute(*row) for row in connection.execute("SELECT sensor, until, by, since FROM mute ORDER BY since")
    ]


def write_filters(connection: sqlite3.Connection, filters: set[str]) -> None:
    """Note these topic filters, and no other; new ones come before old ones go."""
    gone = read_filters(connection) - filters
    connection.executemany("INSERT OR IGNORE INTO filter VALUES (?)", ((topic,) for topic in filters))
    connection.executemany("DELETE FROM filter WHERE topic = ?", ((topic,) for topic in gone))


def write_retained(connection: sqlite3.Connection, topics: set[str]) -> None:
    """Note the topics at which the broker retains messages of ours, and no other."""
    gone = read_retained(connection) - topics
    connection.executemany("INSERT OR IGNORE INTO retained VALUES (?)", ((topic,) for topic in topics))
    connection.executemany("DELETE FROM retained WHERE topic = ?", ((topic,) for topic in gone))


def read_retained(connection: sqlite3.Connection) -> set[str]:
    """Read the topics that were noted."""
    connection.execute(_RETAINED)
    return {topic for (topic,) in connection.execute("SELECT topic FROM retained")}


def read_filters(connection: sqlite3.Connection) -> set[str]:
    """Read the topic filters that were noted."""
    connection.execute(_FILTERS)
    return {topic for (topic,) in connection.execute("SELECT topic FROM filter")}


def event_crc(queued: Queued) -> int:
    """Return the checksum of an event and its place."""
    event = queued.event
    facts = f"{queued.sink}\0{event.id}\0{event.detector}\0{event.sensor}\0{queued.since.hex()}\0"
    return crc32(facts.encode() + event.payload, queued.number)
