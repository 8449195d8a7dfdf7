"""Row 22."""

from __future__ import annotations

from itertools import pairwise

from rig.bench import Bench, Outcome, row
from rig.notify_socket import NotifySocket
from rig.waiting import pause, until
from rig.workload import Workload

_WATCHDOG = 3.0  # s; fed every second
_HANGS = {"STREAMDETECT_FAILPOINT": "score@3=600"}


@row(22, "hung scorer", "the watchdog is not fed")
def scorer_hung(bench: Bench) -> Outcome:
    """The model does not return."""
    systemd = bench.stack.enter_context(NotifySocket(bench.folder))
    plant = bench.plant(environment=systemd.environment(_WATCHDOG) | _HANGS)
    plant.daemon.start()
    pause(2 * _WATCHDOG)
    fed = systemd.times("WATCHDOG=1")
    longest = max(later - before for before, later in pairwise(fed))
    plant.publisher.send(Workload().messages(), rate=500)
    until(lambda: "failpoint score reached" in plant.daemon.log, "the scorer hangs")
    pause(1)
    before = len(systemd.times("WATCHDOG=1"))
    pause(3 * _WATCHDOG)
    after = len(systemd.times("WATCHDOG=1")) - before
    figure = f"fed every {longest:.1f} s or sooner before, {after} times in {3 * _WATCHDOG:.0f} s after"
    return Outcome(figure, longest < _WATCHDOG and after == 0)
