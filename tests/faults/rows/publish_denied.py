"""Row 16."""

from __future__ import annotations

from rig.bench import Bench, Outcome, finish, row
from rig.oracle import Expected, saved
from rig.workload import Workload

_RULES = "topic readwrite sensors/#\ntopic write streamdetect/status\ntopic read streamdetect/#\n"


@row(16, "publish denied by ACL", "not marked delivered; counted")
def publish_denied(bench: Bench) -> Outcome:
    """The broker takes readings, and refuses events."""
    rules = bench.folder / "rules"
    rules.write_text(_RULES)
    plant, workload = bench.plant(f"acl_file {rules}"), Workload()
    daemon = plant.daemon
    daemon.start()
    plant.publisher.send(workload.messages(), rate=500)
    finish(daemon, workload)
    refused, published, disconnects = (
        daemon.metric(f"{name}_total")
        for name in ("events_undeliverable", "events_published", "mqtt_disconnects")
    )
    daemon.terminate()
    expected = Expected(daemon.config)
    expected.feed(workload.readings())
    due, came, left = (
        len(expected.events),
        plant.recorder.events.total(),
        sum(one.sink == "mqtt" for one in saved(daemon.state).outbox),
    )
    figure = (
        f"{refused:.0f} of {due} events counted as undeliverable, {published:.0f} as delivered, {came} came, "
        f"{left} still to be sent, {disconnects:.0f} disconnects"
    )
    return Outcome(figure, refused == due > 0 and published == came == left == disconnects == 0)
