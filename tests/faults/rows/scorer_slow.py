"""Row 14."""

from __future__ import annotations

from rig.bench import Bench, Outcome, row
from rig.waiting import pause
from rig.workload import Workload

_SLOW = {"STREAMDETECT_FAILPOINT": "score=1"}
_MOST = 100


@row(
    14,
    "scorer slow (1 s)",
    "in flight <= max_undelivered_messages, beside 64 KiB read ahead; 0 dropped by us at QoS 1",
)
def scorer_slow(bench: Bench) -> Outcome:
    """Every batch takes a second, and ten times as much comes in."""
    mqtt = {"max_undelivered_messages": _MOST}
    plant, workload = bench.plant(wired=True, environment=_SLOW, mqtt=mqtt), Workload(steps=300)
    plant.daemon.start()
    most = taken = 0.0
    with plant.publisher.sending(workload.messages(), rate=1000) as thread:
        while thread.is_alive() or plant.daemon.metric("readings_total") < len(workload):
            most = max(most, plant.daemon.metric("mqtt_unacknowledged"))
            taken = max(taken, plant.wire.held())
            pause(0.02)
    dropped = plant.daemon.metric("inbox_dropped_total")
    sent = max(wire.most_in_flight for wire in plant.wire.wires)
    found = bench.verdict(plant, workload)
    limits = f"max_undelivered_messages {_MOST} (the broker sent {sent})"
    figure = (
        f"{most:.0f} held, {taken:.0f} or more as seen from outside, {limits}, {dropped:.0f} dropped; {found}"
    )
    return Outcome(figure, 0 < most <= _MOST and taken <= _MOST and dropped == 0 and not found)
