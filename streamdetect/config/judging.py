"""When readings are anomalous, and when that is an incident."""

# No `from __future__ import annotations`: pydantic needs the annotations' types when the classes are made.

import math
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from streamdetect.config.quantities import Span
from streamdetect.config.section import Broken, Section
from streamdetect.core.incidents import IncidentSettings
from streamdetect.core.judging import JudgeSettings
from streamdetect.core.rules import Rule, ViewName

_JUDGING = JudgeSettings()  # a default stands where the setting is used, once
_INCIDENTS = IncidentSettings()

Count = Annotated[int, Field(ge=1, le=10_000_000)]
CountOrNone = Annotated[int, Field(ge=0, le=10_000_000)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Factor = Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)]
PerFeature = Number | dict[str, Number]
Views = Annotated[tuple[ViewName, ...], Field(strict=False)]


class ThresholdConfig(Section):
    """When a reconstruction error is anomalous."""

    kind: Literal["rolling", "training", "fixed"] = "rolling"
    """What limits it: the sensor's own past errors, those of the training, or a number."""
    sigma: Annotated[float, Field(gt=0, allow_inf_nan=False)] = _JUDGING.sigma
    """Standard deviations above the mean of the past that the threshold has at least."""
    history: Annotated[int, Field(ge=2, le=10_000_000)] = _JUDGING.history
    """Past readings that a baseline remembers; older ones fade."""
    min_count: Annotated[int, Field(ge=2, le=10_000_000)] = _JUDGING.min_count
    """Readings needed before a baseline counts."""
    level: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    """The threshold itself, for kind fixed."""

    def broken(self) -> Iterator[Broken]:
        """Find counts that could never be reached, and a level that nothing uses."""
        if self.min_count > self.history:
            yield Broken("min_count", f"must be <= history ({self.history})", self.min_count, ("history",))
        if self.kind != "fixed" and self.level != 1.0:
            yield Broken("level", "is for kind: fixed", self.level, ("kind",))


class IncidentsConfig(Section):
    """When anomalous readings are an incident. Counts are in readings."""

    consecutive: Count = _INCIDENTS.consecutive
    """Anomalous readings in a row that open one."""
    excess: Annotated[float, Field(ge=0, allow_inf_nan=False)] = _INCIDENTS.excess
    """What their scores above 1 must add up to: a large spike does so at once."""
    close_ratio: Annotated[float, Field(gt=0, le=1)] = _INCIDENTS.close_ratio
    """A reading counts towards closing when its score is at most this."""
    close_after: Count = _INCIDENTS.close_after
    """Such readings in a row that close it, at least; a sensor with a rhythm of its own needs more."""
    cooldown: CountOrNone = _INCIDENTS.cooldown
    """After one closes none opens for so long."""
    update_every: CountOrNone = _INCIDENTS.update_every
    """Say that it goes on every n anomalous readings; 0: only when more is known."""
    critical_score: Annotated[float, Field(ge=1, allow_inf_nan=False)] = _INCIDENTS.critical_score
    """From this score on it is critical, below a warning."""
    regime_change_after: Span | None = _INCIDENTS.regime_change_after
    """What lasts for longer is the new normal; without it, nothing ever is."""

    def settings(self) -> IncidentSettings:
        """Give the core's settings."""
        given = self.model_dump()
        if self.regime_change_after is None:
            given["regime_change_after"] = math.inf
        return IncidentSettings(**given)


class LimitsConfig(Section):
    """Limits in the unit of the value; of several features, {name: limit}."""

    low: PerFeature | None = None
    """The least value."""
    high: PerFeature | None = None
    """The largest value."""
    rate: PerFeature | None = None
    """The largest change a second."""

    def broken(self) -> Iterator[Broken]:
        """Find limits between which there is nothing."""
        if isinstance(self.low, float) and isinstance(self.high, float) and self.low >= self.high:
            yield Broken("low", f"must be < high ({self.high:g})", self.low, ("high",))

    def rule(self, features: tuple[str, ...]) -> dict[str, tuple[float, ...]]:
        """Give the limits of each feature; what has none is left out."""
        nothing = {"low": -math.inf, "high": math.inf, "rate": math.inf}
        return {
            name: _of_features(given, features, nothing[name]) for name, given in self if given is not None
        }

    def unknown(self, features: tuple[str, ...]) -> Iterator[tuple[str, str]]:
        """Find limits of features that there are not: the option and the name."""
        for name, given in self:
            if isinstance(given, dict):
                yield from ((name, feature) for feature in given if feature not in features)


class OverrideConfig(Section):
    """What holds for the sensors whose ids match; later ones win over earlier ones."""

    sensors: Annotated[str, Field(min_length=1)]
    """A glob over sensor ids: freezer/*, */temperature."""
    views: Views | None = None
    """The views that look at them."""
    limits: LimitsConfig = LimitsConfig()
    """Limits in the unit of the value."""
    silent_after: Span | None = None
    """How long they may be silent."""
    sensitivity: Factor | None = None
    """What their scores are multiplied by."""

    def rule(self, features: tuple[str, ...]) -> Rule:
        """Give the core's rule."""
        return Rule(
            self.sensors,
            views=self.views,
            silent_after=self.silent_after,
            sensitivity=self.sensitivity,
            **self.limits.rule(features),
        )


def _of_features(
    given: float | dict[str, float], features: tuple[str, ...], nothing: float
) -> tuple[float, ...]:
    if isinstance(given, dict):
        return tuple(given.get(feature, nothing) for feature in features)
    return (given,) * len(features)
