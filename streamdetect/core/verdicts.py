"""What comes out of a detector, as columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .incidents import Judged

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .columns import Rows
    from .grid import Grid
    from .incidents import Transition
    from .moments import Floats
    from .readings import Readings


@dataclass(slots=True)  # a frozen one takes five times as long to make
class Pushed:
    """A batch of N readings after `push`: what became of them, and the M windows due, in arrival order."""

    readings: Readings
    outcomes: NDArray[np.uint8]  # (N,) Outcome
    index: Rows  # (M,) position of each window's newest reading in the readings
    grid: Grid  # of the windows, by sensor
    windows: NDArray[np.float32]  # (M, T, F) scaled, PADDING before the real steps
    real: NDArray[np.bool_] | None  # (M, T, F) neither padding nor missing; None = everything is
    evicted: list[Transition]


@dataclass(slots=True)
class Verdicts:
    """M verdicts in arrival order, what changed with them, and what became of all N readings."""

    index: Rows  # (M,) position in the readings
    sensors: list[str]  # M
    times: Floats  # (M,) Unix seconds
    values: Floats  # (M, F) the newest reading of each window
    errors: Floats  # (M,) smoothed: what was judged
    feature_errors: Floats  # (M, F) of this window alone
    means: Floats  # (M,)
    sigmas: Floats  # (M,)
    thresholds: Floats  # (M,) NaN = not known yet
    anomalous: NDArray[np.bool_]  # (M,)
    transitions: list[Transition]
    outcomes: NDArray[np.uint8]  # (N,) Outcome

    def __len__(self) -> int:
        return len(self.index)

    def judged(self, at: int, *, regime_changed: bool) -> Judged:
        """One of them, as an incident looks at it."""
        return Judged(
            sensor=self.sensors[at],
            time=float(self.times[at]),
            value=tuple(self.values[at].tolist()),
            error=float(self.errors[at]),
            threshold=float(self.thresholds[at]),
            mean=float(self.means[at]),
            sigma=float(self.sigmas[at]),
            anomalous=bool(self.anomalous[at]),
            feature_errors=tuple(self.feature_errors[at].tolist()),
            regime_changed=regime_changed,
        )


@dataclass(frozen=True, slots=True)
class SensorColumns:
    """What is known of each of S sensors now: a copy. NaN where there is nothing yet."""

    ids: list[str]
    last_time: Floats  # (S,) Unix seconds
    value: Floats  # (S, F)
    error: Floats  # (S,)
    threshold: Floats  # (S,)
    anomalous: NDArray[np.bool_]  # (S,)
    incident_open: NDArray[np.bool_]  # (S,)
    warming_up: NDArray[np.bool_]  # (S,) no threshold of its own yet
