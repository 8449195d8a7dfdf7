"""The rules by which readings are anomalous, and anomalous readings are an incident."""

# No `from __future__ import annotations`: pydantic needs the annotations' types when the classes are made.

import math
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from streamdetect.config.quantities import Span
from streamdetect.config.section import Broken, Section
from streamdetect.core.incidents import IncidentSettings
from streamdetect.core.judge_settings import JudgeSettings
from streamdetect.core.rules import Rule, ViewName

_JUDGING = JudgeSettings()  # the default is where the setting is used, once
_INCIDENTS = IncidentSettings()

_SIDES = {"both": 0.0, "up": 1.0, "down": -1.0}
"""As the core has them, see Rule."""

Count = Annotated[int, Field(ge=1, le=10_000_000)]
CountOrNone = Annotated[int, Field(ge=0, le=10_000_000)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Factor = Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)]
PerFeature = Number | dict[str, Number]
Side = Literal["both", "up", "down"]
Least = Annotated[float, Field(ge=0, allow_inf_nan=False)]
LeastPerFeature = Least | dict[str, Least]
Views = Annotated[tuple[ViewName, ...], Field(strict=False)]


class ThresholdConfig(Section):
    """The rule by which a reconstruction error is anomalous."""

    kind: Literal["rolling", "training", "fixed"] = "rolling"
    """The threshold's origin: the sensor's own past errors, the errors of the training, or a number."""
    sigma: Annotated[float, Field(gt=0, allow_inf_nan=False)] = _JUDGING.sigma
    """The least number of standard deviations of the threshold above the mean of the past."""
    history: Annotated[int, Field(ge=2, le=10_000_000)] = _JUDGING.history
    """The number of past readings that a baseline remembers; older ones fade."""
    min_count: Annotated[int, Field(ge=2, le=10_000_000)] = _JUDGING.min_count
    """The number of readings that a baseline needs before it counts."""
    level: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    """The threshold itself, for kind fixed."""

    def broken(self) -> Iterator[Broken]:
        """Find counts that could never be reached, and a level that nothing uses."""
        if self.min_count > self.history:
            yield Broken("min_count", f"must be <= history ({self.history})", self.min_count, ("history",))
        if self.kind != "fixed" and self.level != 1.0:
            yield Broken("level", "is for kind: fixed", self.level, ("kind",))


class IncidentsConfig(Section):
    """The rule by which anomalous readings are an incident. Counts are in readings."""

    consecutive: Count = _INCIDENTS.consecutive
    """The number of anomalous readings in a row that open an incident."""
    excess: Annotated[float, Field(ge=0, allow_inf_nan=False)] = _INCIDENTS.excess
    """The sum of the parts of scores above 1 that opens an incident. Readings far apart need less."""
    close_ratio: Annotated[float, Field(gt=0, le=1)] = _INCIDENTS.close_ratio
    """A reading counts towards closing when its score is at most this."""
    close_after: Count = _INCIDENTS.close_after
    """The number of such readings in a row that close an incident; a sensor with a rhythm needs more."""
    cooldown: CountOrNone = _INCIDENTS.cooldown
    """The number of readings after a close in which no incident opens."""
    update_every: CountOrNone = _INCIDENTS.update_every
    """Send an update every n anomalous readings; 0: only when more is known."""
    critical_score: Annotated[float, Field(ge=1, allow_inf_nan=False)] = _INCIDENTS.critical_score
    """The score from which an incident is critical; below, it is a warning."""
    regime_change_after: Span | None = _INCIDENTS.regime_change_after
    """An incident that lasts for longer is the new normal; without it, none becomes normal."""
    withhold_recurring: bool = _INCIDENTS.withhold_recurring
    """Report a recurring incident three times if it has its hour, else on five days; then if it grows."""

    def settings(self) -> IncidentSettings:
        """Return the core's settings."""
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
        """Find limits that leave nothing between them."""
        if isinstance(self.low, float) and isinstance(self.high, float) and self.low >= self.high:
            yield Broken("low", f"must be < high ({self.high:g})", self.low, ("high",))

    def rule(self, features: tuple[str, ...]) -> dict[str, tuple[float, ...]]:
        """Return the limits of each feature; a feature without one is left out."""
        nothing = {"low": -math.inf, "high": math.inf, "rate": math.inf}
        return {
            name: _of_features(given, features, nothing[name]) for name, given in self if given is not None
        }


class OverrideConfig(Section):
    """Options for the sensors whose ids match; later entries win over earlier ones."""

    sensors: Annotated[str, Field(min_length=1)]
    """A glob over sensor ids: freezer/*, */temperature."""
    exclude: bool | None = None
    """Ignore them: their readings are counted, but not judged."""
    views: Views | None = None
    """The views that are used for them."""
    limits: LimitsConfig = LimitsConfig()
    """Limits in the unit of the value."""
    silent_after: Span | None = None
    """How long they may be silent."""
    direction: Side | dict[str, Side] | None = None
    """The side on which deviations count: both, up, down."""
    least_deviation: LeastPerFeature | None = None
    """The least deviation from the expected value that counts, in its unit."""
    least_relative_deviation: LeastPerFeature | None = None
    """The same as a share of the expected value: 0.1 is a tenth."""
    sensitivity: Factor | None = None
    """The factor of their scores."""

    def rule(self, features: tuple[str, ...]) -> Rule:
        """Return the core's rule."""
        return Rule(
            self.sensors,
            views=self.views,
            exclude=self.exclude,
            silent_after=self.silent_after,
            sensitivity=self.sensitivity,
            side=self._side(features),
            least=_least(self.least_deviation, features),
            share=_least(self.least_relative_deviation, features),
            **self.limits.rule(features),
        )

    def _side(self, features: tuple[str, ...]) -> tuple[float, ...]:
        """Return the core's number for the direction of each feature; empty = as the rules before it say."""
        if self.direction is None:
            return ()
        if isinstance(self.direction, dict):
            given = {feature: _SIDES[side] for feature, side in self.direction.items()}
            return _of_features(given, features, _SIDES["both"])
        return (_SIDES[self.direction],) * len(features)


def unknown_features(section: Section, features: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Find rules for features that do not exist: the option and the name."""
    for option in ("direction", "least_deviation", "least_relative_deviation"):
        yield from ((option, name) for name in _unknown(getattr(section, option), features))
    for option, given in getattr(section, "limits"):  # noqa: B009 - of a detector or an override
        yield from ((f"limits.{option}", name) for name in _unknown(given, features))


def _unknown(given: object, features: tuple[str, ...]) -> list[str]:
    return [name for name in given if name not in features] if isinstance(given, dict) else []


def _least(given: LeastPerFeature | None, features: tuple[str, ...]) -> tuple[float, ...]:
    return () if given is None else _of_features(given, features, 0.0)


def _of_features(
    given: float | dict[str, float], features: tuple[str, ...], nothing: float
) -> tuple[float, ...]:
    if isinstance(given, dict):
        return tuple(given.get(feature, nothing) for feature in features)
    return (given,) * len(features)
