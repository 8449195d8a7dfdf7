"""The incidents of the past, in a database of their own beside the state.

It is written by a sink and read by anybody: the state's own database is locked while the daemon runs, and an
incident of last month must outlive a state that was set aside. An event that comes twice changes nothing.
"""

from __future__ import annotations

from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from streamdetect.errors import StateError
from streamdetect.failpoints import failpoint
from streamdetect.store.around import Kept, decode, encode
from streamdetect.store.database import told
from streamdetect.store.history_file import open_in_memory, open_to_read, open_to_write, version
from streamdetect.times import unix

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping, Sequence

    from streamdetect.store.event import Event

HISTORY = "history.db"
_NOTHING: Mapping[str, Kept] = {}


class Edge(NamedTuple):
    """One event in the life of an incident."""

    time: float  # Unix seconds
    edge: str
    message: str


class Incident(NamedTuple):
    """One incident, as its last event left it."""

    id: str
    detector: str
    sensor: str
    started: float  # Unix seconds
    ended: float | None
    newest: float  # time of the last event
    severity: str
    message: str
    reason: str
    label: str  # the last answer about it: true, false or empty
    data: dict[str, Any]  # of the last event

    @property
    def open(self) -> bool:
        """True if it is open."""
        return self.ended is None


class Wanted(NamedTuple):
    """A choice of incidents; an empty value or None makes no restriction."""

    is_open: bool | None = None
    detector: str = ""
    sensor: str = ""
    text: str = ""  # part of the sensor's id or of the message, whatever the case of ASCII letters
    label: str | None = None  # the last answer about it: true, false, or "" for none
    since: float | None = None  # that were open at these Unix seconds or later,
    until: float | None = None  # and began at these or earlier


class Answer(NamedTuple):
    """A command that a person gave, and its outcome."""

    time: float  # Unix seconds
    data: dict[str, Any]


class History:
    """Keeps incidents; when there are too many, the oldest are removed."""

    def __init__(self, path: Path | None, *, keep: float, max_size: int) -> None:
        """Open the database, or make it.

        Args:
            path: of the database; None keeps it in memory.
            keep: seconds after which a closed incident is removed.
            max_size: bytes that the database may have.

        Raises:
            UnavailableError: the disk does not let us.
            DamagedError: it is not a history of this version.
        """
        self._keep, self._max_size = keep, max_size
        self._connection = open_to_write(path) if path else open_in_memory()
        self._path = path or Path()
        ((self._page,),) = self._connection.execute("PRAGMA page_size").fetchall()

    def record(self, events: Sequence[Event], now: float, around: Mapping[str, Kept] = _NOTHING) -> None:
        """Note events, in one transaction, and remove incidents that are too old or too many.

        Args:
            events: the events.
            now: Unix seconds.
            around: the readings around incidents, in place of those that were noted before.

        Raises:
            UnavailableError: the disk does not take it.
            DamagedError: the database is broken.
        """
        with told(self._path), self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            for event in events:
                self._record(event)
            for incident, one in around.items():
                self._record_around(incident, one)
            failpoint("history.written")
            self._prune(now)

    def unfinished(self) -> list[tuple[Incident, Kept | None]]:
        """Read the incidents to which readings may still be added, with the readings they have.

        Raises:
            UnavailableError: the disk does not give them.
            DamagedError: the database is broken.
        """
        query = (
            "SELECT incident.*, features, complete, readings.data FROM incident LEFT JOIN readings"
            " ON incident = id WHERE CASE WHEN complete IS NULL THEN ended IS NULL ELSE NOT complete END"
        )
        with told(self._path):
            rows = self._connection.execute(query).fetchall()
        return [(_incident(row[:-3]), _kept(row[-3:]) if row[-3] else None) for row in rows]

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Return a reader's view of a history in memory; on the thread that records."""
        yield self._connection

    def close(self) -> None:
        """Close the database."""
        self._connection.close()

    def _record(self, event: Event) -> None:
        facts = event.facts
        data, edge, time = facts["data"], facts["type"].rpartition(".")[2], unix(facts["time"])
        if edge == "answered":
            self._record_answer(event.id, time, data)
            return
        if edge == "drifted":  # a model's, not an incident's
            return
        row = (event.id, data["incident"], time, edge, data["message"])
        added = self._connection.execute("INSERT OR IGNORE INTO edge VALUES (?, ?, ?, ?, ?)", row).rowcount
        if not added or edge == "changed":
            return
        incident = incident_of(facts)
        self._connection.execute(
            "INSERT INTO incident VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
            " ended = excluded.ended, newest = excluded.newest, severity = excluded.severity,"
            " message = excluded.message, reason = excluded.reason, data = excluded.data",
            (*incident[:-1], orjson.dumps(data)),
        )

    def _record_answer(self, event: str, time: float, data: dict[str, Any]) -> None:
        row = (event, time, orjson.dumps(data))
        self._connection.execute("INSERT OR IGNORE INTO answer VALUES (?, ?, ?)", row)
        if data["do"] in {"true", "false"} and not data["error"]:
            self._connection.execute(
                "UPDATE incident SET label = ? WHERE id = ?", (data["do"], data["incident"])
            )

    def _record_around(self, incident: str, kept: Kept) -> None:
        row = (incident, orjson.dumps(kept.features).decode(), kept.complete, encode(kept.around), incident)
        self._connection.execute(
            "REPLACE INTO readings SELECT ?, ?, ?, ? WHERE EXISTS (SELECT 1 FROM incident WHERE id = ?)", row
        )

    def _prune(self, now: float) -> None:
        self._forget("ended < ?", (now - self._keep,))
        self._connection.execute("DELETE FROM answer WHERE time < ?", (now - self._keep,))
        while self._size() > self._max_size:
            oldest = "id IN (SELECT id FROM incident WHERE ended IS NOT NULL ORDER BY started LIMIT 100)"
            if not self._forget(oldest, ()):
                return

    def _forget(self, which: str, values: tuple[float, ...]) -> int:
        gone = self._connection.execute(f"DELETE FROM incident WHERE {which} RETURNING id", values).fetchall()  # noqa: S608 - ours
        self._connection.executemany("DELETE FROM edge WHERE incident = ?", gone)
        self._connection.executemany("DELETE FROM readings WHERE incident = ?", gone)
        return len(gone)

    def _size(self) -> int:
        """Return the bytes in use; the space of removed incidents is used again."""
        ((pages,),) = self._connection.execute("PRAGMA page_count").fetchall()
        ((free,),) = self._connection.execute("PRAGMA freelist_count").fetchall()
        return int((pages - free) * self._page)


