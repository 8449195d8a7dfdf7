"""The results of a detector, as columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .transitions import Facts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .columns import Rows
    from .cutting import Cut
    from .drift import Drifted
    from .moments import Floats
    from .readings import Readings
    from .transitions import Transition


@dataclass(slots=True)  # a frozen one takes five times as long to make
class Pushed:
    """A batch of N readings after `push`: what became of them, and the M windows due, in arrival order."""

    readings: Readings
    cut: Cut
    evicted: list[Transition]

    @property
    def outcomes(self) -> NDArray[np.uint8]:
        """(N,) Outcome."""
        return self.cut.outcomes

    @property
    def index(self) -> Rows:
        """(M,) position of each window's newest reading in the readings."""
        return self.cut.index[self.cut.due]

    @property
    def windows(self) -> NDArray[np.float32]:
        """(M, T, F) scaled, PADDING before the real steps."""
        return self.cut.windows

    @property
    def real(self) -> NDArray[np.bool_] | None:
        """(M, T, F) neither padding nor missing; None = everything is."""
        return self.cut.real


@dataclass(slots=True)
class Verdicts:
    """One verdict for each of A accepted readings in arrival order, what changed, and what became of all N.

    NaN = not known: an error where no window was due, a score where no view can tell yet.
    """

    index: Rows  # (A,) position in the readings
    sensors: list[str]  # A
    times: Floats  # (A,) Unix seconds
    values: Floats  # (A, F)
    errors: Floats  # (A,) reconstruction error
    feature_errors: Floats  # (A, F) reconstruction error of each feature
    means: Floats  # (A,) mean of past errors
    sigmas: Floats  # (A,) standard deviation of past errors
    thresholds: Floats  # (A,) limit of the error
    scores: Floats  # (A,) the largest of all views; > 1 is anomalous
    views: NDArray[np.int64]  # (A,) the view that gave it, an index into VIEWS
    view_scores: Floats  # (A, W) score of each view
    expected: Floats  # (A, F) value that is expected
    lower: Floats  # (A, F) value below which the score is above 1
    upper: Floats  # (A, F) value above which the score is above 1
    anomalous: NDArray[np.bool_]  # (A,)
    transitions: list[Transition]
    outcomes: NDArray[np.uint8]  # (N,) Outcome
    drifted: list[Drifted]  # sensors whose model fits worse from now on

    def __len__(self) -> int:
        return len(self.index)

    def facts(self, at: int) -> Facts:
        """Return the facts of one verdict's reading, for a transition."""
        return Facts(
            sensor=self.sensors[at],
            value=tuple(self.values[at].tolist()),
            expected=tuple(self.expected[at].tolist()),
            lower=tuple(self.lower[at].tolist()),
            upper=tuple(self.upper[at].tolist()),
            error=float(self.errors[at]),
            threshold=float(self.thresholds[at]),
            mean=float(self.means[at]),
            sigma=float(self.sigmas[at]),
            score=float(self.scores[at]),
            feature_errors=tuple(self.feature_errors[at].tolist()),
        )


@dataclass(frozen=True, slots=True)
class SensorColumns:
    """The present state of S sensors: a copy. NaN where a value is not known yet."""

    ids: list[str]
    last_time: Floats  # (S,) Unix seconds
    value: Floats  # (S, F) value of the last reading
    error: Floats  # (S,) reconstruction error
    threshold: Floats  # (S,)
    score: Floats  # (S,) the largest of all views
    views: Floats  # (S, W) score of each view, see VIEWS
    expected: Floats  # (S, F) value that is expected
    lower: Floats  # (S, F) value below which the score is above 1
    upper: Floats  # (S, F) value above which the score is above 1
    anomalous: NDArray[np.bool_]  # (S,)
    incident_open: NDArray[np.bool_]  # (S,) an incident is open and was told
    withheld: NDArray[np.bool_]  # (S,) an incident is open but not told, because it comes back regularly
    silent: NDArray[np.bool_]  # (S,) no reading for too long
    warming_up: NDArray[np.bool_]  # (S,) not judged by its own past yet
    readings_to_go: NDArray[np.int64]  # (S,) readings until it is judged
    interval: Floats  # (S,) s between readings; 0 = not known yet
    drift: Floats  # (S,) the usual reconstruction error now, over that of the first week
    drifting: NDArray[np.bool_]  # (S,) the model fits worse than it did


@dataclass(frozen=True, slots=True)
class SensorDetails:
    """Further state of S sensors: a copy, meant for a few sensors at a time."""

    recent: Floats  # (S, T, F) the latest readings, oldest first; NaN before the first of them
    started: Floats  # (S,) start of the open incident, Unix seconds; NaN without one
    sensitivity: Floats  # (S,) factor of scores from answers, in addition to the configuration's
    in_force: NDArray[np.bool_]  # (S, W) views that look at the sensor
    low: Floats  # (S, F) least value that the configuration allows; -inf without
    high: Floats  # (S, F) largest value that it allows; inf without
