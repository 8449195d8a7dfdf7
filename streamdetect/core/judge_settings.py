"""The settings for judging readings."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class JudgeSettings:
    """The settings for judging readings. Counts are in readings."""

    sigma: float = 2.0  # least limit on a reconstruction error, in standard deviations above its mean
    level: float | None = None  # a fixed limit on the error instead; None = learnt
    history: int = 10_000  # readings that a baseline remembers
    min_count: int = 100  # readings that a baseline needs
    block: int = 120  # readings after which the baselines of a sensor are computed again
    early: tuple[int, ...] = (16, 32, 64)  # they are also computed after these first readings
    warmup: int = 3000  # readings that are learnt even in an incident
    warmup_seconds: float = 172_800.0  # s; the warm-up ends after so long, if that is sooner
    level_of: int = 3  # values whose mean is the level
    trend_of: int = 30  # values whose mean is the trend
    # Cycles of a sensor's rhythm that have to be calm before an incident closes. Of a batch only a phase may
    # be wrong: after 0.6 of a cycle, incidents closed between two of them, and covered .71 of a machine's
    # faults instead of .81.
    calm_cycles: float = 1.1
    calm_most: float = 7200.0  # s; the longest calm that is asked for
    daily: float = 43_200.0  # s; a rhythm as slow as this is a daily one, and does not lengthen the calm
    short: int = 60  # readings; a shorter incident counts as a spike
    short_cycles: float = 0.5  # cycles; a shorter incident counts as a spike, too

    @property
    def shape(self) -> tuple[object, ...]:
        """The settings on which the meaning of what is remembered depends."""
        return self.block, self.early, self.level_of, self.trend_of, self.level is None
