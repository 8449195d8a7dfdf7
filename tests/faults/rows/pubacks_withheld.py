"""Row 15."""

from __future__ import annotations

from rig import packets
from rig.bench import Bench, Outcome, row
from rig.waiting import pause, until
from rig.workload import Workload

_OUTBOX = 10_000  # events; past it the daemon takes no more messages
_BATCH = 2048  # messages, whose events may come on top
_EXIT = 30.0  # s
# Every window is an event.
_TALKATIVE = {
    "threshold": {"kind": "fixed", "level": 1e-9},
    "incidents": {"update_every": 1},
}


@row(15, "PUBACKs withheld, then SIGTERM", "outbox bounded; exit <= 30 s; nothing lost")
def pubacks_withheld(bench: Bench) -> Outcome:
    """The broker's answers to events never come, while more events are made than the outbox takes."""
    plant, workload = bench.plant(wired=True, detector=_TALKATIVE), Workload(sensors=50, steps=280)
    daemon = plant.daemon
    daemon.start()
    plant.wire.withhold = frozenset({packets.PUBACK})
    with plant.publisher.sending(workload.messages(), rate=1000):
        until(lambda: daemon.metric("outbox_depth") >= _OUTBOX, "the outbox is full", 120)
    pause(2)
    depth, behind = daemon.metric("outbox_depth"), len(workload) - daemon.metric("readings_total")
    end = daemon.terminate()
    plant.wire.withhold = frozenset()
    daemon.start()
    found = bench.verdict(plant, workload, within=120)
    figure = (
        f"outbox {depth:.0f}, {behind:.0f} readings wait, exit {end.code} in {end.seconds:.1f} s; {found}"
    )
    bounded = depth <= _OUTBOX + _BATCH and behind > 0
    return Outcome(figure, bounded and end.code == 0 and end.seconds <= _EXIT and not found)
