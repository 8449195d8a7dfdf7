"""Row 17."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from rig.bench import Bench, Outcome, row
from rig.waiting import until
from rig.workload import Workload

from streamdetect.sinks.events import Event
from streamdetect.store import Change, Queued, Store

_TOPICS = ("streamdetect/events/lab/a\x01b", "streamdetect/events/lab/\ufffe", "streamdetect/events/+/a", "")


@row(17, "poison event", "<= 1 disconnect, dead-lettered")
def event_poisonous(bench: Bench) -> Outcome:
    """Events that no broker would take stand in the outbox before the others."""
    plant, workload = bench.plant(), Workload()
    daemon = plant.daemon
    daemon.start()
    daemon.terminate()
    store = Store(daemon.state, snapshot_every=3600)
    store.load()
    store.commit(Change(events=[Queued(n, Event(f"poison{n}", t, b"{}")) for n, t in enumerate(_TOPICS, 1)]))
    store.close()
    daemon.start()
    until(lambda: daemon.metric("events_undeliverable_total") == len(_TOPICS), "all of the poison counted")
    plant.publisher.send(workload.messages(), rate=500)
    until(lambda: daemon.metric("readings_total") == len(workload), "the readings")
    disconnects = daemon.metric("mqtt_disconnects_total")
    found = bench.verdict(plant, workload)
    with closing(sqlite3.connect(daemon.state / "state.db")) as database:
        (letters,) = database.execute("SELECT count(*) FROM dead_letter").fetchone()
    figure = f"{disconnects:.0f} disconnects, {letters} of {len(_TOPICS)} dead-lettered; {found}"
    return Outcome(figure, disconnects <= 1 and letters == len(_TOPICS) and not found)
