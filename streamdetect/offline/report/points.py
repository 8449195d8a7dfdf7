"""The choice of a recording's readings to draw: few enough for a browser, without losing any that matters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from streamdetect.offline.plots.drawing import extremes, gaps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from streamdetect.offline.backtest.results import SensorResult

SPANS = 1000
"""About one for each pixel of a wide chart."""

_DETAIL = 20_000  # readings near incidents that are drawn one by one; more would not be told apart anyway


def kept(result: SensorResult, features: Sequence[int]) -> NDArray[np.intp]:
    """The readings that are drawn, oldest first.

    These are the lowest and the highest value, error and threshold of each of a thousand spans; every
    anomalous reading; both sides of a gap; and every reading near an incident, unless those are too many.
    """
    recording = result.recording
    if len(recording) <= 2 * SPANS:
        return np.arange(len(recording))
    rows = [extremes(recording.values[:, feature], 2 * SPANS) for feature in features]
    limits = np.nan_to_num(result.thresholds)  # or every reading without a threshold would be kept
    errors = np.nan_to_num(result.errors)
    rows += [result.index[extremes(line, 2 * SPANS)] for line in (errors, limits)]
    rows.append(result.index[result.anomalous])
    after = gaps(recording.times)
    rows += [after - 1, after, np.array([0, len(recording) - 1])]
    near = _near_incidents(result)
    if near.sum() <= _DETAIL:
        rows.append(np.flatnonzero(near))
    return np.unique(np.concatenate(rows))


def _near_incidents(result: SensorResult) -> NDArray[np.bool_]:
    """Return (N,) the readings of the windows of each incident, and as many after it."""
    near = np.zeros(len(result.recording), np.bool_)
    times, steps = result.times, result.time_steps
    for incident in result.incidents:
        last_at = max(int(np.searchsorted(times, incident.ended, "right")) - 1, 0)
        first_at = min(int(np.searchsorted(times, incident.started)), last_at)
        first, last = int(result.index[first_at]), int(result.index[last_at])
        near[max(first - 2 * steps, 0) : last + 2 * steps] = True
    return near
