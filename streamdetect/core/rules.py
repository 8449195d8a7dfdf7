"""The user's options for single sensors: their views, their limits, and the deviations that count."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from .columns import Columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .columns import Rows
    from .moments import Floats

ViewName = Literal[
    "reconstruction",
    "level",
    "trend",
    "profile",
    "range",
    "rhythm",
    "stuck",
    "limits",
    "rate",
    "silent",
]
VIEWS: tuple[ViewName, ...] = get_args(ViewName)


@dataclass(frozen=True, slots=True)
class Rule:
    """The options for the sensors whose ids match a glob; None or empty = as the rules before it say."""

    sensors: str = "*"
    views: tuple[ViewName, ...] | None = None  # the views that look at them
    low: tuple[float, ...] = ()  # (F,) least value of each feature, in its unit; -inf = none
    high: tuple[float, ...] = ()
    rate: tuple[float, ...] = ()  # (F,) largest change a second; inf = none
    silent_after: float | None = None  # s
    sensitivity: float | None = None  # what a score is multiplied by
    side: tuple[float, ...] = ()  # (F,) 1 = only a value that is too high counts, -1 = too low, 0 = either
    least: tuple[float, ...] = ()  # (F,) least deviation from what is expected that counts, in its unit
    share: tuple[float, ...] = ()  # (F,) the same as a share of what is expected
    exclude: bool | None = None  # their readings are counted and not judged


class RuleColumns(Columns):
    """The rules of each sensor's row. They are made anew from the settings, so no snapshot holds them."""

    shared = True

    views: NDArray[np.bool_]  # (S, W)
    low: Floats  # (S, F)
    high: Floats
    rate: Floats  # (S, F) largest change a second
    silent_after: Floats  # (S,) s; NaN = learnt
    sensitivity: Floats  # (S,)
    side: Floats  # (S, F) see Rule
    least: Floats
    share: Floats

    def __init__(self, rules: Sequence[Rule], features: int) -> None:
        super().__init__()
        self.rules = tuple(rules)
        self._excluding = [rule for rule in rules if rule.exclude is not None]
        self.bounded = any(rule.low or rule.high for rule in rules)
        self.rated = any(rule.rate for rule in rules)
        self.one_sided = any(any(rule.side) for rule in rules)
        self.choosy = self.one_sided or any(any(rule.least) or any(rule.share) for rule in rules)
        self.sensitive = any(rule.sensitivity is not None for rule in rules)
        self.timed = any(rule.silent_after is not None for rule in rules)
        self.used = _used(rules)
        """The views that may look at a sensor."""
        self.chosen = any(rule.views is not None and set(rule.views) != set(VIEWS) for rule in rules)
        self.column("views", np.bool_, True, (len(VIEWS),))  # noqa: FBT003 - what a row starts as
        self.column("low", np.float64, -np.inf, (features,))
        for name in ("high", "rate"):
            self.column(name, np.float64, np.inf, (features,))
        for name in ("side", "least", "share"):
            self.column(name, np.float64, shape=(features,))
        self.column("silent_after", np.float64, np.nan)
        self.column("sensitivity", np.float64, 1.0)

    def admit(self, row: int, sensor: str) -> None:
        """Set a row to what the rules say of this sensor; later rules win."""
        for rule in self.rules:
            if fnmatchcase(sensor, rule.sensors):
                self._apply(row, rule)

    def exclude(self, sensor: str) -> bool:
        """Tell whether the rules leave this sensor out; later rules win."""
        said = [one.exclude for one in self._excluding if fnmatchcase(sensor, one.sensors)]
        return bool(said and said[-1])

    def count(self, rows: Rows, values: Floats, expected: Floats) -> NDArray[np.bool_]:
        """Tell which values (U, L, F) are far enough from the expected ones (U, F), on a side that counts.

        All are where the expected value is not known.
        """
        deviation = values - expected[:, None]
        side = self.side[rows][:, None]
        there = np.abs(deviation) >= self._least(rows, expected)[:, None]
        there &= (side == 0) | (deviation * side > 0)
        return there | np.isnan(deviation)

    def widen(self, rows: Rows, expected: Floats, lower: Floats, upper: Floats) -> tuple[Floats, Floats]:
        """Widen the band (U, F) of usual values by the deviations that do not count."""
        least, side = self._least(rows, expected), self.side[rows]
        lower, upper = np.fmin(lower, expected - least), np.fmax(upper, expected + least)
        return np.where(side > 0, -np.inf, lower), np.where(side < 0, np.inf, upper)

    def _least(self, rows: Rows, expected: Floats) -> Floats:
        """The least deviation (U, F) that counts, in the unit."""
        return np.maximum(self.least[rows], self.share[rows] * np.abs(expected))

    def _apply(self, row: int, rule: Rule) -> None:
        if rule.views is not None:
            self.views[row] = [name in rule.views for name in VIEWS]
        for name in ("low", "high", "rate", "side", "least", "share"):
            if given := getattr(rule, name):
                getattr(self, name)[row] = given
        if rule.silent_after is not None:
            self.silent_after[row] = rule.silent_after
        if rule.sensitivity is not None:
            self.sensitivity[row] = rule.sensitivity


def _used(rules: Sequence[Rule]) -> frozenset[ViewName]:
    """The views that rules leave to some sensor; later rules win."""
    used = frozenset(VIEWS)
    for rule in rules:
        if rule.views is not None:
            used = frozenset(rule.views) | (frozenset() if rule.sensors == "*" else used)
    return used
