"""Incidents: a run of anomalous readings of one sensor, which opens, is updated and closes."""

from __future__ import annotations

from dataclasses import dataclass
from math import copysign, isnan, nan
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from .columns import Columns
from .faults import CHECKS, Fault, FaultFacts, fault_of
from .recurrence import LEAST_EXTENT, Excursion, Recurrence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from .columns import Rows
    from .moments import Floats


@dataclass(frozen=True, slots=True)
class IncidentSettings:
    """The settings by which verdicts open and close an incident. Counts are in readings."""

    consecutive: int = 1  # anomalous readings in a row that open one,
    excess: float = 1.0  # once the parts of their scores above 1 add up to this
    close_ratio: float = 1.0  # a reading speaks for closing at scores up to this
    close_after: int = 30  # such readings in a row that close one; a sensor with a rhythm needs more
    cooldown: int = 0  # readings after one closes, in which none opens
    update_every: int = 0  # 0 = updated only when more is known: its severity rises, its fault is told
    critical_score: float = 2.0
    regime_change_after: float = 86_400.0  # s; what lasts for longer is the new normal; inf = never
    regime_readings: int = 120  # and spans at least these readings
    withhold_recurring: bool = True  # what comes back is told only a few times


Severity = Literal["warning", "critical"]
Kind = Literal["opened", "updated", "closed", "regime_changed"]
Reason = Literal["", "recovered", "regime_change", "accepted", "evicted", "excluded", "restarted"]


class Edge(NamedTuple):
    """One edge of an incident, as the incident itself knows it."""

    line: int  # of the stretch; -1 if no reading of the sensor is behind it
    place: int
    row: int
    kind: Kind
    reason: Reason
    time: float  # Unix seconds
    started: float  # of the first anomalous reading
    ended: float | None  # of the last anomalous reading, once closed
    severity: Severity
    fault: Fault
    direction: Direction
    views: Mapping[str, float]  # the largest score so far of each that could tell
    feature: int  # of the largest score
    peak_score: float
    peak_time: float
    peak_error: float
    peak_value: tuple[float, ...]
    anomalous: int  # readings so far
    recurs: float = nan  # about the s after which it comes back; NaN = it does not
    last_value: tuple[float, ...] = ()  # (F,) of a sensor that has fallen silent, its last reading
    held: float = nan  # s for which the value was the same, nothing was heard, or a cycle took
    most: float = nan  # the most s for which that was so before
    limit: float = nan  # set by the user, that the worst value was beyond


Direction = Literal["", "up", "down"]


