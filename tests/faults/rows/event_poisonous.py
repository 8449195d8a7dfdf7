"""Row 17."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from rig.bench import Bench, Outcome, row
from rig.waiting import until
from rig.workload import Workload

from streamdetect.store import Change, Event, Queued, Store

_SENSORS = tuple(character * 65_536 for character in "abcd")  # with our prefix no topic can be so long


@row(17, "poison event", "<= 1 disconnect, dead-lettered")
def event_poisonous(bench: Bench) -> Outcome:
    """Events that no broker would take stand in the outbox before the others."""
    plant, workload = bench.plant(), Workload()
    daemon = plant.daemon
    daemon.start()
    daemon.terminate()
    store = Store(daemon.state, snapshot_every=3600)
    store.load()
    events = [
        Event(f"poison{number}", "lab", sensor, b'{"type":"poison"}')
        for number, sensor in enumerate(_SENSORS, 1)
    ]
    store.commit(
        Change(events=[Queued("mqtt", number, event, 0.0) for number, event in enumerate(events, 1)])
    )
    store.close()
    daemon.start()
    until(lambda: daemon.metric("events_undeliverable_total") == len(_SENSORS), "all of the poison counted")
    plant.publisher.send(workload.messages(), rate=500)
    until(lambda: daemon.metric("readings_total") == len(workload), "the readings")
    disconnects = daemon.metric("mqtt_disconnects_total")
    found = bench.verdict(plant, workload)
    with closing(sqlite3.connect(daemon.state / "state.db")) as database:
        (letters,) = database.execute("SELECT count(*) FROM dead_letter").fetchone()
    figure = f"{disconnects:.0f} disconnects, {letters} of {len(_SENSORS)} dead-lettered; {found}"
    return Outcome(figure, disconnects <= 1 and letters == len(_SENSORS) and not found)
