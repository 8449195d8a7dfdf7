"""Events to a file, one JSON document a line, rotated by size."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, ClassVar

from streamdetect.sinks.choosing import ChoosingWorker
from streamdetect.sinks.sink import UnavailableError

if TYPE_CHECKING:
    from streamdetect.config import FileConfig
    from streamdetect.store import Event

_BLOCK = 65_536  # bytes read at once in search of the last line's end


class JsonLines(ChoosingWorker):
    """Appends each event to a file; `NAME.1` is the one before, `NAME.2` the one before that."""

    kind: ClassVar[str] = "file"

    def __init__(self, name: str, settings: FileConfig) -> None:
        """Prepare; the file is opened with the first event."""
        super().__init__(name, settings)
        self._path = Path(settings.path)
        self._max_size, self._keep = settings.max_size, settings.keep
        self._file: BinaryIO | None = None

    def deliver(self, event: Event) -> None:
        """Append an event; it is on the disk when this returns.

        Raises:
            UnavailableError: the disk does not take it.
        """
        line = event.payload + b"\n"
        try:
            file = self._opened(len(line))
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        except OSError as error:
            self.release()
            raise UnavailableError(f"{self._path}: {error.strerror}") from error

    def _opened(self, more: int) -> BinaryIO:
        """Return the file, empty or with room for `size` bytes; somebody else may have moved it away."""
        if self._file and not self._is_current(self._file):
            self.release()
        file = self._file or self._open()
        if file.tell() and file.tell() + more > self._max_size:
            self.release()
            self._rotate()
            file = self._open()
        return file

    def _open(self) -> BinaryIO:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        self._file = os.fdopen(descriptor, "r+b")
        _cut_after_last_line(self._file)
        return self._file

    def _is_current(self, file: BinaryIO) -> bool:
        try:
            return os.path.samestat(os.fstat(file.fileno()), self._path.stat())
        except FileNotFoundError:
            return False

    def _rotate(self) -> None:
        for number in range(self._keep, 0, -1):
            older = self._numbered(number)
            newer = self._numbered(number - 1)
            with suppress(FileNotFoundError):
                newer.replace(older)
        if not self._keep:
            self._path.unlink()

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}") if number else self._path

    def release(self) -> None:
        """Close the file."""
        file, self._file = self._file, None
        if file:
            with suppress(OSError):
                file.close()


def _cut_after_last_line(file: BinaryIO) -> None:
    """Go to the end; cut off a line that a kill or a full disk left unfinished: its event comes again."""
    end = file.seek(0, os.SEEK_END)
    while end:
        start = max(0, end - _BLOCK)
        file.seek(start)
        newline = file.read(end - start).rfind(b"\n")
        if newline >= 0:
            end = start + newline + 1
            break
        end = start
    file.truncate(end)
    file.seek(end)
