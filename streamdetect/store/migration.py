"""Databases of earlier versions brought up to this one, all of it or nothing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from zlib import crc32

import orjson

from streamdetect.store.database import DamagedError
from streamdetect.store.event import Event
from streamdetect.store.tables import OUTBOX, Queued, event_crc

if TYPE_CHECKING:
    import sqlite3

FIRST_SINK = "mqtt"  # the only one that version 1 knew


def _from_version_1(connection: sqlite3.Connection) -> None:
    """Give every event its sink; a topic is no longer the event's, the sink makes it.

    Raises:
        DamagedError: an event is not what was written.
    """
    now = time.time()
    connection.execute("ALTER TABLE outbox RENAME TO outbox_1")
    connection.execute("ALTER TABLE dead_letter RENAME TO dead_letter_1")
    for statement in OUTBOX:
        connection.execute(statement)
    for number, identity, topic, payload, crc in connection.execute("SELECT * FROM outbox_1").fetchall():
        if crc32(f"{identity}\0{topic}\0".encode() + payload, number) != crc:
            raise DamagedError(f"event {number} of the outbox is damaged")
        queued = Queued(FIRST_SINK, number, _event(identity, payload), now)
        connection.execute(
            "INSERT INTO outbox VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (*queued.place, *queued.event, now, event_crc(queued)),
        )
    letters = "SELECT event, payload, reason, time FROM dead_letter_1 ORDER BY number"
    for identity, payload, reason, at in connection.execute(letters).fetchall():
        connection.execute(
            "INSERT INTO dead_letter (sink, event, detector, sensor, payload, reason, time)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (FIRST_SINK, *_event(identity, payload), reason, at),
        )
    connection.execute("DROP TABLE outbox_1")
    connection.execute("DROP TABLE dead_letter_1")


def _event(identity: str, payload: bytes) -> Event:
    try:
        data = orjson.loads(payload)["data"]
        return Event(identity, data["detector"], data["sensor"], payload)
    except (LookupError, TypeError, orjson.JSONDecodeError) as error:
        raise DamagedError(f"event {identity} must be a CloudEvent, got {error!r}") from error


MIGRATIONS = {1: _from_version_1}
