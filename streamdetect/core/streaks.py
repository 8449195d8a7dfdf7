"""Anomalous errors that follow one another, looked over many at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .columns import Rows


class Stretches(NamedTuple):
    """Where the streaks of U series stand after the next errors of each."""

    lasting: NDArray[np.bool_]  # (U, L) the anomalous ones that belong to the streak that goes on
    restarted: NDArray[np.bool_]  # (U,) it began among them
    calm: Rows  # (U,) normal ones after the last anomalous one


def follow(anomalous: NDArray[np.bool_], counts: Rows, calm: Rows, calm_after: int) -> Stretches:
    """Follow streaks, which `calm_after` normal errors in a row end, through the first counts[u] errors.

    Args:
        anomalous: (U, L), at least one in each line, none at or past its count.
        counts: (U,) errors of each.
        calm: (U,) normal ones in a row before them.
        calm_after: how many end a streak.
    """
    places = np.arange(anomalous.shape[1])
    latest = np.maximum.accumulate(np.where(anomalous, places, -1), axis=1)
    before = np.empty_like(latest)  # the anomalous one before each place
    before[:, 0], before[:, 1:] = -1, latest[:, :-1]
    since = places - before - 1
    since = np.where(before < 0, since + calm[:, None], since)
    begins = np.where(anomalous & (since >= calm_after), places, -1).max(axis=1)
    return Stretches(anomalous & (places >= begins[:, None]), begins >= 0, counts - 1 - latest[:, -1])
