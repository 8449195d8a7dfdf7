"""The cost of the page with no, one and fifty browsers."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING

from rig import detecting
from rig.line import WARM_UP, daemon_line
from rig.processes import free_port
from rig.run import interleaved
from rig.table import Row, at_least, at_most

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rig.line import Line
    from rig.run import Run

LOOKING = (1, 50)
LEAST = 0.9
MEMORY = 110  # MB at 1,000 sensors
SENSOR = "bench/hall/sensor-7"


def rows(run: Run) -> Iterator[Row]:
    general, port = detecting.section("general"), free_port()
    page = {"enabled": True, "port": port}
    with (
        daemon_line(run, 0, general, durable=True) as without,
        daemon_line(run, 0, general, durable=True, page=page) as one,
    ):
        without.push(WARM_UP)
        one.push(WARM_UP)
        turns = run.scaled(60, 20)
        sides = [lambda most=most: _looked_at(one, port, most, turns) for most in (0, *LOOKING)]
        alone, *rates = interleaved(lambda: without.push(turns), *sides, turns=run.scaled(5, 3))
        memory = one.process.memory
    note = run.note(60, turns, "messages of each sensor at a time")
    for most, rate in zip((0, *LOOKING), rates, strict=True):
        name = f"messages/s, general bundle, page on, {most} clients that are told of a sensor"
        against = f"page off: {alone:,.0f}/s"
        yield Row(name, f"{rate:,.0f}/s", against, rate / alone, at_least(LEAST), note)
    name = "memory at 1,000 sensors, general bundle, page on"
    yield Row(name, f"{memory:.0f} MB", f"{MEMORY} MB", memory / MEMORY, at_most(1.0))


def _looked_at(one: Line, port: int, most: int, turns: int) -> float:
    """Messages a second while so many clients wait for news of a sensor."""
    request = (
        f"GET /api/v1/events?detector=bench0&sensor={SENSOR} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    )
    with ExitStack() as clients:
        for _ in range(most):
            client = clients.enter_context(socket.create_connection(("127.0.0.1", port)))
            client.sendall(request)
            if b" 200 " not in client.recv(1024):
                raise RuntimeError("the page tells a client nothing")
        return one.push(turns)
