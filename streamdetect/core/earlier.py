"""Columns as earlier versions saved them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

BUFFER = "cutter.windows.buffer"


def brought_up_to_date(saved: Mapping[str, NDArray[Any]], kept: int) -> dict[str, NDArray[Any]]:
    """Return a snapshot in which the last values of a sensor are kept once.

    They were kept for the windows and for the means of the views.

    Args:
        saved: columns by name.
        kept: readings of each sensor that a buffer holds now.
    """
    past = saved.get("judge.recent.past")
    if past is None:
        return dict(saved)
    buffer = lengthened(saved[BUFFER], kept)
    buffer[:, -past.shape[1] :, : past.shape[2]] = past
    return {**saved, BUFFER: buffer, "judge.seen": saved["judge.recent.seen"]}


def lengthened(buffer: NDArray[Any], kept: int) -> NDArray[Any]:
    """Return the last readings (S, kept, F) of another number of them; 0 before those that there are."""
    last = buffer[:, -kept:]
    return np.pad(last, ((0, 0), (kept - last.shape[1], 0), (0, 0)))