class Incidents(Columns):
    """The incidents of all sensors: at most one open a row."""

    open: NDArray[np.bool_]  # (S,)
    critical: NDArray[np.bool_]
    silent: NDArray[np.bool_]  # not heard of for too long
    hushed: NDArray[np.bool_]  # silence is all that is wrong
    withheld: NDArray[np.bool_]  # open, but not told: it was expected
    excess: Floats  # scores above 1, added up over the anomalous readings in a row
    consecutive: NDArray[np.int32]  # anomalous readings in a row
    calm: NDArray[np.int32]  # readings in a row that speak for closing
    age: NDArray[np.int32]  # readings since it opened
    anomalous: NDArray[np.int32]  # readings so far
    quiet: NDArray[np.int32]  # readings until one may open again
    since_update: NDArray[np.int32]
    feature: NDArray[np.int32]
    started: Floats  # Unix seconds, as all times
    began: Floats  # when it opened
    last: Floats  # of the last anomalous reading
    peak_score: Floats
    peak_time: Floats  # of the reading furthest off
    peak_error: Floats
    peak_value: Floats  # (S, F)
    views: Floats  # (S, W)
    blame: Floats  # (S, F) sum over the anomalous readings of how far each feature's error is off
    deviations: Floats  # (S,) sum over the anomalous readings, in standard deviations
    squares: Floats
    moments: Floats  # sum of deviation times the number of the reading: whether they grow
    extent: Floats  # (S,) the largest deviation, in the unit of the value and without its sign
    sigma: Floats  # (S,) the standard deviation by which it was measured
    largest: Floats  # of the squares

    def __init__(self, settings: IncidentSettings, features: int, views: Sequence[str]) -> None:
        super().__init__()
        self.settings, self.names = settings, tuple(views)
        self.silent_view = self.names.index("silent")
        self.checks = [at for at, name in enumerate(views) if name in CHECKS]
        for name in ("open", "critical", "silent", "hushed", "withheld"):
            self.column(name, np.bool_)
        for name in ("consecutive", "calm", "age", "anomalous", "quiet", "since_update", "feature"):
            self.column(name, np.int32)
        for name in ("excess", "started", "began", "last", "peak_score", "peak_time", "peak_error"):
            self.column(name, np.float64)
        for name in ("deviations", "squares", "moments", "largest", "extent", "sigma"):
            self.column(name, np.float64)
        for name in ("peak_value", "blame"):
            self.column(name, np.float64, shape=(features,))
        self.column("views", np.float64, np.nan, (len(views),))
        self.recurrence = Recurrence()

    @property
    def told(self) -> NDArray[np.bool_]:
        """(S,) whether an incident is open that was told."""
        told: NDArray[np.bool_] = self.open & ~self.withheld
        return told

    def notice(self, rows: Rows, deadlines: Floats, values: Floats) -> list[Edge]:
        """Open or update the incidents of rows silent since these Unix seconds; values (U, F): their last."""
        return [
            self.fall_silent(row, deadline, value)
            for row, deadline, value in zip(rows.tolist(), deadlines.tolist(), values, strict=True)
        ]

    def close(self, row: int, time: float, reason: Reason) -> Edge:
        """Close an open incident at these Unix seconds; returns the edge."""
        edge = self.edge("closed", row, time, reason=reason)
        self.open[row] = self.silent[row] = self.hushed[row] = self.withheld[row] = False
        self.calm[row] = self.age[row] = 0
        self.excess[row] = 0.0
        self.consecutive[row], self.quiet[row] = 0, self.settings.cooldown
        return edge

    def edge(
        self, kind: Kind, row: int, time: float, at: tuple[int, int] = (-1, -1), reason: Reason = ""
    ) -> Edge:
        """An edge of the incident as it is now."""
        scores = zip(self.names, self.views[row].tolist(), strict=True)
        facts = FaultFacts(
            views={name: score for name, score in scores if not isnan(score)},
            anomalous=int(self.anomalous[row]),
            deviations=float(self.deviations[row]),
            squares=float(self.squares[row]),
            moments=float(self.moments[row]),
            largest=float(self.largest[row]),
        )
        fault = fault_of(facts)
        return Edge(
            line=at[0],
            place=at[1],
            row=row,
            kind=kind,
            reason=reason,
            time=time,
            started=float(self.started[row]),
            ended=float(self.last[row]) if kind == "closed" else None,
            severity="critical" if self.critical[row] else "warning",
            fault=fault,
            direction=_direction(facts.deviations),
            views=facts.views,
            feature=self._feature(row, fault),
            peak_score=float(self.peak_score[row]),
            peak_time=float(self.peak_time[row]),
            peak_error=float(self.peak_error[row]),
            peak_value=tuple(self.peak_value[row].tolist()),
            anomalous=facts.anomalous,
        )

    def _feature(self, row: int, fault: Fault) -> int:
        """Return the feature at fault; where only the model sees it, the one whose error is furthest off."""
        return int(self.blame[row].argmax() if fault == "shape" else self.feature[row])

    def begin(self, rows: Rows, times: Floats) -> None:
        """Begin to count what may become incidents."""
        self.started[rows], self.last[rows], self.peak_score[rows] = times, times, -np.inf
        self.anomalous[rows] = self.since_update[rows] = self.feature[rows] = 0
        self.critical[rows] = False
        self.views[rows], self.blame[rows] = np.nan, 0.0
        for column in (self.deviations, self.squares, self.moments, self.largest, self.extent):
            column[rows] = 0.0

    def fall_silent(self, row: int, deadline: float, value: Floats) -> Edge:
        """Note that a row has been silent for too long since these Unix seconds; value (F,) is its last."""
        view = self.silent_view
        self.silent[row] = True
        if self.open[row]:
            self.views[row, view] = 1.0
            kind: Kind = "opened" if self.withheld[row] else "updated"
            self.withheld[row] = False
            return self.edge(kind, row, deadline)._replace(last_value=tuple(value.tolist()))
        one = np.array([row])
        self.begin(one, np.array([deadline]))
        self.views[row, view] = self.peak_score[row] = 1.0
        self.peak_time[row], self.peak_error[row], self.peak_value[row] = deadline, np.nan, np.nan
        self.open[row] = self.hushed[row] = True
        self.began[row], self.age[row], self.calm[row] = deadline, 0, 0
        return self.edge("opened", row, deadline)._replace(last_value=tuple(value.tolist()))

    def foresee(self, row: int) -> tuple[bool, float]:
        """Tell whether the incident so far is one that comes back, and after about how many seconds.

        An incident that a check found never counts as one. The seconds are NaN if none was due.
        """
        one = self._excursion(row)
        due = self.recurrence.due(row, one) if self.settings.withhold_recurring else None
        if due is None or (self.views[row, self.checks] > 1.0).any():
            return False, nan
        most = max(due.extent, LEAST_EXTENT * float(self.sigma[row]))
        return abs(one.extent) <= most and one.length <= due.length, due.period

    def note(self, row: int) -> float:
        """Remember an incident that is over; returns about the seconds after which it comes back, or NaN."""
        if not self.settings.withhold_recurring:
            return nan
        one = self._excursion(row)
        due = self.recurrence.due(row, one, after=True)
        self.recurrence.note(row, one)
        return nan if due is None else due.period

    def _excursion(self, row: int) -> Excursion:
        started, feature = float(self.started[row]), int(self.feature[row])
        extent = copysign(float(self.extent[row]), float(self.deviations[row]))
        return Excursion(started, float(self.last[row]) - started, feature, extent)


def _direction(deviations: float) -> Direction:
    return "up" if deviations > 0 else "down" if deviations < 0 else ""
