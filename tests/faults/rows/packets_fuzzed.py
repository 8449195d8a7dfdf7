"""Row 19."""

from __future__ import annotations

import sys

from rig.bench import DURABLE, Bench, Outcome, finish, found, row
from rig.fake_broker import FakeBroker
from rig.waiting import until
from rig.workload import Workload

# The daemon as it is, but for the pause before it connects again: a second each would make it a day.
_IMPATIENT = """
import sys
from streamdetect import cli
from streamdetect.mqtt import connection
connection._FIRST_DELAY, connection._LASTING = 0.001, -1.0
sys.exit(cli.main())
"""


@row(19, "packet fuzz", "no thread death")
def packets_fuzzed(bench: Bench) -> Outcome:
    """A broker sends packets with something wrong with them; then comes a real one."""
    mutations = 100_000 if bench.long else 5_000
    plant = bench.plant(*DURABLE, command=(sys.executable, "-c", _IMPATIENT))
    daemon, workload = plant.daemon, Workload()
    plant.broker.stop()
    with FakeBroker(plant.broker.port, mutations, seed=19) as fake:
        daemon.start(ready=False)
        until(lambda: fake.done or daemon.code is not None, "all mutations", within=1800)
        sent, connections = fake.sent, fake.connections
        faults = daemon.metric("mqtt_library_faults_total")
    plant.broker.start()
    alive = daemon.code is None and daemon.get("/healthz") == 200
    if not alive:
        return Outcome(f"ended with {daemon.code} after {sent} mutations: {daemon.tail}", holds=False)
    until(lambda: daemon.ready, "connected to a real broker")
    plant.publisher.send(workload.messages(), rate=500)
    finish(daemon, workload)
    daemon.terminate()
    verdict = found(plant, workload)
    how = f"{sent} mutations over {connections} connections, {faults:.0f} faults inside paho"
    # A mutated reading may be sound, and anomalous.
    return Outcome(f"{how}; then {verdict}", not verdict._replace(unexpected=0))
