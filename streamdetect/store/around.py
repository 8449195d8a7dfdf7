"""The readings around an incident: the choice of those kept with it, and their form.

Some are from before it, some from its course, and some from after it. If there are too many, each stretch of
time keeps the reading with the highest score, so that the worst one always stays.
"""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

BEFORE: Final = 60
"""Readings before the first anomalous one."""
STRETCHES: Final = 120
"""Readings while it lasts are thinned out to so many when there are more than twice as many."""
AFTER: Final = 30
"""Readings after the last anomalous one."""
_TOLERANCE = 1e-6  # s; events have their times in microseconds
BANDED: Final = ("values", "lower", "upper")


class Around(NamedTuple):
    """N readings of one sensor, oldest first; NaN = not known."""

    times: NDArray[np.float64]  # (N,) Unix seconds
    values: NDArray[np.float32]  # (N, F)
    lower: NDArray[np.float32]  # (N, F) within which they were usual
    upper: NDArray[np.float32]
    scores: NDArray[np.float32]  # (N,) the largest of all views; > 1 is anomalous

    def chosen(self, rows: NDArray[np.intp]) -> Around:
        """Return some of the readings."""
        return Around._make(column[rows] for column in self)

    def of_features(self, places: Sequence[int]) -> Around:
        """The readings with some of their features."""
        return self._replace(**{name: getattr(self, name)[:, list(places)] for name in BANDED})


class Kept(NamedTuple):
    """The readings that are kept with an incident."""

    features: Sequence[str]  # names of the F features
    around: Around
    complete: bool  # nothing more will be added


def joined(first: Around, second: Around) -> Around:
    """Return all readings of both; of two at one time, that of the second."""
    both = Around._make(np.concatenate([one, other]) for one, other in zip(second, first, strict=True))
    _, at = np.unique(np.rint(both.times / _TOLERANCE), return_index=True)
    return both.chosen(at)


def kept(around: Around, started: float, ended: float | None) -> Around:
    """Choose the readings to keep with an incident.

    Args:
        around: all readings that are known.
        started: of its first anomalous reading, Unix seconds.
        ended: of its last one; None while it goes on.
    """
    times = around.times
    begin = int(np.searchsorted(times, started - _TOLERANCE))
    end = len(times) if ended is None else int(np.searchsorted(times, ended + _TOLERANCE))
    before, after = np.arange(max(begin - BEFORE, 0), begin), np.arange(end, len(times))[:AFTER]
    lasting = around.chosen(np.arange(begin, end))
    thin = end - begin > 2 * STRETCHES  # not at each new reading
    during = begin + (thinned(lasting, STRETCHES) if thin else np.arange(end - begin))
    return around.chosen(np.concatenate([before, during, after]))


def is_complete(around: Around, ended: float | None) -> bool:
    """Tell whether there are as many readings after an incident as are kept."""
    return ended is not None and int(np.count_nonzero(around.times > ended + _TOLERANCE)) >= AFTER


def encode(around: Around) -> bytes:
    """Write readings: all times as float64, then the rows of the rest as float32."""
    facts = np.column_stack([*(getattr(around, name) for name in BANDED), around.scores])
    return around.times.astype("<f8").tobytes() + facts.astype("<f4").tobytes()


def decode(written: bytes, features: int) -> Around:
    """Read what `encode` wrote of readings of so many features."""
    width = len(BANDED) * features + 1
    count = len(written) // (8 + 4 * width)
    times = np.frombuffer(written, "<f8", count)
    facts = np.frombuffer(written, "<f4", count * width, 8 * count).reshape(count, width)
    return around_of(times, facts)


def around_of(times: NDArray[np.float64], facts: NDArray[np.float32]) -> Around:
    """Return readings by their times, (N,), and the rest of them in columns, (N, 3 F + 1)."""
    values, lower, upper = np.split(facts[:, :-1], len(BANDED), axis=1)
    return Around(times, values, lower, upper, facts[:, -1])


def nothing(features: int) -> Around:
    """Return no readings, of so many features."""
    return decode(b"", features)


def thinned(around: Around, stretches: int) -> NDArray[np.intp]:
    """Return the places of the readings to keep: in each of so many stretches, that with the highest score.

    Of equal scores it is the first: a view may hold its score for a while after a spike.
    """
    span = float(np.ptp(around.times)) if len(around.times) else 0.0
    if not span:
        return np.arange(len(around.times))[:1]
    shares = (around.times - around.times[0]) / span
    which = np.minimum((shares * stretches).astype(np.int64), stretches - 1)
    order = np.lexsort((-around.times, np.nan_to_num(around.scores, nan=-1.0), which))
    last = np.flatnonzero(np.diff(which[order], append=stretches))
    return np.sort(order[last])


def columns(kept: Kept) -> dict[str, Any]:
    """Return the kept readings for JSON, the times in Unix seconds; None = not known."""
    around = kept.around
    return {
        "times": around.times.tolist(),
        "features": [
            {"name": name} | {column: _listed(getattr(around, column)[:, place]) for column in BANDED}
            for place, name in enumerate(kept.features)
        ],
        "scores": _listed(around.scores),
        "complete": kept.complete,
    }


def _listed(column: NDArray[np.float32]) -> list[float | None]:
    """Return numbers with the digits of a float32; None for a number that is not finite."""
    return [float(f"{number:.7g}") if isfinite(number) else None for number in column.tolist()]
