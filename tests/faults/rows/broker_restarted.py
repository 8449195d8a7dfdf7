"""Row 3."""

from __future__ import annotations

from rig.bench import DURABLE, Bench, Outcome, row
from rig.waiting import pause
from rig.workload import Workload

_RESTARTS = 3


@row(3, "broker restart, durable", "0 lost")
def broker_restarted(bench: Bench) -> Outcome:
    """The broker is restarted in an orderly way."""
    plant, workload = bench.plant(*DURABLE), Workload(steps=400)
    plant.daemon.start()
    with plant.publisher.sending(workload.messages(), rate=200):
        for _ in range(_RESTARTS):
            pause(2)
            plant.broker.restart()
    found = bench.verdict(plant, workload)
    return Outcome(f"{found}, {_RESTARTS} restarts", not found)
