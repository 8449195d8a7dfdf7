"""Rows of several sensors that would be taken for those of one."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from streamdetect.offline.recordings.reasons import SENSORS

if TYPE_CHECKING:
    from collections.abc import Sequence

_OUT_OF_ORDER = 0.05  # share of steps that do not go on in time, past which rows are of several sensors


def tells_sensors(name: str, column: Sequence[str], moments: Sequence[float]) -> list[str]:
    """Return the sensors that a column tells apart, at most one per two rows; empty if it tells none apart.

    A column does so if its name says so; if the times of all rows together are out of order and those of each
    of its values are less so; or if its values come in blocks, and time starts again with each block.

    Args:
        name: Of the column.
        column: Its cells, empty where there is none.
        moments: The times of the same rows.
    """
    groups: dict[str, list[float]] = {}
    for cell, moment in zip(column, moments, strict=True):
        if cell:
            groups.setdefault(cell, []).append(moment)
    if not 2 <= len(groups) <= len(moments) / 2:  # noqa: PLR2004 - several, with several rows each
        return []
    together, apart = _out_of_order(moments), max(map(_out_of_order, groups.values()))
    mixed = together > _OUT_OF_ORDER and apart < together / 2
    in_blocks = not apart and together and sum(a != b for a, b in pairwise(column)) == len(groups) - 1
    return list(groups) if name.lower() in SENSORS or mixed or in_blocks else []


def _out_of_order(moments: Sequence[float]) -> float:
    """Return the share of steps that do not go on in time, in the direction in which most of them go."""
    steps = [later - earlier for earlier, later in pairwise(moments)]
    if not steps:
        return 0.0
    return min(sum(step <= 0 for step in steps), sum(step >= 0 for step in steps)) / len(steps)