def incident_of(facts: dict[str, Any]) -> Incident:
    """Return the incident that an event is about, by the facts of the event."""
    data = facts["data"]
    return Incident(
        id=data["incident"],
        detector=data["detector"],
        sensor=data["sensor"],
        started=unix(data["started"]),
        ended=None if data["ended"] is None else unix(data["ended"]),
        newest=unix(facts["time"]),
        severity=data["severity"],
        message=data["message"],
        reason=data["reason"],
        label="",
        data=data,
    )


def read(path: Path, *, since: float, sensors: str = "*", only_open: bool = False) -> list[Incident]:
    """Read incidents that were open after `since` (Unix seconds), oldest first; also while a daemon writes.

    Raises:
        UnavailableError: the file cannot be read.
        DamagedError: it is not a history of this version.
    """
    query = (
        "SELECT * FROM incident WHERE (ended IS NULL OR ended >= ?) AND sensor GLOB ?"
        " AND (ended IS NULL OR ?) ORDER BY started"
    )
    with _asked(path) as connection:
        rows = connection.execute(query, (since, sensors, not only_open)).fetchall()
    return [_incident(row) for row in rows]


def select(
    source: Path | History, wanted: Wanted, *, limit: int, offset: int = 0
) -> tuple[int, list[Incident]]:
    """Look for incidents, open ones first and then the latest first.

    Args:
        source: the database, or a history in memory.
        wanted: which.
        limit: how many of them at most,
        offset: after so many.

    Returns:
        The number of incidents found, and the wanted part of them.

    Raises:
        UnavailableError: the file cannot be read.
        DamagedError: it is no history of this version.
    """
    conditions = {
        "(ended IS NULL) = ?": wanted.is_open,
        "detector = ?": wanted.detector or None,
        "sensor = ?": wanted.sensor or None,
        "(instr(lower(sensor), lower(?1)) OR instr(lower(message), lower(?1)))": wanted.text or None,
        "label = ?": wanted.label,
        "(ended IS NULL OR ended >= ?)": wanted.since,
        "started <= ?": wanted.until,
    }
    given = {condition: value for condition, value in conditions.items() if value is not None}
    where = " AND ".join(
        condition.replace("?1", "?").replace("?", f"?{at}") for at, condition in enumerate(given, start=1)
    )
    where = f"WHERE {where}" if where else ""
    values = list(given.values())
    order = f"ORDER BY ended IS NOT NULL, started DESC, id LIMIT {limit:d} OFFSET {offset:d}"
    with _asked(source) as connection:
        ((total,),) = connection.execute(f"SELECT count(*) FROM incident {where}", values).fetchall()  # noqa: S608 - ours
        rows = connection.execute(f"SELECT * FROM incident {where} {order}", values).fetchall()  # noqa: S608 - ours
    return int(total), [_incident(row) for row in rows]


