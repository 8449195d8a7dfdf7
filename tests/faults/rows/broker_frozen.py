"""Row 5."""

from __future__ import annotations

from rig.bench import Bench, Outcome, row
from rig.waiting import pause, took
from rig.workload import Workload

_KEEPALIVE = 5  # s


@row(5, "broker frozen", "noticed <= 2 x keepalive")
def broker_frozen(bench: Bench) -> Outcome:
    """The broker's process stands still: its kernel still answers for it."""
    plant, workload = bench.plant(mqtt={"keepalive": f"{_KEEPALIVE}s"}), Workload(steps=200)
    plant.daemon.start()
    messages = workload.messages()
    plant.publisher.send(messages[: len(messages) // 2], rate=300)
    plant.broker.freeze()
    noticed = took(lambda: plant.daemon.metric("mqtt_connected") == 0, 4 * _KEEPALIVE)
    readiness = plant.daemon.get("/readyz")
    pause(1)
    plant.broker.thaw()
    plant.publisher.send(messages[len(messages) // 2 :], rate=300)
    found = bench.verdict(plant, workload)
    seconds = "not" if noticed is None else f"{noticed:.1f} s after"
    figure = f"noticed {seconds} with keepalive {_KEEPALIVE} s, /readyz {readiness}; {found}"
    holds = noticed is not None and noticed <= 2 * _KEEPALIVE and readiness == 503 and not found
    return Outcome(figure, holds)
