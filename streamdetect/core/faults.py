"""The kind of fault, told from the views that found it and from how the value moved meanwhile."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

Fault = Literal["spike", "level", "drift", "noise", "shape", "stuck", "silent", "limit", "rate", "rhythm"]

CHECKS: Mapping[str, Fault] = {"silent": "silent", "stuck": "stuck", "limits": "limit", "rate": "rate"}
"""Views that say what is wrong by themselves."""
SLOW = {"trend", "profile"}
AT_ONCE = {"level", "range"}
"""In a cycle that takes too long, the slow means of the value go astray as well; these do not."""
VALUE = {*AT_ONCE, *SLOW}
SETTLED = 10
"""Anomalous readings from which more than a spike can be told."""
KNOWN_LATER = {"level", "drift", "noise"}
"""The faults that can be told only from then on."""
ONE_SIDED = 1.0
"""Mean over standard deviation of the deviations; from here on the value is off to one side."""
ALONE = 0.8
"""One reading's share of the squares in a spike: the window remembers it for longer than it lasted."""
GROWS = 0.5
"""Correlation of the deviations with time; above it they grow."""


class FaultFacts(NamedTuple):
    """Sums over the anomalous readings of an incident; deviations are in standard deviations."""

    views: Mapping[str, float]  # largest score of each view so far
    anomalous: int  # anomalous readings
    deviations: float  # sum of the deviations
    squares: float  # sum of the squares of the deviations
    moments: float  # sum of each deviation times its number, from 1
    largest: float  # largest square of a deviation


def fault_of(facts: FaultFacts) -> Fault:
    """The kind of fault, as far as it can be told."""
    found = {view for view, score in facts.views.items() if score > 1.0 or view in CHECKS}
    for view, fault in CHECKS.items():
        if view in found and facts.views[view] >= 1.0:
            return fault
    if "rhythm" in found and not found & AT_ONCE:
        return "rhythm"
    if not found & VALUE:
        return "shape"
    if facts.anomalous < SETTLED or facts.largest > ALONE * facts.squares:
        return "drift" if found & VALUE <= SLOW else "spike"
    mean = facts.deviations / facts.anomalous
    sigma = sqrt(max(facts.squares / facts.anomalous - mean * mean, 0.0))
    if abs(mean) < ONE_SIDED * sigma:
        return "noise"
    return "drift" if _growth(facts, mean, sigma) > GROWS else "level"


def _growth(facts: FaultFacts, mean: float, sigma: float) -> float:
    """Correlation of the deviations, away from 0, with the number of the reading."""
    n = facts.anomalous
    spread = sigma * sqrt((n * n - 1) / 12.0)
    together = facts.moments / n - mean * (n + 1) / 2.0
    return 0.0 if spread == 0.0 else together / spread * (1.0 if mean > 0 else -1.0)
