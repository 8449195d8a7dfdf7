"""What the user says of single sensors: which views look at them, and limits in their unit."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from .columns import Columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .moments import Floats

ViewName = Literal[
    "reconstruction", "level", "trend", "profile", "range", "stuck", "limits", "rate", "silent"
]
VIEWS: tuple[ViewName, ...] = get_args(ViewName)


@dataclass(frozen=True, slots=True)
class Rule:
    """What holds for the sensors whose ids match a glob; None or empty = as the rules before it say."""

    sensors: str = "*"
    views: tuple[ViewName, ...] | None = None  # that look at them
    low: tuple[float, ...] = ()  # (F,) least value of each feature, in its unit; -inf = none
    high: tuple[float, ...] = ()
    rate: tuple[float, ...] = ()  # (F,) largest change a second; inf = none
    silent_after: float | None = None  # s
    sensitivity: float | None = None  # what a score is multiplied by


class RuleColumns(Columns):
    """The rules of each sensor's row. They are made anew from the settings, so no snapshot holds them."""

    views: NDArray[np.bool_]  # (S, W)
    low: Floats  # (S, F)
    high: Floats
    rate: Floats  # (S, F) a second
    silent_after: Floats  # (S,) s; NaN = learnt
    sensitivity: Floats  # (S,)

    def __init__(self, rules: Sequence[Rule], features: int) -> None:
        super().__init__()
        self.rules = tuple(rules)
        self.bounded = any(rule.low or rule.high for rule in rules)
        self.rated = any(rule.rate for rule in rules)
        self.column("views", np.bool_, True, (len(VIEWS),))  # noqa: FBT003 - what a row starts as
        self.column("low", np.float64, -np.inf, (features,))
        for name in ("high", "rate"):
            self.column(name, np.float64, np.inf, (features,))
        self.column("silent_after", np.float64, np.nan)
        self.column("sensitivity", np.float64, 1.0)

    def admit(self, row: int, sensor: str) -> None:
        """Set a row to what the rules say of this sensor; later rules win."""
        for rule in self.rules:
            if fnmatchcase(sensor, rule.sensors):
                self._apply(row, rule)

    def _apply(self, row: int, rule: Rule) -> None:
        if rule.views is not None:
            self.views[row] = [name in rule.views for name in VIEWS]
        for name in ("low", "high", "rate"):
            if given := getattr(rule, name):
                getattr(self, name)[row] = given
        if rule.silent_after is not None:
            self.silent_after[row] = rule.silent_after
        if rule.sensitivity is not None:
            self.sensitivity[row] = rule.sensitivity
