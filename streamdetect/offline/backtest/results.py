"""The results of a backtest, sensor by sensor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from streamdetect.core.transitions import Transition
    from streamdetect.offline.recordings import Recording


class Incident(NamedTuple):
    """One incident from its opening to its last transition."""

    opened: Transition
    latest: Transition
    """`opened` itself, the last update, or the closing transition; while the incident is still open, windows
    and peak are those at the end of the recording."""
    ended: float
    """Unix seconds of its last anomalous window; of the recording's last one if it is still open."""

    @property
    def sensor(self) -> str:
        """The sensor."""
        return self.opened.sensor

    @property
    def severity(self) -> str:
        """Its worst severity."""
        return self.latest.severity

    @property
    def score(self) -> float:
        """Error / threshold where its error was highest."""
        return self.latest.peak_score

    @property
    def started(self) -> float:
        """Unix seconds of its first anomalous window."""
        return self.opened.started

    @property
    def closed(self) -> bool:
        """True if it ended before the recording did."""
        return self.latest.kind == "closed"


@dataclass(frozen=True, slots=True, eq=False)
class SensorResult:
    """The verdicts of one recording: M accepted of N readings. NaN = not known."""

    recording: Recording
    outcomes: NDArray[np.uint8]  # (N,) see core.readings.Outcome
    index: NDArray[np.intp]  # (M,) the accepted readings
    errors: NDArray[np.float64]  # (M,) NaN where no window was due
    feature_errors: NDArray[np.float64]  # (M, F)
    means: NDArray[np.float64]  # (M,)
    sigmas: NDArray[np.float64]  # (M,)
    thresholds: NDArray[np.float64]  # (M,)
    scores: NDArray[np.float64]  # (M,) the largest of all views
    views: NDArray[np.int64]  # (M,) the view with that score, an index into VIEWS
    expected: NDArray[np.float64]  # (M, F)
    lower: NDArray[np.float64]  # (M, F) where the score is 1
    upper: NDArray[np.float64]  # (M, F)
    anomalous: NDArray[np.bool_]  # (M,)
    transitions: tuple[Transition, ...]
    incidents: tuple[Incident, ...]
    time_steps: int  # T

    @property
    def times(self) -> NDArray[np.float64]:
        """(M,) Unix seconds of each accepted reading."""
        return self.recording.times[self.index]

    @property
    def windows(self) -> NDArray[np.bool_]:
        """(M,) which readings completed a window."""
        return ~np.isnan(self.errors)
