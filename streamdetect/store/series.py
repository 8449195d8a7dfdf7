"""Values and scores of the past, of every sensor, at several steps of time, within a budget of bytes.

Each point covers one step of one sensor: the number of readings, their mean, least and largest value, the
expected value, and the largest score of each view. If all points take too much, the oldest are removed: of
the finest step first, because it has the most. How far each step was removed is remembered.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import Counter
from math import floor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import orjson

from streamdetect.store.database import DamagedError, make_private, told

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from numpy.typing import NDArray

SERIES = "series.db"
STEPS: Final = (10, 120, 1800, 21_600)
"""Seconds of a point; a coarser one reaches further back."""
FIELDS: Final = ("mean", "min", "max", "expected", "lower", "upper")
"""The columns of a point for each feature, after the number of its readings and before the scores of the
views."""
VERSION = 1
_APPLICATION = 0x53445345  # "SDSE"
_CHUNK = 60  # points of a sensor that lie together; the oldest chunk of all sensors goes at once
_LAST = 1 << 40  # a chunk that never comes
_AT_ONCE = 1000  # points that are written in one go: 8 ms of processor time, while nobody can read
_BREATH = 0.0005  # s; the lock goes to a waiting thread only if its last owner does not take it again at once
_PORTION = 20_000  # points that are deleted in one go: 0.1 s, while nobody can read
_MOST_KNOWN = 200_000  # series whose number is kept in memory
_SCHEMA = f"""
PRAGMA application_id = {_APPLICATION};
PRAGMA user_version = {VERSION};
-- One row a sensor, with the names of its features as JSON.
CREATE TABLE series (
    id INTEGER PRIMARY KEY, detector TEXT NOT NULL, sensor TEXT NOT NULL, features TEXT NOT NULL,
    UNIQUE (detector, sensor, features)
);
-- One row a point: step in seconds, slot in steps since 1970, chunk in {_CHUNK} slots, data as float32.
CREATE TABLE point (
    step INTEGER NOT NULL, chunk INTEGER NOT NULL, series INTEGER NOT NULL, slot INTEGER NOT NULL,
    data BLOB NOT NULL, PRIMARY KEY (step, chunk, series, slot)
) WITHOUT ROWID;
-- How many points a chunk has.
CREATE TABLE chunk (
    step INTEGER NOT NULL, chunk INTEGER NOT NULL, points INTEGER NOT NULL, PRIMARY KEY (step, chunk)
) WITHOUT ROWID;
-- Until when, in Unix seconds, points of a step were deleted.
CREATE TABLE gone (step INTEGER PRIMARY KEY, until REAL NOT NULL);
"""
_PRAGMAS = (
    *("journal_mode = WAL", "synchronous = NORMAL", "secure_delete = OFF", "trusted_schema = OFF"),
    *("cache_size = -4096", f"journal_size_limit = {4 << 20}"),  # KiB; bytes
)


class Points(NamedTuple):
    """P points of sensors of one detector, at one step."""

    sensors: Sequence[str]  # P
    slots: NDArray[np.int64]  # (P,) in steps since 1970
    data: NDArray[np.float32]  # (P, 1 + 6 F + W): number of readings, FIELDS of each feature, scores


class SeriesStore:
    """Keeps points. Any thread may call; they wait for each other."""

    def __init__(self, path: Path | None, max_size: int) -> None:
        """Open the database, or make it.

        Args:
            path: of the database; None keeps it in memory.
            max_size: bytes that it may have.

        Raises:
            UnavailableError: the disk does not let us.
            DamagedError: it is no database of this version.
        """
        self._path, self._max_size = path, max_size
        self._lock = threading.Lock()
        self._connection = _open(path)
        self._ids: dict[tuple[str, str, str], int] = {}
        self._chunks: Counter[tuple[int, int]] = Counter()  # points by step and chunk
        with self._told():
            counted = self._connection.execute("SELECT step, chunk, points FROM chunk")
            self._chunks.update({(step, chunk): count for step, chunk, count in counted})
            ((self._page,),) = self._connection.execute("PRAGMA page_size").fetchall()
            self.size = self._used()
            """Bytes in use; what was deleted is used again."""

    def record(self, detector: str, features: Sequence[str], step: int, points: Points) -> None:
        """Add points; a point that exists already is joined with the new one. Readers get turns in between.

        Raises:
            UnavailableError: the disk does not take it.
            DamagedError: the database is broken.
        """
        for begin in range(0, len(points.sensors), _AT_ONCE):
            some = slice(begin, begin + _AT_ONCE)
            part = Points(points.sensors[some], points.slots[some], points.data[some])
            try:
                self._record(detector, features, step, part)
            except BaseException:
                self._ids.clear()  # of series that were not added after all
                raise
            time.sleep(_BREATH)

    def _record(self, detector: str, features: Sequence[str], step: int, points: Points) -> None:
        with self._lock, self._told(), self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            ids = self._find(detector, features, points.sensors)
            chunks = points.slots // _CHUNK
            keys = [(step, *rest) for rest in zip(chunks.tolist(), ids, points.slots.tolist(), strict=True)]
            data = self._merged(keys, points.data, features)
            self._connection.executemany(
                "REPLACE INTO point VALUES (?, ?, ?, ?, ?)",
                ((*key, row.tobytes()) for key, row in zip(keys, data, strict=True)),
            )
            self._connection.executemany(
                "REPLACE INTO chunk VALUES (?, ?, ?)",
                [(step, chunk, self._chunks[step, chunk]) for chunk in sorted(set(chunks.tolist()))],
            )
            self.size = self._used()

    def prune(self) -> bool:
        """Remove some of the oldest points if there are too many; True while there may be more to remove.

        Raises:
            UnavailableError: the disk does not take it.
            DamagedError: the database is broken.
        """
        with self._lock, self._told(), self._connection:
            if not self._chunks or self._used() <= self._max_size:
                return False
            self._connection.execute("BEGIN IMMEDIATE")
            self._forget(*self._oldest())
            self.size = self._used()
            return True

    def read(
        self, detector: str, sensor: str, features: Sequence[str], step: int, begin: float, end: float
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Read the points of a sensor between these Unix seconds: slots (P,), and data (P, 1 + 6 F + W).

        Raises:
            UnavailableError: the disk does not give it.
            DamagedError: the database is broken.
        """
        first, last = floor(begin / step), floor(end / step)
        with self._lock, self._told():
            key = (detector, sensor, _written(features))
            found = self._connection.execute(
                "SELECT id FROM series WHERE (detector, sensor, features) = (?, ?, ?)", key
            ).fetchall()
            rows: list[tuple[int, bytes]] = []
            for chunk in self._present(step, first // _CHUNK, last // _CHUNK) if found else ():
                rows += self._connection.execute(
                    "SELECT slot, data FROM point WHERE (step, chunk, series) = (?, ?, ?)"
                    " AND slot BETWEEN ? AND ? ORDER BY slot",
                    (step, chunk, *found[0], first, last),
                )
        width = len(rows[-1][1]) // 4 if rows else 1  # of the newest
        data = np.empty((len(rows), width), dtype=np.float32)
        for at, (_, row) in enumerate(rows):
            data[at] = _fitted(row, width, len(features))
        return np.array([slot for slot, _ in rows], dtype=np.int64), data

    def first(self, detector: str, sensor: str, features: Sequence[str]) -> float | None:
        """Return when the oldest point of a sensor begins, Unix seconds; None without any.

        Raises:
            UnavailableError: the disk does not give it.
            DamagedError: the database is broken.
        """
        query = (
            "SELECT min(slot) * step FROM point WHERE (step, chunk) = (?, ?) AND series ="
            " (SELECT id FROM series WHERE (detector, sensor, features) = (?, ?, ?))"
        )
        key = (detector, sensor, _written(features))
        whole = [step for step in STEPS if step not in self.gone()] or STEPS[-1:]
        with self._lock, self._told():
            for chunk in self._present(whole[0], 0, _LAST):
                ((found,),) = self._connection.execute(query, (whole[0], chunk, *key)).fetchall()
                if found is not None:
                    return float(found)
        return None

    def gone(self) -> dict[int, float]:
        """Return up to when, in Unix seconds, points of each step were removed."""
        with self._lock, self._told():
            return dict(self._connection.execute("SELECT step, until FROM gone").fetchall())

    def oldest(self) -> dict[int, float | None]:
        """Return when the oldest point of each step may be, Unix seconds; None without any."""
        chunks = list(self._chunks)
        return {
            step: min((chunk * _CHUNK * step for at, chunk in chunks if at == step), default=None)
            for step in STEPS
        }

    @property
    def on_disk(self) -> bool:
        """True if it survives a restart."""
        return self._path is not None

    def _used(self) -> int:
        ((pages,),) = self._connection.execute("PRAGMA page_count").fetchall()
        ((free,),) = self._connection.execute("PRAGMA freelist_count").fetchall()
        return int((pages - free) * self._page)

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._connection.close()

    def _told(self) -> AbstractContextManager[None]:
        return told(self._path or Path())

    def _present(self, step: int, first: int, last: int) -> list[int]:
        """Return the chunks of a step that exist, from one to another."""
        return sorted(chunk for at, chunk in self._chunks if at == step and first <= chunk <= last)

    def _find(self, detector: str, features: Sequence[str], sensors: Sequence[str]) -> list[int]:
        """Return the number of each series; a new one gets one."""
        written = _written(features)
        if len(self._ids) > _MOST_KNOWN:
            self._ids.clear()
        return [self._id((detector, sensor, written)) for sensor in sensors]

    def _id(self, key: tuple[str, str, str]) -> int:
        known = self._ids.get(key)
        if known is None:
            values = "INSERT INTO series (detector, sensor, features) VALUES (?, ?, ?)"
            # An update that changes nothing, so that the row is returned in either case.
            again = "ON CONFLICT DO UPDATE SET detector = excluded.detector RETURNING id"
            ((known,),) = self._connection.execute(f"{values} {again}", key).fetchall()
            self._ids[key] = known
        return known

    def _merged(
        self, keys: Sequence[tuple[int, ...]], data: NDArray[np.float32], features: Sequence[str]
    ) -> NDArray[np.float32]:
        """Join these points with those under the same keys in the database."""
        query = "SELECT data FROM point WHERE (step, chunk, series, slot) = (?, ?, ?, ?)"
        before = np.full_like(data, np.nan)
        for at, key in enumerate(keys):
            found = self._connection.execute(query, key).fetchone()
            if found is None:
                self._chunks[key[0], key[1]] += 1
            else:
                before[at] = _fitted(found[0], data.shape[1], len(features))
        return merge(before, data, len(features))

    def _oldest(self) -> tuple[int, int]:
        """Return the step with the most points, and its oldest chunk."""
        points: Counter[int] = Counter()
        for (step, _), count in self._chunks.items():
            points[step] += count
        ((step, _),) = points.most_common(1)
        return step, min(chunk for at, chunk in self._chunks if at == step)

    def _forget(self, step: int, chunk: int) -> None:
        """Delete a portion of a chunk, and the names of series without any points left."""
        self._connection.execute(
            "DELETE FROM point WHERE (step, chunk, series, slot) IN"
            " (SELECT step, chunk, series, slot FROM point WHERE (step, chunk) = (?, ?) LIMIT ?)",
            (step, chunk, _PORTION),
        )
        self._chunks[step, chunk] -= _PORTION
        until = float((chunk + 1) * _CHUNK * step)
        self._connection.execute(
            "INSERT INTO gone VALUES (?, ?) ON CONFLICT DO UPDATE SET until = max(until, excluded.until)",
            (step, until),
        )
        left = self._chunks[step, chunk]
        if left > 0:
            self._connection.execute("REPLACE INTO chunk VALUES (?, ?, ?)", (step, chunk, left))
            return
        self._connection.execute("DELETE FROM chunk WHERE (step, chunk) = (?, ?)", (step, chunk))
        del self._chunks[step, chunk]
        if step == STEPS[-1]:
            self._forget_names()

    def _forget_names(self) -> None:
        """Forget sensors without a point of the coarsest step, which are kept the longest."""
        chunks = [chunk for step, chunk in self._chunks if step == STEPS[-1]]
        marks = ", ".join("?" * len(chunks))
        self._connection.execute(
            "DELETE FROM series WHERE NOT EXISTS (SELECT 1 FROM point WHERE step = ?"  # noqa: S608 - ours
            f" AND chunk IN ({marks}) AND series = series.id)",
            (STEPS[-1], *chunks),
        )
        self._ids.clear()


def merge(before: NDArray[Any], after: NDArray[Any], features: int) -> NDArray[Any]:
    """Make one point of two, (P, 1 + 6 F + W) each; a row of NaN is no point."""
    merged: NDArray[Any] = np.fmax(before, after)  # columns of the largest values and of the scores
    merged[:, 0] = np.nan_to_num(before[:, 0]) + after[:, 0]
    share = after[:, 0] / merged[:, 0]
    for place in range(features):
        mean, least, _, expected, _, upper = range(fields(place), fields(place + 1))
        means = before[:, mean] * (1 - share) + after[:, mean] * share
        merged[:, mean] = np.where(np.isnan(before[:, mean]), after[:, mean], means)
        merged[:, least] = np.fmin(before[:, least], after[:, least])
        band = slice(expected, upper + 1)
        merged[:, band] = np.where(np.isnan(after[:, band]), before[:, band], after[:, band])
    return merged


def _fitted(row: bytes, width: int, features: int) -> NDArray[np.float32]:
    """Return a row as wide as others; without the scores if it was written when there were other views."""
    found = np.frombuffer(row, dtype=np.float32)
    if len(found) == width:
        return found
    fitted = np.full(width, np.nan, dtype=np.float32)
    fitted[: fields(features)] = found[: fields(features)]
    return fitted


def fields(features: int) -> int:
    """Return the numbers of a point before the scores."""
    return 1 + features * len(FIELDS)


def _written(features: Sequence[str]) -> str:
    return orjson.dumps(list(features)).decode()


def _open(path: Path | None) -> sqlite3.Connection:
    if path is None:
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        connection.executescript(_SCHEMA)
        return connection
    with told(path):
        if not path.exists():
            make_private(path)
        connection = sqlite3.connect(path, timeout=5, isolation_level=None, check_same_thread=False)
        try:
            for pragma in _PRAGMAS:
                connection.execute(f"PRAGMA {pragma}")
            if not connection.execute("PRAGMA user_version").fetchone()[0]:
                connection.executescript(f"BEGIN; {_SCHEMA} COMMIT;")
            _verify(connection)
        except BaseException:
            connection.close()
            raise
        return connection


def _verify(connection: sqlite3.Connection) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if (application, version) != (_APPLICATION, VERSION):
        raise DamagedError(
            f"it must be a store of series of version {VERSION}, got {application:#x} {version}"
        )
