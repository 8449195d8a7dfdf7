"""Recurring incidents: the defrost of a freezer at its hour, a washing day at any hour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .columns import Columns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .moments import Floats

KEPT = 8
"""Incidents remembered: one a day for a week, and one more."""
TIMES = 3
"""This many incidents make the next one expected, daily or in a row."""
DAYS, DAY = 7, 86_400.0  # s
"""Daily: at about the same time of day on the last `DAYS` days, some of which may have passed for normal."""
LEAST_PERIOD = 14_400.0
"""In a row: at least so many seconds apart. What comes back sooner is a fault that goes on, as where a
controller hunts."""
OFTEN, LATELY = 5, 14
"""At any hour: on `OFTEN` of the last `LATELY` days, such as a cloudburst, a washing day, a car that charges.
Days count, because five times in an hour is one fault. With four days, faults of houses that had been told
four times were withheld (again .92 -> .86), with five none."""
LATE = 1800.0
"""Seconds by which an incident may be early or late."""
MORE = 1.5
"""Times as far or as long as before, above which it is not the same."""
LEAST_EXTENT, LEAST_LENGTH = 4.0, 600.0
"""Standard deviations and seconds up to which it is the same in any case."""


class Excursion(NamedTuple):
    """An incident as it is compared with others of its sensor."""

    started: float  # Unix seconds
    length: float  # s
    feature: int  # whose value was off most
    extent: float  # its deviation; below 0 = down


class Due(NamedTuple):
    """The bounds within which an incident is the one that was due."""

    period: float  # s, about
    length: float  # s, at most
    extent: float  # without its sign, at most


class Recurrence(Columns):
    """The last incidents of each sensor."""

    starts: Floats  # (S, KEPT) as in Excursion, the newest last; NaN = none yet
    lengths: NDArray[np.float32]
    features: NDArray[np.int16]
    extents: NDArray[np.float32]

    def __init__(self) -> None:
        super().__init__()
        self.column("starts", np.float64, np.nan, (KEPT,))
        self.column("features", np.int16, shape=(KEPT,))
        for name in ("lengths", "extents"):
            self.column(name, np.float32, shape=(KEPT,))

    def note(self, row: int, one: Excursion) -> None:
        """Remember an incident that is over."""
        columns: tuple[NDArray[Any], ...] = (self.starts, self.lengths, self.features, self.extents)
        for column, value in zip(columns, one, strict=True):
            column[row, :-1] = column[row, 1:]
            column[row, -1] = value

    def due(self, row: int, one: Excursion, *, after: bool = False) -> Due | None:
        """Return the bounds for the incident that was due when this one began; None if none was due.

        One is due where `TIMES` incidents of the same feature to the same side began at this time of day in
        the last week, or as many one period, two periods and so on before it, or where some began on `OFTEN`
        of the last days.

        Args:
            row: of the sensor.
            one: the incident.
            after: count this incident, too, to tell whether the next one is due.
        """
        times = TIMES - after
        starts = self.starts[row]
        same = np.signbit(self.extents[row]) == np.signbit(one.extent)
        same &= self.features[row] == one.feature
        passed = one.started - starts[same & ~np.isnan(starts)]
        apart = bool((passed >= LEAST_PERIOD).all())
        for period, turns in ((DAY, DAYS), *((each, times) for each in passed[::-1].tolist() if apart)):
            due = one.started - period * np.arange(1, turns + 1)
            came = (np.abs(starts - due[:, None]) <= LATE) & same
            if np.count_nonzero(came.any(axis=1)) >= times:
                return self._like(row, came.any(axis=0), period)
        lately = same & (one.started - starts <= LATELY * DAY)
        days = np.unique(np.append(starts[lately], [one.started] * after) // DAY)
        if len(days) >= OFTEN:
            return self._like(row, lately, round((one.started // DAY - days[0]) / len(days)) * DAY)
        return None

    def _like(self, row: int, which: NDArray[np.bool_], period: float) -> Due:
        # The second largest, so that a single one that went further does not excuse the next.
        lengths, extents = np.sort(self.lengths[row, which]), np.sort(np.abs(self.extents[row, which]))
        return Due(period, max(MORE * float(lengths[-2]), LEAST_LENGTH), MORE * float(extents[-2]))
