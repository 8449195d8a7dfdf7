"""The wanted figures: the least, and the goal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

Sign = Literal["≥", "≤"]


class Target(NamedTuple):
    """The bounds of a figure."""

    sign: Sign
    least: float
    goal: float

    def verdict(self, figure: float) -> str:
        """Tell whether the figure keeps them."""
        for name, limit in (("goal", self.goal), ("ok", self.least)):
            if figure >= limit if self.sign == "≥" else figure <= limit:
                return name
        return "short"

    def shortfall(self, figure: float) -> float:
        """Return how far the goal is, as a share of it; 0 = reached."""
        away = self.goal - figure if self.sign == "≥" else figure - self.goal
        return max(0.0, away) / self.goal


_HOUSE = {
    "found": Target("≥", 0.94, 0.97),
    "least kind": Target("≥", 0.75, 0.75),
    "cover": Target("≥", 0.80, 0.86),
    "again": Target("≥", 0.88, 0.95),
    "late": Target("≤", 0.02, 0.01),
    "false / week": Target("≤", 0.5, 0.2),
}
_MACHINE = {
    "found": Target("≥", 0.95, 1.0),
    "cover": Target("≥", 0.75, 0.85),
    "false / week": Target("≤", 0.5, 0.1),
}
_ANY_MODEL = {"machine": _MACHINE}
_WANTED: Mapping[tuple[str, str], Mapping[str, Target]] = {
    ("house", "general"): _HOUSE,
    ("house", "own bundle"): {
        "found": Target("≥", 0.95, 0.98),
        "false / week": Target("≤", 0.4, 0.15),
    },
    ("nab_dev", "general"): {"NAB": Target("≥", 66.0, 72.0), "false": Target("≤", 30, 15)},
    ("nab_dev", "dense-16"): {"NAB": Target("≥", 70.0, 76.0), "false": Target("≤", 30, 15)},
    ("smap_msl_dev", "general"): {"event F1": Target("≥", 0.63, 0.70)},
    ("asd_dev", "general"): {
        "found": Target("≥", 22 / 38, 22 / 38),  # as before there were views
        "false / day": Target("≤", 0.6, 0.3),
    },
    ("quiet B", "general"): {"false / 10,000": Target("≤", 2.0, 1.0)},
}


def wanted(data: str, model: str) -> Mapping[str, Target]:
    """The targets of a detector on a kind of data, by figure."""
    return _ANY_MODEL.get(data) or _WANTED.get((data, model), {})
