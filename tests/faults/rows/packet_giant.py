"""Row 31."""

from __future__ import annotations

import subprocess

from rig.bench import Bench, Outcome, finish, row
from rig.waiting import until
from rig.workload import Workload


@row(31, "payloads of 100 MB over MQTT 3.1.1", "skipped as they stream, counted, acknowledged")
def packet_giant(bench: Bench) -> Outcome:
    """The broker has no Maximum Packet Size to keep to."""
    size = 100_000_000 if bench.long else 40_000_000
    plant, workload = bench.plant("log_type error", mqtt={"protocol": "3.1.1"}), Workload(steps=40)
    daemon = plant.daemon
    daemon.start()
    until(lambda: daemon.metric("mqtt_subscribed") == 1, "subscribed")
    before = daemon.rss
    giant = bench.folder / "giant"
    giant.write_bytes(b"1" * size)
    for _ in range(2):
        command = [
            "mosquitto_pub",
            "-p",
            str(plant.broker.port),
            "-t",
            "sensors/giant",
            "-q",
            "1",
            "-f",
            str(giant),
        ]
        subprocess.run(command, check=True, timeout=60)
    until(lambda: daemon.metrics().get('rejected_total{reason="size"}') == 2, "both counted")
    more = daemon.rss - before
    plant.publisher.send(workload.messages(), rate=500)
    finish(daemon, workload)
    until(lambda: daemon.metric("mqtt_unacknowledged") == 0, "all acknowledged")
    disconnects = daemon.metric("mqtt_disconnects_total")
    found = bench.verdict(plant, workload)
    figure = (
        f"2 of {size / 1e6:.0f} MB: RSS {more / 1e6:+.1f} MB, {disconnects:.0f} disconnects, "
        f"0 not acknowledged; {found}"
    )
    return Outcome(figure, more < 20e6 and disconnects == 0 and not found)
