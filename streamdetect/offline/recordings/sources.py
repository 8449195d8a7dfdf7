"""The bytes or the text of a file, or of the standard input, however it is packed."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import sys
import zipfile
from contextlib import ExitStack, contextmanager
from typing import IO, TYPE_CHECKING, NamedTuple, cast

from streamdetect.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

STANDARD_INPUT = "-"
_HEAD = 512  # bytes looked at
_UNPACKED = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
_KINDS = {
    b"PAR1": "Parquet",
    b"ARROW1": "Feather",
    b"\xd0\xcf\x11\xe0": "Excel",
}
_FOREIGN = {
    b"SQLite format 3": "an SQLite database; write the readings to a CSV file with the sqlite3 command",
    b"\x89HDF": "an HDF5 file; write it to a CSV or Parquet file with pandas",
    b"\x28\xb5\x2f\xfd": "packed with zstd; unpack it",
    b"7z\xbc\xaf": "packed with 7-Zip; unpack it",
    b"%PDF": "a PDF document",
    b"MATLAB": "a MATLAB file; write it to a CSV file with writetable",
    b"\x80\x04": "a Python pickle, which is not opened: it can run code; write it to CSV or Parquet",
}
_BYTE_ORDER_MARKS = {
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}


class Source(NamedTuple):
    """An opened file."""

    kind: str
    """"text", or the name of a binary format."""
    file: IO[bytes]
    """From its first byte, unpacked, seekable."""


@contextmanager
def open_source(path: Path) -> Iterator[Source]:
    """Open a file, unpack it and find its kind.

    Raises:
        DataError: It is something that cannot be read here.
        OSError: It cannot be opened or unpacked.
    """
    with ExitStack() as opened:
        packed = _standard_input() if str(path) == STANDARD_INPUT else path.open("rb")
        opened.callback(packed.close)
        file = _unpacked(packed)
        opened.callback(file.close)
        yield _identified(path, file)


def _unpacked(file: IO[bytes]) -> IO[bytes]:
    for magic, unpack in _UNPACKED.items():
        if _head(file).startswith(magic):
            return cast("Callable[[IO[bytes]], IO[bytes]]", unpack)(file)
    return file


def _identified(path: Path, file: IO[bytes]) -> Source:
    head = _head(file)
    if head.startswith(b"PK\x03\x04"):
        return _from_zip(path, file)
    for magic, what in _FOREIGN.items():
        if head.startswith(magic):
            raise DataError(f"{path}: is {what}")
    return Source(next((kind for magic, kind in _KINDS.items() if head.startswith(magic)), "text"), file)


def decoded(file: IO[bytes], encoding: str | None) -> IO[str]:
    """Return the text of a file, in an encoding that is found out unless given."""
    return io.TextIOWrapper(file, encoding=encoding or _encoding(_head(file)), newline="")


def _encoding(head: bytes) -> str:
    for mark, name in _BYTE_ORDER_MARKS.items():
        if head.startswith(mark):
            return name
    even, odd = head[::2].count(0), head[1::2].count(0)  # a NUL beside each letter: UTF-16 without a mark
    if max(even, odd) > len(head) // 4:
        return "utf-16-le" if odd > even else "utf-16-be"
    return "utf-8-sig"


def _standard_input() -> IO[bytes]:
    return io.BytesIO(sys.stdin.buffer.read())


def _head(file: IO[bytes]) -> bytes:
    head = file.read(_HEAD)
    file.seek(0)
    return head


def _from_zip(path: Path, file: IO[bytes]) -> Source:
    """A workbook and a numpy archive are ZIP files, too; any other one has to hold a single file."""
    try:
        archive = zipfile.ZipFile(file)
    except zipfile.BadZipFile as error:
        raise DataError(f"{path}: {error}") from error
    names = archive.namelist()
    if any(name.startswith("xl/") or name == "content.xml" for name in names):
        return Source("Excel", file)
    if names and all(name.endswith(".npy") for name in names):
        return Source("numpy archive", file)
    if len(names) != 1:
        raise DataError(f"{path}: must hold one file to be read from a ZIP file, got {len(names)}; unpack it")
    return Source("text", io.BytesIO(archive.read(names[0])))
