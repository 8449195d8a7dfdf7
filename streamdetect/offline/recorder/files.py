"""Write rows to files of bounded size, in a folder of bounded size; the next run continues them."""

from __future__ import annotations

import csv
import logging
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Literal

from streamdetect.errors import StreamdetectError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

log = logging.getLogger(__name__)

_NAME = "%Y-%m-%dT%H%M%S.%fZ"
_TAIL = 1 << 16  # bytes; a torn row is shorter


@dataclass(frozen=True, slots=True)
class Bounds:
    """The bounds of a recording on disk."""

    file_bytes: int = 64 << 20
    """A file that has reached this size is followed by a new one."""
    folder_bytes: int = 2 << 30
    """The oldest file is removed when all files together are larger than this."""
    form: Literal["csv", "parquet"] = "csv"
    """Format of complete files; the file being written is CSV, which stays readable after a power cut."""


class Files:
    """The recording of one detector: `<start>.csv` files of `time,sensor,<features>`, the oldest first.

    Times and values are written so that reading them gives the same float64; a missing value is an empty
    cell. Only `flush` makes rows durable.
    """

    def __init__(
        self, folder: Path, features: Sequence[str], bounds: Bounds, clock: Callable[[], float]
    ) -> None:
        """Continue with the newest file if it has these features, or begin one.

        Raises:
            StreamdetectError: the folder cannot be written, or pyarrow is not installed.
        """
        self.folder, self.bounds = folder, bounds
        self._head = ["time", "sensor", *features]
        self._clock = clock
        if bounds.form == "parquet":
            check_parquet()
        folder.mkdir(parents=True, exist_ok=True)
        newest = max(folder.glob("*.csv"), default=None)
        continued = newest is not None and self._is_ours(newest)
        self.path = newest if continued and newest is not None else self._fresh()
        self._file = self._open(self.path)

    def write(self, rows: Iterable[Sequence[object]]) -> None:
        """Add rows: time, sensor, and F values, NaN where one is missing."""
        writer = csv.writer(self._file, lineterminator="\n")
        writer.writerows([_cell(cell) for cell in row] for row in rows)

    def flush(self) -> None:
        """Make the written rows durable; begin a new file and remove old ones when it is time to."""
        self._file.flush()
        os.fsync(self._file.fileno())
        if self._file.tell() >= self.bounds.file_bytes:
            self._file.close()
            self._complete(self.path)
            self.path = self._fresh()
            self._file = self._open(self.path)
        self._remove_oldest()

    def close(self) -> None:
        """Make everything durable and close the file."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(path.stat().st_size for path in self._all())

    def _all(self) -> list[Path]:
        return sorted(path for path in self.folder.iterdir() if path.suffix in {".csv", ".parquet"})

    def _is_ours(self, path: Path) -> bool:
        with path.open(encoding="utf-8") as file:
            return file.readline().strip() == ",".join(self._head)

    def _fresh(self) -> Path:
        return self.folder / f"{datetime.fromtimestamp(self._clock(), UTC).strftime(_NAME)}.csv"

    def _open(self, path: Path) -> IO[str]:
        """Open a file to continue after its last whole row: a torn row is cut off."""
        if path.exists():
            _cut_torn_row(path)
        file = path.open("a", newline="", encoding="utf-8")
        if file.tell() == 0:
            csv.writer(file, lineterminator="\n").writerow(self._head)
        return file

    def _complete(self, path: Path) -> None:
        if self.bounds.form == "csv":
            return
        from pyarrow import csv as arrow  # noqa: PLC0415 - an extra
        from pyarrow import parquet  # noqa: PLC0415

        made = path.with_suffix(".parquet.part")
        parquet.write_table(arrow.read_csv(path), made, compression="zstd")
        made.rename(path.with_suffix(".parquet"))
        path.unlink()

    def _remove_oldest(self) -> None:
        files = self._all()
        size = sum(path.stat().st_size for path in files)
        for path in files[:-1]:
            if size <= self.bounds.folder_bytes:
                return
            size -= path.stat().st_size
            path.unlink()
            log.info("removed %s, the oldest: the folder has its %d bytes", path, self.bounds.folder_bytes)


def check_parquet() -> None:
    """Check that pyarrow is installed, before a recording and not after its first file.

    Raises:
        StreamdetectError: pyarrow is not installed.
    """
    try:
        import pyarrow as pa  # noqa: F401, PLC0415 - an extra
    except ImportError as error:
        raise StreamdetectError("Parquet needs pyarrow: pip install 'streamdetect[recordings]'") from error


def _cell(cell: object) -> str:
    if isinstance(cell, float):
        return "" if cell != cell else repr(cell)  # noqa: PLR0124 - NaN
    return str(cell)


def _cut_torn_row(path: Path) -> None:
    """Cut off a row that a crash left without its end."""
    with path.open("rb+") as file:
        size = file.seek(0, os.SEEK_END)
        start = max(size - _TAIL, 0)
        file.seek(start)
        tail = file.read()
        file.truncate(start + tail.rfind(b"\n") + 1)
