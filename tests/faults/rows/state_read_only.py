"""Row 13."""

from __future__ import annotations

from rig.bench import Bench, Outcome, row
from rig.disk import Disk
from rig.waiting import took, until
from rig.workload import Workload

_SECONDS = 60.0  # in which it has to give up


@row(13, "state directory read-only", "not ready; 0 acks")
def state_read_only(bench: Bench) -> Outcome:
    """The daemon comes back to a state directory that it may no longer write to.

    The kernel lets nobody make a disk read-only under a file that is open for writing.
    """
    disk = bench.stack.enter_context(Disk(bench.subfolder("disk")))
    plant = bench.plant(wired=True, state={"directory": str(disk.folder / "state")})
    daemon, workload = plant.daemon, Workload(steps=200)
    messages, half = workload.messages(), len(workload) // 2
    daemon.start()
    plant.publisher.send(messages[:half], rate=500)
    until(lambda: daemon.metric("readings_total") == half, "half of the readings")
    daemon.terminate()
    if not disk.protect(writable=False):
        return Outcome("not injected: no right to mount, and root may write anywhere", holds=False)
    before = len(plant.wire.acks)
    daemon.start(ready=False)
    plant.publisher.send(messages[half:], rate=500)
    took(lambda: daemon.code is not None, _SECONDS)
    said = "cannot be used: Read-only file system" in daemon.log
    ready, acked, code = daemon.ready, len(plant.wire.acks) - before, daemon.code
    daemon.kill()
    disk.protect(writable=True)
    daemon.start()
    found = bench.verdict(plant, workload)
    how = "up" if code is None else f"ended with {code} and {'the' if said else 'no'} reason"
    figure = f"{'ready' if ready else 'not ready'} ({how}), {acked} acks; {found} once it is writable"
    return Outcome(figure, not ready and acked == 0 and code == 1 and said and not found)
