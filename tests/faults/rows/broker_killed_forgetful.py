"""Row 2."""

from __future__ import annotations

from rig.bench import Bench, Outcome, row
from rig.waiting import pause, until
from rig.workload import Workload

_KILLS = 3
_SLOW = {"STREAMDETECT_FAILPOINT": "score=0.3"}  # so that acknowledgements are due when the broker dies


@row(
    2,
    "broker SIGKILL, no persistence",
    "resubscribed <= 1 s after CONNACK; 0 stale PUBACKs; session loss counted",
)
def broker_killed_forgetful(bench: Bench) -> Outcome:
    """The broker dies and comes back knowing nothing of us."""
    plant = bench.plant(wired=True, environment=_SLOW)
    plant.daemon.start()
    with plant.publisher.sending(Workload(steps=400).messages(), rate=200):
        for _ in range(_KILLS):
            pause(1.5)
            plant.broker.kill()
            plant.broker.start()
            until(lambda: plant.daemon.metric("mqtt_subscribed") == 1, "subscribed again")
    dropped, lost = (plant.daemon.metric(f"mqtt_{what}_total") for what in ("stale_acks", "session_losses"))
    slowest = max(wire.suback - wire.connack for wire in plant.wire.wires if wire.connack and wire.suback)
    stale = plant.wire.total("stale_acks")
    figure = f"{slowest:.2f} s, {stale} stale ({dropped:.0f} withheld by us), {lost:.0f} of {_KILLS} counted"
    return Outcome(figure, slowest <= 1 and stale == 0 and dropped > 0 and lost == _KILLS)
