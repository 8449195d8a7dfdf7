"""Row 12."""

from __future__ import annotations

from rig.bench import Bench, Outcome, row
from rig.disk import Disk
from rig.waiting import pause, took, until
from rig.workload import Workload

_FULL = 6.0  # s
_RECOVERS = 5.0  # s
_RATE = 100  # messages a second


@row(12, "disk full", "0 acked loss; up; recovers <= 5 s")
def disk_full(bench: Bench) -> Outcome:
    """The state directory's disk has no room left, and then it has."""
    disk = bench.stack.enter_context(Disk(bench.subfolder("disk")))
    plant = bench.plant(wired=True, state={"directory": str(disk.folder / "state")})
    daemon, workload = plant.daemon, Workload(steps=400)
    daemon.start()
    with plant.publisher.sending(workload.messages(), _RATE):
        pause(2)
        disk.fill(daemon)
        until(lambda: daemon.get("/readyz") == 503, "not ready", 30)
        pause(0.5)  # for acknowledgements of what was committed before
        before = len(plant.wire.acks)
        pause(_FULL)
        acked, up = len(plant.wire.acks) - before, daemon.code is None and daemon.get("/healthz") == 200
        disk.empty(daemon)
        recovered = took(lambda: daemon.ready and len(plant.wire.acks) > before, 30)
    found = bench.verdict(plant, workload)
    how = "" if disk.mounted else " (by a limit on the size of files)"
    seconds = "never" if recovered is None else f"in {recovered:.1f} s"
    figure = f"{acked} acked while full{how}, {'up' if up else 'not up'}, recovered {seconds}; {found}"
    return Outcome(
        figure, acked == 0 and up and recovered is not None and recovered <= _RECOVERS and not found
    )
