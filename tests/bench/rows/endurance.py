"""Memory of a daemon that runs for long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rig import detecting
from rig.line import SENSORS, WARM_UP, daemon_line
from rig.table import Row, at_most

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rig.run import Run

FLAT = 1.02


def rows(run: Run) -> Iterator[Row]:
    few, many = run.scaled((100, 1000), (40, 240))  # messages of each sensor
    with daemon_line(run, 0, detecting.section(run.bundle("conv").path)) as one:
        one.push(WARM_UP)
        at, found = WARM_UP, {}
        for until in (few, many):
            while at < until:
                one.push(min(20, until - at))
                at += min(20, until - at)
            found[until] = one.process.memory
    yield Row(
        f"memory after {many * SENSORS:,} messages",
        f"{found[many]:.1f} MB",
        f"after {few * SENSORS:,}: {found[few]:.1f} MB",
        found[many] / found[few],
        at_most(FLAT),
        run.note(1_000_000, many * SENSORS, "messages"),
    )
