"""The database file of the history: its tables, its versions, and how it is opened."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from streamdetect.store.database import DamagedError, make_private, told

if TYPE_CHECKING:
    from pathlib import Path

VERSION = 2
_APPLICATION = 0x53444849  # "SDHI"
_CACHE = 512  # KiB of the daemon; SQLite's own 2 MB made it grow for hours
_WAIT = 5.0  # s for a reader, or for the daemon

_SCHEMA = f"""
PRAGMA application_id = {_APPLICATION};
PRAGMA user_version = {VERSION};
-- One row an incident, as its last event left it. Times are Unix seconds.
CREATE TABLE incident (
    id TEXT PRIMARY KEY, detector TEXT NOT NULL, sensor TEXT NOT NULL, started REAL NOT NULL, ended REAL,
    newest REAL NOT NULL, severity TEXT NOT NULL, message TEXT NOT NULL, reason TEXT NOT NULL,
    label TEXT NOT NULL DEFAULT '', data BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX incident_started ON incident (started);
-- One row an event.
CREATE TABLE edge (
    event TEXT PRIMARY KEY, incident TEXT NOT NULL, time REAL NOT NULL, edge TEXT NOT NULL,
    message TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX edge_incident ON edge (incident);
-- One row a command that somebody gave.
CREATE TABLE answer (event TEXT PRIMARY KEY, time REAL NOT NULL, data BLOB NOT NULL) WITHOUT ROWID;
"""
_READINGS = """
-- One row an incident: names of the features as JSON, whether nothing will be added, and see store/around.py.
CREATE TABLE readings (
    incident TEXT PRIMARY KEY, features TEXT NOT NULL, complete INTEGER NOT NULL, data BLOB NOT NULL
) WITHOUT ROWID;
"""
_MIGRATIONS = {1: _READINGS}
"""The statements that bring a history of this version to the next one."""


def open_in_memory() -> sqlite3.Connection:
    """Make a history of this version in memory."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    connection.executescript(_SCHEMA + _READINGS)
    return connection


def open_to_write(path: Path) -> sqlite3.Connection:
    """Open the database, or make it, and bring it to this version.

    Raises:
        UnavailableError: the disk does not let us.
        DamagedError: it is not a history of this version or an earlier one.
    """
    with told(path):
        if not path.exists():
            make_private(path)
        connection = _connect(path, "rw")
        try:
            if not connection.execute("PRAGMA user_version").fetchone()[0]:
                connection.executescript(f"BEGIN; {_SCHEMA} {_READINGS} COMMIT;")
            _verify(connection)
            _migrate(connection)
            connection.execute(f"PRAGMA cache_size = -{_CACHE}")
        except BaseException:
            connection.close()
            raise
        return connection


def open_to_read(path: Path) -> sqlite3.Connection:
    """Open the database of a history of this version, or of an earlier version that can be read.

    Raises:
        DamagedError: it is not one.
    """
    connection = _connect(path, "ro")
    try:
        _verify(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def version(connection: sqlite3.Connection) -> int:
    """Return the version of a history."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    # As a URI, so that a reader neither makes the file nor changes it. With a rollback journal rather than
    # WAL, somebody who may only read the file can.
    address = f"{path.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(address, uri=True, timeout=_WAIT, isolation_level=None, check_same_thread=False)


def _verify(connection: sqlite3.Connection) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    found = version(connection)
    if application != _APPLICATION or found not in {VERSION, *_MIGRATIONS}:
        raise DamagedError(f"it must be a history of version {VERSION}, got {application:#x} {found}")


def _migrate(connection: sqlite3.Connection) -> None:
    """Bring a history of an earlier version to this one, one version a transaction."""
    while (found := version(connection)) != VERSION:
        steps = f"{_MIGRATIONS[found]} PRAGMA user_version = {found + 1};"
        connection.executescript(f"BEGIN IMMEDIATE; {steps} COMMIT;")
