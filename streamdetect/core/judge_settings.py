"""The settings of how readings are judged."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class JudgeSettings:
    """How readings are judged. Counts are in readings."""

    sigma: float = 2.0  # least limit on a reconstruction error, in standard deviations above its mean
    level: float | None = None  # a fixed limit on it instead; None = learnt
    history: int = 10_000  # that a baseline remembers
    min_count: int = 100  # that a baseline needs
    block: int = 120  # after which the baselines of a sensor are found anew,
    early: tuple[int, ...] = (16, 32, 64)  # and at these
    warmup: int = 3000  # that are learnt whatever happens,
    warmup_seconds: float = 172_800.0  # or the readings of so many s, whichever ends first
    level_of: int = 3  # values whose mean is the level
    trend_of: int = 30  # values whose mean is the trend
    calm_cycles: float = 0.6  # of a sensor's rhythm that have to be calm before an incident closes
    calm_most: float = 7200.0  # s, and never longer
    daily: float = 43_200.0  # s; a rhythm as slow as this is a daily one, and asks for no longer calm
    short: int = 60  # an incident of fewer readings passed as a spike does,
    short_cycles: float = 0.5  # or of fewer cycles

    @property
    def shape(self) -> tuple[object, ...]:
        """The settings on which the meaning of what is remembered depends."""
        return self.block, self.early, self.level_of, self.trend_of, self.level is None
