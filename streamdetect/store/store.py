"""The store: one transaction a group commit, and everything back at the start."""

from __future__ import annotations

import logging
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from streamdetect.errors import StateError
from streamdetect.failpoints import failpoint
from streamdetect.metrics import counter, gauge
from streamdetect.store import directory as files
from streamdetect.store import journal, state, tables
from streamdetect.store.database import DamagedError, UnavailableError, connect, told, transaction
from streamdetect.store.migration import MIGRATIONS
from streamdetect.store.replay import replay
from streamdetect.store.tables import Current

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator, Sequence

    from streamdetect.metrics import Metric
    from streamdetect.store.journal import Entry
    from streamdetect.store.state import DetectorState
    from streamdetect.store.tables import Change, Mute, Queued

log = logging.getLogger(__name__)

LEAST_JOURNAL = 4 << 20  # bytes of journal from which a snapshot pays, however small it would be


@dataclass(frozen=True, slots=True)
class Saved:
    """The state that an earlier run saved."""

    states: list[DetectorState] = field(default_factory=list)
    outbox: list[Queued] = field(default_factory=list)
    mutes: list[Mute] = field(default_factory=list)
    receipts: list[bytes] = field(default_factory=list)


@dataclass(slots=True)
class _Snapshot:
    """A snapshot on its way to the disk."""

    current: Current  # what it will be
    parts: Sequence[bytes | memoryview]
    journal_size: int  # bytes of journal that it replaces
    written: int = 0  # parts

    @property
    def done(self) -> bool:
        return self.written == len(self.parts)

    def next_parts(self, most: float) -> Sequence[bytes | memoryview]:
        """Return the next parts, of about `most` bytes; at least one."""
        end, size = self.written, 0
        while end < len(self.parts) and size < most:
            size += len(self.parts[end])
            end += 1
        return self.parts[self.written : end]


