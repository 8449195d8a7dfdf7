"""Row 4."""

from __future__ import annotations

from rig.bench import Bench, Outcome, row
from rig.notify_socket import NotifySocket
from rig.traffic import Publisher
from rig.waiting import pause, took, until
from rig.workload import Workload

_ABSENT = 60.0  # s
_ALLOWED = 30.0  # s
_WATCHDOG = 30.0  # s


@row(4, "broker down at start", "READY, /metrics 200; connected <= 30 s after it is up")
def broker_absent_at_start(bench: Bench) -> Outcome:
    """The daemon starts a minute before the broker."""
    broker = bench.broker(start=False)
    systemd = bench.stack.enter_context(NotifySocket(bench.folder))
    daemon = bench.daemon(broker.port, systemd.environment(_WATCHDOG))
    daemon.start(ready=False)
    ready = until(lambda: systemd.times("READY=1"), "READY=1", 30)
    page, readiness = daemon.get("/metrics"), daemon.get("/readyz")
    pause(_ABSENT)
    broker.start()
    connected = took(lambda: daemon.ready, _ALLOWED + 5)
    if connected is None or connected > _ALLOWED:
        return Outcome(f"not connected {_ALLOWED:.0f} s after the broker was up", holds=False)
    workload = Workload(steps=5)
    with Publisher(broker.port) as publisher:
        publisher.send(workload.messages(), rate=100)
    taken = took(lambda: daemon.metric("readings_total") == len(workload), 10)
    figure = f"READY in {ready:.1f} s, /metrics {page}, /readyz {readiness}, connected in {connected:.1f} s"
    return Outcome(figure, page == 200 and readiness == 503 and taken is not None)
