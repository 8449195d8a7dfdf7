"""The general bundle end to end with all that is on by default, against a bare subscriber in C."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from rig import detecting
from rig.line import WARM_UP, c_line, daemon_line
from rig.run import interleaved
from rig.table import Row, at_least, at_most

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rig.line import Line
    from rig.run import Run

BACKLOG = 1_000_000  # messages underway: all of them
OFFERED = 2.0  # of what it carries
MEMORY = 85  # MB at 1,000 sensors


def rows(run: Run) -> Iterator[Row]:
    everything = detecting.section("general")
    without = detecting.section("general", views=["reconstruction"])
    with ExitStack() as lines:
        rest = {
            "all": lines.enter_context(daemon_line(run, 0, everything, durable=True)),
            "without": lines.enter_context(daemon_line(run, 0, without)),
            "durable": lines.enter_context(daemon_line(run, 1, everything, durable=True)),
            "C": lines.enter_context(c_line(run)),
        }
        yield from _rates(run, rest)
        yield from _overload(run, rest["all"])
        memory = rest["without"].process.memory
        yield Row(
            "memory at 1,000 sensors, general bundle, page off",
            f"{memory:.0f} MB",
            f"{MEMORY} MB",
            memory / MEMORY,
            at_most(1.0),
        )


def _rates(run: Run, lines: dict[str, Line]) -> Iterator[Row]:
    turns = run.scaled(80, 24)
    for one in lines.values():
        one.push(WARM_UP)
    sides = [
        lambda: lines["all"].push(turns),
        lambda: lines["without"].push(turns),
        lambda: lines["durable"].push(turns, ahead=BACKLOG),
        lambda: lines["C"].push(turns),
    ]
    everything, without, durable, bare = interleaved(*sides, turns=run.scaled(5, 3))
    note = run.note(80, turns, "messages of each sensor at a time")
    bare_c = f"bare mosquitto_sub: {bare:,.0f}/s"
    name = "messages/s to verdicts, general bundle, 1,000 sensors, QoS 0, all views, state and history"
    yield Row(name, f"{everything:,.0f}/s", bare_c, everything / bare, at_least(0.45), note)
    name = "the same without views but reconstruction, and without state"
    yield Row(name, f"{without:,.0f}/s", bare_c, without / bare, at_least(0.6), note)
    name = "a backlog at QoS 1, durable, all views"
    against = f"QoS 0: {everything:,.0f}/s"
    yield Row(name, f"{durable:,.0f}/s", against, durable / everything, at_least(0.65), note)


def _overload(run: Run, one: Line) -> Iterator[Row]:
    turns = run.scaled(200, 60)

    def offered() -> float:
        return one.overload(turns, OFFERED * one.push(turns // 4))

    (carried, handled) = interleaved(lambda: one.push(turns // 4), offered)
    yield Row(
        f"done with while {OFFERED:g} times as much is offered, QoS 0",
        f"{handled:,.0f}/s",
        f"what it carries: {carried:,.0f}/s",
        handled / carried,
        at_least(0.8),
        run.note(200, turns, "messages of each sensor"),
    )
