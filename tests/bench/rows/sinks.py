"""The cost of events: each sink, and the history, while every fiftieth reading opens an incident."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from rig import detecting
from rig.line import WARM_UP, daemon_line, wait_until
from rig.processes import Process
from rig.run import interleaved
from rig.table import Row, at_least

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rig.run import Run

SPIKES = 50  # readings of a sensor from one to the next: 4 events in 100 messages
AT_ONCE = {"close_after": 1}
LEAST = 0.9


def rows(run: Run) -> Iterator[Row]:
    checked = detecting.section("general", limits={"high": 500.0}, incidents=AT_ONCE, views=["limits"])
    receiver = Process(run.folder / "webhook", "webhook")
    try:
        wait_until(lambda: receiver.done() < 0, "the receiver of webhooks listens")
        hook = {"name": "hook", "url": f"http://127.0.0.1:{-receiver.done()}/"}
        file = {"name": "file", "path": str(run.folder / "events.jsonl")}
        sides = {
            "MQTT alone": {"history": {"enabled": False}},
            "history": {},
            "history and a file": {"files": [file]},
            "history and a webhook": {"webhooks": [hook]},
        }
        with ExitStack() as open_lines:
            lines = [
                open_lines.enter_context(daemon_line(run, 0, checked, durable=True, **more))
                for more in sides.values()
            ]
            for one in lines:
                one.push(WARM_UP)
            turns = run.scaled(60, 20)
            pushes = [lambda one=one: one.push(turns, spikes=SPIKES) for one in lines]
            found = dict(zip(sides, interleaved(*pushes, turns=run.scaled(5, 3)), strict=True))
    finally:
        receiver.stop()
    alone = found.pop("MQTT alone")
    for name, rate in found.items():
        yield Row(
            f"messages/s with 4 % events, to MQTT, {name}",
            f"{rate:,.0f}/s",
            f"to MQTT alone: {alone:,.0f}/s",
            rate / alone,
            at_least(LEAST),
            run.note(60, turns, "messages of each sensor at a time"),
        )