class Store:
    """The store of one daemon's state, on disk or, without a directory, in memory.

    In memory it holds no more than the topic filters: a journal or an outbox would serve nobody, and an event
    would go out 0.1 ms later.

    Attributes:
        durable: true if it is on disk.
        set_aside: databases that could not be used.
        commits: transactions done.
        commit_seconds: how long they took.
        journal_size: bytes of journal since the current snapshot.
        snapshot_at: when the current snapshot was completed, or read, in Unix seconds; 0 before the first.
    """

    def __init__(
        self, directory: Path | None, snapshot_every: float, clock: Callable[[], float] = time.time
    ) -> None:
        """Open the directory.

        Args:
            directory: where the state is; None keeps it in memory.
            snapshot_every: seconds after which the journal is worth a snapshot.
            clock: Unix time in seconds.

        Raises:
            StateError: another process has the directory, or it cannot be used.
        """
        self.durable = directory is not None
        self.set_aside = self.commits = self.journal_size = 0
        self.commit_seconds = self.snapshot_at = 0.0
        self._snapshot_every = snapshot_every
        self._clock = clock
        self._lock = files.lock(directory) if directory else None
        self._mark = files.Mark(directory) if directory else None
        self._path = (directory or Path()) / files.DATABASE
        self._noted: set[str] = set()  # topic filters, without a directory
        self._connection: sqlite3.Connection | None = None
        self._current = Current()
        self._seq = 0  # of the last commit that changed a detector
        self._snapshot_size = 0  # bytes of the current snapshot
        self._snapshot: _Snapshot | None = None

    metrics: ClassVar[Sequence[Metric[Store]]] = (
        counter("state_commits", "Transactions that made state durable.", lambda store: store.commits),
        counter(
            "state_commit_seconds",
            "Time that these transactions took.",
            lambda store: store.commit_seconds,
        ),
        gauge(
            "state_durable",
            "Whether state is kept on disk rather than in memory.",
            lambda store: store.durable,
        ),
        gauge(
            "state_journal_bytes",
            "Size of the journal since the last snapshot, in bytes.",
            lambda store: store.journal_size,
        ),
        counter(
            "state_set_aside",
            "Databases that could not be used and were renamed.",
            lambda store: store.set_aside,
        ),
        gauge(
            "state_snapshot_timestamp_seconds",
            "When the last snapshot was completed or read.",
            lambda store: store.snapshot_at,
        ),
    )

    def load(self) -> Saved:
        """Read the state of an earlier run; unusable files are set aside.

        Raises:
            StateError: it cannot be read now, or cannot be set aside.
        """
        if not self.durable or not self._path.exists():
            self._note()
            return Saved()
        try:
            with told(self._path):
                return self._read(self._open())
        except UnavailableError as error:
            raise StateError(f"{self._path} cannot be read: {error}") from error
        except Exception as error:  # noqa: BLE001 - whatever is wrong with old state, the daemon has to start
            self._abandon(error)
            return Saved()

    def commit(self, change: Change, anew: Sequence[DetectorState] = ()) -> None:
        """Make a change durable, all of it or nothing.

        Args:
            change: what is new.
            anew: all detectors: a snapshot of them replaces everything that was saved of detectors, and the
                entries of this change.

        Raises:
            UnavailableError: the disk does not take it; nothing has changed, and the call may be repeated.
            DamagedError: the database is broken and was set aside; the next call has to bring everything.
        """
        if not self.durable:
            return
        if anew:
            self._begin_snapshot(anew, self._seq + 1)
        record = journal.encode(change.entries) if change.entries and not anew else b""
        made = self._snapshot
        parts = made.next_parts(float("inf") if anew else state.PART) if made else ()
        began = time.perf_counter()
        try:
            connection = self._open()
            with transaction(connection, self._path):
                if record:
                    tables.write_record(connection, self._seq + 1, record)
                    failpoint("commit.journal")
                if change.receipts:
                    tables.write_receipts(connection, change.receipts)
                tables.write_outbox(connection, change, self._clock())
                if change.mutes is not None:
                    tables.write_mutes(connection, change.mutes)
                if made:
                    self._write_snapshot(connection, made, parts)
        except DamagedError as error:
            self._abandon(error)
            raise
        self.commits += 1
        self.commit_seconds += time.perf_counter() - began
        if record or anew:
            self._seq += 1
            self._note()
        self.journal_size += len(record)
        if made:
            self._written(made, len(parts))

    def filters(self) -> set[str]:
        """Return the topic filters that were noted last.

        Raises:
            UnavailableError: the disk does not give them.
            DamagedError: the database is broken.
        """
        if not self.durable:
            return self._noted
        connection = self._open()
        with told(self._path):
            return tables.read_filters(connection)

    def note_filters(self, filters: set[str]) -> None:
        """Note topic filters, in place of those before.

        Raises:
            UnavailableError: the disk does not take them.
            DamagedError: the database is broken.
        """
        if not self.durable:
            self._noted = set(filters)
            return
        connection = self._open()
        with told(self._path):
            tables.write_filters(connection, filters)

    def retained(self) -> set[str]:
        """Return the topics at which the broker retains messages of ours.

        Raises:
            UnavailableError: the disk does not give them.
            DamagedError: the database is broken.
        """
        if not self.durable:
            return set()
        connection = self._open()
        with told(self._path):
            return tables.read_retained(connection)

    def note_retained(self, topics: set[str]) -> None:
        """Note topics at which the broker retains messages of ours, in place of those before.

        Raises:
            UnavailableError: the disk does not take them.
            DamagedError: the database is broken.
        """
        if not self.durable:
            return
        connection = self._open()
        with told(self._path), connection:
            connection.execute("BEGIN")
            tables.write_retained(connection, topics)

    def begin_snapshot(self, states: Sequence[DetectorState]) -> None:
        """Copy the detectors, all of whose entries are committed; the next commits write the copy."""
        self._begin_snapshot(states, self._seq)

    @property
    def snapshot_due(self) -> bool:
        """True if it is time to begin a snapshot."""
        if self._snapshot or not self.journal_size:
            return False
        # No more snapshot than journal, in bytes: that bounds both the wear and the time to replay.
        if self.journal_size >= max(LEAST_JOURNAL, self._snapshot_size):
            return True
        return not 0 <= self._clock() - self.snapshot_at < self._snapshot_every

    @property
    def snapshot_underway(self) -> bool:
        """True if parts of a snapshot are still to be written."""
        return self._snapshot is not None

    def close(self) -> None:
        """Close the database, and unlock the directory."""
        self._disconnect()
        if self._mark is not None:
            self._mark.close()
            self._mark = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = connect(self._path, tables.SCHEMA, MIGRATIONS)
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _note(self) -> None:
        if self._mark is not None:
            self._mark.write(self._seq)

    def _begin_snapshot(self, states: Sequence[DetectorState], seq: int) -> None:
        parts = state.encode(states)
        current = Current(self._current.generation + 1, len(parts), seq)
        self._snapshot = _Snapshot(current, parts, self.journal_size)

    def _write_snapshot(
        self, connection: sqlite3.Connection, made: _Snapshot, parts: Sequence[bytes | memoryview]
    ) -> None:
        """Write some parts; with the last ones the snapshot becomes the current one."""
        if not made.written:
            tables.drop_other_snapshots(connection, self._current.generation)
        tables.write_parts(connection, made.current.generation, made.written, parts)
        failpoint("snapshot.part")
        if made.written + len(parts) == len(made.parts):
            tables.switch(connection, made.current)
            failpoint("snapshot.switch")

    def _written(self, made: _Snapshot, parts: int) -> None:
        """Note that some parts are on the disk."""
        made.written += parts
        if made.done:
            self._current, self._snapshot = made.current, None
            self._snapshot_size = sum(map(len, made.parts))
            self.journal_size -= made.journal_size
            self.snapshot_at = self._clock()

    def _abandon(self, error: Exception) -> None:
        """Set the database aside; the next one starts empty."""
        self._disconnect()
        target = files.set_aside(self._path)
        self._current, self._snapshot = Current(), None
        self._seq = self._snapshot_size = self.journal_size = 0
        self._note()
        self.set_aside += 1
        reason = error if isinstance(error, StateError) else repr(error)
        log.error("the saved state cannot be used and was set aside as %s: %s", target, reason)

    def _read(self, connection: sqlite3.Connection) -> Saved:
        self._current = tables.read_current(connection)
        states = []
        if self._current.generation:
            head, *columns = tables.read_parts(connection, self._current)
            self._snapshot_size = len(head) + sum(map(len, columns))
            states = state.decode(head, b"".join(columns))
        self._seq = self._current.seq
        replay(states, self._entries(connection))
        if self._mark is not None and (noted := self._mark.read()) > self._seq:
            raise DamagedError(f"it ends with commit {self._seq}, but there were {noted}")
        self.snapshot_at = self._clock()
        return Saved(
            states,
            tables.read_outbox(connection),
            tables.read_mutes(connection),
            tables.read_receipts(connection),
        )

    def _entries(self, connection: sqlite3.Connection) -> Iterator[Entry]:
        """Read the journal, and count it."""
        for record in tables.read_records(connection, self._seq):
            self._seq += 1
            self.journal_size += len(record)
            yield from journal.decode(record)
