"""Silence: a sensor has not been heard of for far longer than ever before.

The only clock is the time of the readings: the newest of all sensors, and how long nothing has come since.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..columns import Columns
from ..moments import added, over_places
from ..rules import VIEWS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..columns import Rows
    from ..moments import Floats, Singles
    from ..rules import RuleColumns
    from .base import Stretch

SILENT = VIEWS.index("silent")
USUAL, LONGEST = 10.0, 3.0
"""Times the usual interval, and times the longest one seen: the longer of the two is too long."""
WEIGHT = 0.2
"""Weight of a new block in the usual interval."""
CAP = 3.0
"""A pause counts as at most this many usual intervals."""
LEAST_READINGS = 100


class Silence(Columns):
    """Learns how long each sensor may be silent, from its own pauses."""

    usual: Floats  # (S,) s between readings, in force; 0 = not known yet
    longest: Singles  # (S,) s, longest normal pause, in force
    new_longest: Singles  # (S,) s, longest pause of this block
    total: Floats  # (S,) s, sum of the pauses of this block
    pauses: Singles  # (S,) number of pauses of this block
    readings: Singles  # (S,) number of readings; ends at 2²⁴
    known: NDArray[np.bool_]  # (S,) enough readings for a limit, in force

    def __init__(self, rules: RuleColumns) -> None:
        super().__init__()
        self.rules = rules
        for name in ("usual", "total"):
            self.column(name, np.float64)
        for name in ("longest", "new_longest", "pauses", "readings"):
            self.column(name, np.float32)
        self.column("known", np.bool_)

    def limit(self, rows: Rows) -> Floats:
        """Return the seconds (U,) after which each is silent; infinite where that is not known yet."""
        usual, rules = self.usual[rows], self.rules
        limit = np.where(self.known[rows], np.maximum(USUAL * usual, LONGEST * self.longest[rows]), np.inf)
        if rules.timed:
            given = rules.silent_after[rows]
            limit = np.where(np.isnan(given), limit, given)
        return np.where(rules.views[rows, SILENT], limit, np.inf) if rules.chosen else limit

    def learn(self, stretch: Stretch, pauses: Floats, counts: Rows, limit: Floats) -> None:
        """Take in the first counts[u] pauses (U, L) before readings; NaN before the first of a sensor.

        A pause that was too long counts as long as it may be: `limit` (U,).
        """
        rows = stretch.rows
        counted = stretch.within(counts) & ~np.isnan(pauses)
        pauses = np.where(counted, pauses, 0.0)
        longest = over_places(np.maximum, np.minimum(pauses, limit[:, None]))
        self.new_longest[rows] = np.maximum(self.new_longest[rows], longest)
        usual = self.usual[rows][:, None]
        even = np.where(usual > 0, np.minimum(pauses, CAP * usual), pauses)
        self.total[rows] = added(self.total[rows], even)
        self.pauses[rows] += over_places(np.add, counted)
        self.readings[rows] += counts

    def refresh(self, rows: Rows) -> None:
        """Bring into force what was learnt."""
        some = self.pauses[rows] > 0
        rows = rows[some]
        mean, usual = self.total[rows] / self.pauses[rows], self.usual[rows]
        self.usual[rows] = np.where(usual > 0, usual + WEIGHT * (mean - usual), mean)
        self.longest[rows] = np.maximum(self.longest[rows], self.new_longest[rows])
        self.known[rows] = self.readings[rows] >= LEAST_READINGS
        self.new_longest[rows] = self.total[rows] = self.pauses[rows] = 0.0
