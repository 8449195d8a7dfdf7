"""Choose the few of a recording's many windows that are worth a look."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from streamdetect.offline.backtest.results import SensorResult

MOST_INCIDENTS = 6
MOST_OTHERS = 3


class Choice(NamedTuple):
    """A window to look at."""

    at: int
    """Index of the window's newest reading among the result's M readings."""
    why: str


def telling(result: SensorResult, times: Sequence[float] = ()) -> list[Choice]:
    """Choose the windows that say most about a backtest, oldest first.

    These are the windows asked for, the window with the largest error of each of the six worst incidents, and
    three more windows with the largest errors.

    Args:
        result: M readings.
        times: Unix seconds; each asks for the latest window that has ended by then, if the recording
            reaches that time.
    """
    chosen = {at: "asked for" for time in times if (at := ending_by(result, time)) is not None}
    errors = np.nan_to_num(result.errors, nan=-np.inf)
    incidents = sorted(enumerate(result.incidents, 1), key=lambda item: -item[1].latest.peak_score)
    for number, incident in incidents[:MOST_INCIDENTS]:
        first = int(np.searchsorted(result.times, incident.started))
        last = int(np.searchsorted(result.times, incident.ended, "right"))
        if result.windows[first:last].any():  # an incident of silence may have none
            chosen.setdefault(first + int(errors[first:last].argmax()), f"incident {number}")
    others = apart(result, np.argsort(-errors, kind="stable"), chosen)
    chosen |= {at: f"largest error {place}" for place, at in enumerate(others, 1)}
    return [Choice(at, chosen[at]) for at in sorted(chosen)]


def ending_by(result: SensorResult, time: float) -> int | None:
    """Return the latest window that has ended by this time; None before the first and after the last."""
    windows = np.flatnonzero(result.windows)
    times = result.times[windows]
    if not len(times) or not times[0] <= time <= times[-1]:
        return None
    return int(windows[np.searchsorted(times, time, "right") - 1])


def apart(
    result: SensorResult, order: NDArray[np.intp], taken: Iterable[int] = (), most: int = MOST_OTHERS
) -> list[int]:
    """Return the first windows in this order that share no reading with one another or with those taken."""
    free = result.windows.copy()
    found: list[int] = []

    def take(at: int) -> None:
        place = result.index[at]
        before = np.searchsorted(result.index, place - result.time_steps, "right")
        free[before : np.searchsorted(result.index, place + result.time_steps)] = False

    for at in taken:
        take(at)
    while len(found) < most:
        left = free[order]
        if not left.any():
            break
        at = int(order[left.argmax()])
        found.append(at)
        take(at)
    return found
