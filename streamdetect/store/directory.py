"""The state directory: one daemon's at a time, with unusable files set aside."""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from zlib import crc32

from streamdetect.errors import StateError
from streamdetect.store.database import UnavailableError

DATABASE = "state.db"
LOCK = "lock"
MARK = "committed"
_COMPANIONS = ("", "-wal", "-shm", "-journal")  # files that only mean something together
_SET_ASIDE_KEPT = 3  # a disk that damages everything must not be filled with it


def lock(directory: Path) -> int:
    """Make the directory if need be, and lock it; the lock lasts until the descriptor is closed.

    Raises:
        StateError: another process has it, or it cannot be used.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StateError(f"state directory {directory} cannot be used: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        owner = os.read(descriptor, 20).decode(errors="replace").strip()
        os.close(descriptor)
        if error.errno != errno.EWOULDBLOCK:
            raise StateError(f"state directory {directory} cannot be locked: {error.strerror}") from error
        who = f"process {owner}" if owner.isdecimal() else "another process"
        raise StateError(f"state directory {directory} is in use by {who}: one daemon each") from None
    with suppress(OSError):  # a full disk: then the message names nobody
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


class Mark:
    """The progress of the database, noted beside it.

    SQLite takes a damaged log for one that ends there, and silently loses later commits. The note tells that
    there was more. It is written after the commit and not synchronised: after a power cut it may lag behind,
    which does no harm, but it is never ahead.
    """

    def __init__(self, directory: Path) -> None:
        """Open the note, or begin one.

        Raises:
            StateError: it cannot be used.
        """
        path = directory / MARK
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StateError(f"{path} cannot be used: {error.strerror}") from error

    def read(self) -> int:
        """The last number that was written; 0 if there is none."""
        text = os.pread(self._descriptor, 64, 0)
        number, _, crc = text.strip().partition(b" ")
        return int(number) if number.isdigit() and crc == b"%08x" % crc32(number) else 0

    def write(self, number: int) -> None:
        """Note a number."""
        text = b"%020d" % number
        with suppress(OSError):  # a full disk: the note lags behind
            os.pwrite(self._descriptor, b"%s %08x\n" % (text, crc32(text)), 0)

    def close(self) -> None:
        """Close the note."""
        os.close(self._descriptor)


def set_aside(database: Path) -> Path:
    """Rename a database that cannot be used, and what belongs to it; the latest few are kept.

    Returns:
        Its new name.

    Raises:
        UnavailableError: the disk does not let us.
    """
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
    target = database.with_name(f"{database.name}.set-aside-{now}")
    try:
        for companion in _COMPANIONS:
            with suppress(FileNotFoundError):
                Path(f"{database}{companion}").rename(f"{target}{companion}")
        names = {path.name[: len(target.name)] for path in _set_aside(database)}
        for name in sorted(names)[:-_SET_ASIDE_KEPT]:
            for companion in _COMPANIONS:
                database.with_name(name + companion).unlink(missing_ok=True)
    except OSError as error:
        raise UnavailableError(f"{database} cannot be set aside: {error.strerror}") from error
    return target


def _set_aside(database: Path) -> list[Path]:
    return list(database.parent.glob(f"{database.name}.set-aside-*"))
