"""Row 6."""

from __future__ import annotations

from rig.bench import Bench, Outcome, finish, row
from rig.waiting import pause
from rig.workload import Workload

_SECONDS, _EVERY = 60, 2
_RATE = 100  # messages a second
_RECEIVE_MAXIMUM = 50


@row(6, "TCP reset every 2 s for 60 s", "0 lost; duplicates <= Receive Maximum x cuts")
def connection_reset(bench: Bench) -> Outcome:
    """The connection is reset again and again."""
    mqtt = {"max_undelivered_messages": _RECEIVE_MAXIMUM, "reconnect_max": "2s"}
    plant, workload = bench.plant(wired=True, mqtt=mqtt), Workload(steps=_SECONDS * _RATE // 5)
    plant.daemon.start()
    cuts = 0
    with plant.publisher.sending(workload.messages(), _RATE):
        for _ in range(_SECONDS // _EVERY):
            pause(_EVERY)
            cuts += plant.wire.cut()
    finish(plant.daemon, workload)
    # Mosquitto 2.0.11 sends more than Receive Maximum, and all that again; what counts is what we took twice.
    again, metrics = plant.wire.total("again"), plant.daemon.metrics()
    twice = sum(metrics[f'readings_total{{detector="lab",outcome="{o}"}}'] for o in ("duplicate", "late"))
    found = bench.verdict(plant, workload)
    most = _RECEIVE_MAXIMUM * cuts
    figure = f"{found}; {cuts} cuts, {twice:.0f} duplicates <= {most} ({again} sent again by the broker)"
    return Outcome(figure, not found and twice <= most)
