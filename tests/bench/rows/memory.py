"""Bytes a sensor, and as many sensors as there may be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rig.detecting import HISTORY
from rig.table import Row, at_most

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rig.run import Run

ALLOWED = 1.5 * 1024
LONG = 8000


def rows(run: Run) -> Iterator[Row]:
    path = run.bundle("stacked").path
    most = run.scaled(1_000_000, 100_000)
    for history, sensors in ((HISTORY, most), (LONG, most)):
        found = run.child("sensors_in_memory", path, history, sensors)
        yield Row(
            f"bytes a sensor, 1,000 to {sensors:,} sensors, T = 20, K = {history:,}",
            f"{found['bytes']:,.0f} B",
            f"{ALLOWED:,.0f} B",
            found["bytes"] / ALLOWED,
            at_most(1.0),
            run.note(1_000_000, most, "sensors"),
        )
        yield Row(
            f"the same at its peak, while it grew, K = {history:,}",
            f"{found['peak']:,.0f} B",
            f"{found['bytes']:,.0f} B",
            found["peak"] / found["bytes"],
        )
