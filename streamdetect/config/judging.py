"""When a reconstruction error is anomalous, and when that is an incident."""

# No `from __future__ import annotations`: pydantic needs the annotations' types when the classes are made.

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from streamdetect.config.section import Broken, Section
from streamdetect.core.incidents import IncidentSettings
from streamdetect.core.thresholds import ThresholdKind, ThresholdSettings
from streamdetect.core.thresholds.sampled import PEAK_QUANTILE

_THRESHOLD = ThresholdSettings()  # a default stands where the setting is used, once
_INCIDENTS = IncidentSettings()

Count = Annotated[int, Field(ge=1, le=10_000_000)]
CountOrNone = Annotated[int, Field(ge=0, le=10_000_000)]


class ThresholdConfig(Section):
    """When a reconstruction error is anomalous. Counts are in windows."""

    kind: ThresholdKind = _THRESHOLD.kind
    """How it follows the past errors: see config.yaml."""
    sigma: Annotated[float, Field(gt=0, allow_inf_nan=False)] = _THRESHOLD.sigma
    """Standard deviations above the mean."""
    history: Annotated[int, Field(ge=2, le=10_000_000)] = _THRESHOLD.history
    """Past errors that count; of ewma, the span."""
    smoothing: Annotated[int, Field(ge=1, le=10_000)] = _THRESHOLD.smoothing
    """Judge the mean of the last n errors; 1 is off."""
    min_count: Annotated[int, Field(ge=2, le=10_000_000)] = _THRESHOLD.min_count
    """Past errors needed before they count."""
    sigma_floor: Annotated[float, Field(ge=0, allow_inf_nan=False)] = _THRESHOLD.sigma_floor
    """The least standard deviation, in units of that of the training errors."""
    guard: Annotated[float, Field(ge=0, allow_inf_nan=False)] = _THRESHOLD.guard
    """An anomalous error is remembered as mean + guard standard deviations at most; 0: not at all."""
    until_min_count: Literal["training", "silent"] = _THRESHOLD.until_min_count
    """Until then use the training errors' threshold, or judge nothing."""
    regime_change_after: CountOrNone = _THRESHOLD.regime_change_after
    """Anomalous windows in a row that are the new normal; 0 is never."""
    level: Annotated[float, Field(gt=0, allow_inf_nan=False)] = _THRESHOLD.level
    """The threshold itself, for kind fixed."""
    quantile: Annotated[float, Field(gt=0, lt=1)] = _THRESHOLD.quantile
    """Of the past errors, for kind quantile."""
    risk: Annotated[float, Field(gt=0, lt=1 - PEAK_QUANTILE)] = _THRESHOLD.risk
    """How probable a normal error above the threshold may be, for kind pot."""

    def settings(self) -> ThresholdSettings:
        """Give the core's settings."""
        return ThresholdSettings(**self.model_dump())

    def broken(self) -> Iterator[Broken]:
        """Find counts that could never be reached, and options that the kind has no use for."""
        if self.min_count > self.history:
            yield Broken("min_count", f"must be <= history ({self.history})", self.min_count, ("history",))
        if 0 < self.regime_change_after < self.min_count:
            rule = f"must be 0 or >= min_count ({self.min_count})"
            yield Broken("regime_change_after", rule, self.regime_change_after, ("min_count",))
        for option, kind in {"level": "fixed", "quantile": "quantile", "risk": "pot"}.items():
            if self.kind != kind and getattr(self, option) != getattr(_THRESHOLD, option):
                yield Broken(option, f"is for kind: {kind}", getattr(self, option), ("kind",))


class IncidentsConfig(Section):
    """When anomalous verdicts are an incident. Counts are in windows."""

    consecutive: Count = _INCIDENTS.consecutive
    """Anomalous windows in a row that open one."""
    evidence: Annotated[float, Field(ge=0, allow_inf_nan=False)] = _INCIDENTS.evidence
    """What their (error - threshold) / standard deviation must add up to: a large spike does so at once."""
    close_ratio: Annotated[float, Field(gt=0, le=1)] = _INCIDENTS.close_ratio
    """A window counts towards closing when its error is at most this share of the threshold."""
    close_after: Count = _INCIDENTS.close_after
    """Such windows in a row that close it."""
    cooldown: CountOrNone = _INCIDENTS.cooldown
    """After one closes none opens for so long."""
    update_every: CountOrNone = _INCIDENTS.update_every
    """Say that it goes on every n windows; 0: only when its severity rises."""
    critical_score: Annotated[float, Field(ge=1, allow_inf_nan=False)] = _INCIDENTS.critical_score
    """From this error / threshold on it is critical, below a warning."""

    def settings(self) -> IncidentSettings:
        """Give the core's settings."""
        return IncidentSettings(**self.model_dump())