def find(path: Path, incident: str) -> Incident | None:
    """Read one incident; None if the history does not have it, or cannot be read.

    The daemon asks for incidents that it has not seen in this life.
    """
    try:
        return among(path, [incident]).get(incident)
    except StateError:
        return None


def among(source: Path | History, incidents: Sequence[str]) -> dict[str, Incident]:
    """Read these incidents, by id; those that the history does not have are left out.

    Raises:
        UnavailableError: the file cannot be read.
        DamagedError: it is no history of this version.
    """
    marks = ", ".join("?" * len(incidents))
    with _asked(source) as connection:
        rows = connection.execute(f"SELECT * FROM incident WHERE id IN ({marks})", incidents).fetchall()  # noqa: S608 - ours
    return {one.id: one for one in map(_incident, rows)}


def around(source: Path | History, incident: str) -> Kept | None:
    """Read the readings around an incident; None if there are none.

    Raises:
        UnavailableError: the file cannot be read.
        DamagedError: it is no history of this version.
    """
    with _asked(source) as connection:
        if version(connection) == 1:  # until the daemon has run with this version
            return None
        query = "SELECT features, complete, data FROM readings WHERE incident = ?"
        row = connection.execute(query, (incident,)).fetchone()
    return _kept(row) if row else None


def beginning(path: Path, incident: str, most: int) -> list[Incident]:
    """Read the incidents whose ids begin with these characters, at most so many, the latest first.

    Raises:
        UnavailableError: the file cannot be read.
        DamagedError: it is no history of this version.
    """
    query = "SELECT * FROM incident WHERE substr(id, 1, ?) = ? ORDER BY started DESC LIMIT ?"
    with _asked(path) as connection:
        rows = connection.execute(query, (len(incident), incident, most)).fetchall()
    return [_incident(row) for row in rows]


def answers(path: Path | History, *, since: float) -> list[Answer]:
    """Read the commands given since (Unix seconds), oldest first.

    Raises:
        UnavailableError: the file cannot be read.
        DamagedError: it is not a history of this version.
    """
    query = "SELECT time, data FROM answer WHERE time >= ? ORDER BY time"
    with _asked(path) as connection:
        rows = connection.execute(query, (since,)).fetchall()
    return [Answer(time, orjson.loads(data)) for time, data in rows]


def edges(path: Path | History, incident: str) -> list[Edge]:
    """Read the events of an incident, in order.

    Raises:
        UnavailableError: the file cannot be read.
        DamagedError: it is not a history of this version.
    """
    query = "SELECT time, edge, message FROM edge WHERE incident = ? ORDER BY time"
    with _asked(path) as connection:
        return [Edge(*row) for row in connection.execute(query, (incident,))]


@contextmanager
def _asked(source: Path | History) -> Iterator[sqlite3.Connection]:
    """A connection that reads."""
    if isinstance(source, History):
        with source.reading() as connection:
            yield connection
        return
    with told(source), closing(open_to_read(source)) as connection:
        yield connection


def _incident(row: Sequence[Any]) -> Incident:
    *facts, data = row
    return Incident._make((*facts, orjson.loads(data)))


def _kept(row: Sequence[Any]) -> Kept:
    features, complete, data = row
    names = orjson.loads(features)
    return Kept(names, decode(data, len(names)), bool(complete))
