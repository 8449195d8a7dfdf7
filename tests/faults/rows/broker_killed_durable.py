"""Row 1."""

from __future__ import annotations

from rig.bench import DURABLE, Bench, Outcome, row
from rig.waiting import pause
from rig.workload import Workload

_KILLS = 5
_READINGS = 300  # to each kill, and after the last
_SLOW = {"STREAMDETECT_FAILPOINT": "score=0.1"}  # so that readings are underway
_STALLED = 0.5  # s


@row(1, "broker SIGKILL, durable config", "0 lost")
def broker_killed_durable(bench: Bench) -> Outcome:
    """The broker dies while readings, acknowledgements and events are underway.

    Mosquitto 2.0.11 answers before it saves, and autosave_on_changes does not count what it has sent on: a
    kill may lose what it acknowledged, for every subscriber. So it is told to save while the wire holds on to
    what is underway, and then killed.
    """
    plant = bench.plant(*DURABLE, wired=True, environment=_SLOW, batch={"max_batch": 20})
    workload = Workload(steps=_READINGS * (_KILLS + 1) // 5)
    messages, underway = workload.messages(), 0
    plant.daemon.start()
    for kill in range(_KILLS):
        plant.publisher.send(messages[kill * _READINGS : (kill + 1) * _READINGS], rate=600)
        plant.wire.stall()
        pause(_STALLED)
        plant.broker.save()
        underway += len(plant.wire.wires[-1].in_flight)
        plant.broker.kill()
        plant.wire.resume()
        plant.broker.start()
    plant.publisher.send(messages[_KILLS * _READINGS :], rate=600)
    found = bench.verdict(plant, workload)
    return Outcome(f"{found}; {_KILLS} kills, {underway} readings underway", not found and underway > 0)
