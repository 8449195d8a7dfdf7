"""Row 21."""

from __future__ import annotations

from rig.bench import Bench, Outcome, row
from rig.workload import Workload

_SECONDS = 30.0  # s that the second one may take to give up


@row(21, "two daemons, one id", "the second exits non-zero")
def second_daemon(bench: Bench) -> Outcome:
    """The same configuration is started a second time, on another metrics port."""
    plant, workload = bench.plant(), Workload()
    messages, half = workload.messages(), len(workload) // 2
    plant.daemon.start()
    second = bench.daemon(plant.broker.port, state={"directory": str(plant.daemon.state)})
    plant.publisher.send(messages[:half], rate=500)
    second.start(ready=False)
    code = second.wait(_SECONDS)
    plant.publisher.send(messages[half:], rate=500)
    disconnects = plant.daemon.metric("mqtt_disconnects_total")
    found = bench.verdict(plant, workload)
    said = "in use by process" in second.log
    figure = f"the second exits with {code}, {disconnects:.0f} disconnects of the first; {found}"
    return Outcome(figure, code not in {0, None} and said and disconnects == 0 and not found)
