"""Publisher → Mosquitto → daemon → verdict, all on the cores of this machine."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from rig import detecting
from rig.detecting import best_batch, graph_rate
from rig.line import SENSORS, WARM_UP, daemon_line, subscriber_line
from rig.run import interleaved
from rig.table import Row, at_least, at_most

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rig.line import Line
    from rig.run import Run

SIDES = ("daemon", "durable", "conv", "bare", "bare at QoS 1", "graph")


def rows(run: Run) -> Iterator[Row]:
    with ExitStack() as open_lines:
        stacked = detecting.section(run.bundle("stacked").path)
        conv = detecting.section(run.bundle("conv").path)
        lines = {
            "daemon": open_lines.enter_context(daemon_line(run, 0, stacked)),
            "durable": open_lines.enter_context(daemon_line(run, 1, stacked, durable=True)),
            "conv": open_lines.enter_context(daemon_line(run, 0, conv)),
            "bare": open_lines.enter_context(subscriber_line(run, 0)),
            "bare at QoS 1": open_lines.enter_context(subscriber_line(run, 1)),
        }
        yield from started(run, lines["daemon"])
        yield from rates(run, lines)


def rates(run: Run, lines: dict[str, Line]) -> Iterator[Row]:
    turns = run.scaled(40, 20)
    for one in lines.values():
        one.push(WARM_UP)
    graph = detecting.detector(run.bundle("stacked")).reconstruct
    size = best_batch(graph)
    sides = [lambda one=one: one.push(turns) for one in lines.values()]
    found = interleaved(*sides, lambda: graph_rate(graph, size), turns=run.scaled(5, 3))
    rate = dict(zip(SIDES, found, strict=True))
    memory = lines["daemon"].process.memory
    cost, broker = (1e6 * used / (2 * turns * SENSORS) for used in lines["daemon"].costs(2 * turns))
    loop, heavy = run.tensorflow["predictions_per_second"], run.tensorflow["import_mb"]
    slower = min(("bare", "graph"), key=rate.__getitem__)
    ours = f"{rate['daemon']:,.0f}/s"
    note = run.note(40, turns, "messages of each sensor at a time")
    yield Row(
        "messages/s to verdicts (stacked, 1,000 sensors, QoS 0)",
        ours,
        f"model.predict, window by window: {loop:.1f}/s",
        rate["daemon"] / loop,
        at_least(1500),
        note,
    )
    yield Row(
        "the same against the slower part",
        ours,
        f"{'bare paho subscriber' if slower == 'bare' else 'bare graph'}: {rate[slower]:,.0f}/s",
        rate["daemon"] / rate[slower],
        at_least(0.7),
        note,
    )
    parts = 1 / rate["bare"] + 1 / rate["graph"]
    yield Row(
        "the same against subscriber and graph one after the other",
        ours,
        f"{1 / parts:,.0f}/s",
        rate["daemon"] * parts,
        note=f"of a core: daemon {cost:.0f} µs, broker {broker:.0f} µs a message",
    )
    yield Row(
        "the same at QoS 1, durable",
        f"{rate['durable']:,.0f}/s",
        f"QoS 0: {ours}",
        rate["durable"] / rate["daemon"],
        at_least(0.65),
        f"bare paho subscriber at QoS 1: {rate['bare at QoS 1']:,.0f}/s",
    )
    yield Row(
        "the same with conv, QoS 0",
        f"{rate['conv']:,.0f}/s",
        f"stacked: {ours}",
        rate["conv"] / rate["daemon"],
    )
    yield Row(
        "memory of the daemon at 1,000 sensors",
        f"{memory:.0f} MB",
        f"import tensorflow: {heavy:.0f} MB",
        memory / heavy,
        at_most(0.25),
    )


def started(run: Run, one: Line) -> Iterator[Row]:
    began, ready = run.tensorflow["import_seconds"], one.process.ready_after
    yield Row(
        "time to READY", f"{ready:.2f} s", f"import tensorflow: {began:.1f} s", ready / began, at_most(0.2)
    )
