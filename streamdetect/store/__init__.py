"""The state that survives: snapshots, the journal since the last one, and undelivered events."""

from __future__ import annotations

from streamdetect.store.database import DamagedError, UnavailableError
from streamdetect.store.event import Event
from streamdetect.store.journal import Entry, Eviction, Intake, Looked, Resumption, Told, Waiting
from streamdetect.store.replay import tell
from streamdetect.store.state import DetectorState
from streamdetect.store.store import Saved, Store
from streamdetect.store.tables import Change, DeadLetter, Mute, Place, Queued, Receipted

__all__ = [
    "Change",
    "DamagedError",
    "DeadLetter",
    "DetectorState",
    "Entry",
    "Event",
    "Eviction",
    "Intake",
    "Looked",
    "Mute",
    "Place",
    "Queued",
    "Receipted",
    "Resumption",
    "Saved",
    "Store",
    "Told",
    "UnavailableError",
    "Waiting",
    "tell",
]
