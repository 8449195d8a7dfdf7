"""Row 1."""

from __future__ import annotations

from rig.bench import DURABLE, Bench, Outcome, row
from rig.waiting import pause
from rig.workload import Workload

_KILLS = 4


@row(1, "broker SIGKILL, durable config", "0 lost")
def broker_killed_durable(bench: Bench) -> Outcome:
    """The broker dies while readings come and events go."""
    plant, workload = bench.plant(*DURABLE), Workload(steps=500)
    plant.daemon.start()
    with plant.publisher.sending(workload.messages(), rate=200):
        for _ in range(_KILLS):
            pause(2)
            plant.broker.kill()
            pause(0.5)
            plant.broker.start()
    found = bench.verdict(plant, workload)
    return Outcome(f"{found}, {_KILLS} kills", not found)
