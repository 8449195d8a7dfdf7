"""The SQLite database: how it is opened, and the meaning of its errors.

WAL with synchronous=FULL: one fsync a commit, and committed data survives a power cut. The lock is exclusive,
so there is no shared memory file to be damaged.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from streamdetect.errors import StateError
from streamdetect.failpoints import failpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Mapping
    from pathlib import Path

log = logging.getLogger(__name__)

APPLICATION = 0x53444554  # "SDET", where file(1) and we look for it
VERSION = 2  # of everything in the file

_PRAGMAS = (
    "locking_mode = EXCLUSIVE",
    "journal_mode = WAL",
    "synchronous = FULL",
    "secure_delete = OFF",  # Debian's default is to overwrite deleted data: a snapshot in seconds, not ms
    "temp_store = MEMORY",
    "cache_size = -512",  # KiB: written data is hardly ever read again
    "trusted_schema = OFF",
    "cell_size_check = ON",
    f"journal_size_limit = {16 << 20}",
)
# Primary result codes about the disk or another process, not about the content of the file.
_PASSING = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_READONLY,
    }
)


class UnavailableError(StateError):
    """The disk does not take or give data now; another attempt may succeed."""


class DamagedError(StateError):
    """The file has other content than was written."""


def connect(
    path: Path, schema: str, migrations: Mapping[int, Callable[[sqlite3.Connection], None]]
) -> sqlite3.Connection:
    """Open the database, or make it of this schema.

    Args:
        path: of the database.
        schema: statements that make its tables.
        migrations: bring a database of this version to the next one, within a transaction.

    Raises:
        UnavailableError: the disk does not let us.
        DamagedError: this version cannot read the file, or its structure is broken.
    """
    fresh = not path.exists()
    if fresh:
        make_private(path)
    connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    connection.text_factory = lambda text: text.decode(errors="replace")  # the checksum tells
    try:
        with told(path):
            for pragma in _PRAGMAS:
                connection.execute(f"PRAGMA {pragma}")
            if fresh:
                _create(connection, schema)
            else:
                _verify(connection, migrations)
                _migrate(connection, path, migrations)
    except BaseException:
        connection.close()
        if fresh:
            path.unlink(missing_ok=True)  # half made
        raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection, path: Path) -> Iterator[None]:
    """Do all of a block or nothing of it; when the block is left, its changes are on the disk.

    Raises:
        UnavailableError: the disk does not take it.
        DamagedError: the file is broken.
    """
    with told(path):
        failpoint("commit.begin")
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            failpoint("commit.written")
            connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):  # SQLite has rolled back by itself
                connection.execute("ROLLBACK")
            raise
    failpoint("commit.done")


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into ours.

    Raises:
        UnavailableError: the disk does not let us.
        DamagedError: the file is broken.
    """
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", None)
        if code is None:
            raise  # the module's, not SQLite's: a bug of ours
        passing = code & 0xFF in _PASSING
        # A damaged header may call the file read-only when nothing else does.
        if code & 0xFF == sqlite3.SQLITE_READONLY:
            passing = not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))
        raise (UnavailableError if passing else DamagedError)(str(error)) from error


def make_private(path: Path) -> None:
    """Make an empty file that only we may read; SQLite gives its log the same mode.

    Raises:
        UnavailableError: the disk does not let us.
    """
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise UnavailableError(f"{path} cannot be made: {error.strerror}") from error


def _create(connection: sqlite3.Connection, schema: str) -> None:
    connection.executescript(
        f"BEGIN; PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION}; {schema} COMMIT"
    )


def _verify(connection: sqlite3.Connection, readable: Container[int]) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    version = _version(connection)
    if application != APPLICATION:
        raise DamagedError("it is not a database of streamdetect")
    if version != VERSION and version not in readable:
        raise DamagedError(f"its version must be at most {VERSION}, got {version}")
    found = connection.execute("PRAGMA quick_check(1)").fetchall()
    if found != [("ok",)]:
        raise DamagedError(f"its structure is broken: {found[0][0]}")


def _migrate(
    connection: sqlite3.Connection, path: Path, migrations: Mapping[int, Callable[[sqlite3.Connection], None]]
) -> None:
    """Bring the database to this version, one version a transaction."""
    while (version := _version(connection)) != VERSION:
        with transaction(connection, path):
            migrations[version](connection)
            connection.execute(f"PRAGMA user_version = {version + 1}")
        log.info("brought %s from version %d to %d", path, version, version + 1)


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)
