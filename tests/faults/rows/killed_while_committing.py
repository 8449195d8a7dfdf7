"""Row 10."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import numpy as np
from rig.bench import Bench, Outcome, row
from rig.oracle import Expected, differences, saved
from rig.waiting import took, until
from rig.workload import Workload

if TYPE_CHECKING:
    from rig.daemon import Daemon

_STEPS = (
    "commit.begin",
    "commit.journal",
    "commit.written",
    "commit.done",
    "commit.acked",
    "snapshot.part",
    "snapshot.switch",
)
_PASSES = (1, 2)  # the kill comes at the first, or at the second time
_READINGS = 300  # a kill
_RATE = 100  # messages a second


@row(10, "kill at each commit step", "loads state N or N-1")
def killed_while_committing(bench: Bench) -> Outcome:
    """The daemon is killed at every step of a commit, and what it left is what it was at one commit."""
    kills = [(step, passes) for step in _STEPS for passes in _PASSES]
    plant = bench.plant(wired=True, state={"snapshot_every": "1s"})
    workload = Workload(steps=_READINGS * (len(kills) + 1) // 5)
    messages, broken, sent = workload.messages(), [], 0
    plant.daemon.start()  # or it may be killed before there is a subscription, and the broker keeps nothing
    plant.daemon.kill()
    for step, passes in kills:
        plant.daemon.environment = {"STREAMDETECT_FAILPOINT": f"{step}@{passes}=kill"}
        plant.daemon.start(ready=False)
        until(lambda: plant.daemon.ready or plant.daemon.code is not None, "ready, or killed")
        plant.publisher.send(messages[sent : sent + _READINGS], _RATE)
        sent += _READINGS
        took(lambda: plant.daemon.code is not None, 10)
        code = plant.daemon.code
        plant.daemon.kill()
        acked = len(plant.wire.acks)
        number = _whole(plant.daemon, workload)
        if code != -signal.SIGKILL or number is None or not acked <= number <= sent:
            broken.append(f"{step}@{passes} (exit {code}, {acked} acked, {number} saved, {sent} sent)")
    plant.daemon.environment = {}
    plant.daemon.start()
    plant.publisher.send(messages[sent:], _RATE)
    found = bench.verdict(plant, workload)
    figure = f"{len(kills) - len(broken)} of {len(kills)} kills: state N or N-1; {found}"
    return Outcome("; ".join([figure, *broken]), not broken and not found)


def _whole(daemon: Daemon, workload: Workload) -> int | None:
    """Return the n for which the saved state is exactly that after the first n readings."""
    states = saved(daemon.state).states
    if not states or not len(states[0].detector):
        return 0
    detector = states[0].detector
    last = detector.columns().last_time
    times = workload.readings().times
    behind = len(workload.ids) - int((last == last.max()).sum())
    number = int(np.searchsorted(times, last.max(), side="right")) - behind
    expected = Expected(daemon.config)
    expected.feed(workload.readings(0, number))
    return None if differences(expected.detector, detector) else number
