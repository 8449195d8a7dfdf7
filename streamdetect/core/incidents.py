"""Incidents: a run of anomalous readings of one sensor, which opens, is updated and closes."""

from __future__ import annotations

from dataclasses import dataclass
from math import copysign, isnan, nan
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from .columns import Columns, Places
from .faults import CHECKS, Fault, FaultFacts, fault_of
from .recurrence import LEAST_EXTENT, Excursion, Recurrence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from .columns import Array, Rows
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


class Cases(Places):
    """The counts of anomalous readings in a row, and of the incident that they became."""

    critical: NDArray[np.bool_]  # (P,) as all of these, if nothing else is said
    anomalous: NDArray[np.int32]  # readings so far
    since_update: NDArray[np.int32]
    feature: NDArray[np.int32]
    started: Floats  # Unix seconds, as all times
    began: Floats  # when it opened
    last: Floats  # of the last anomalous reading
    peak_score: Floats
    peak_time: Floats  # of the reading furthest off
    peak_error: Floats
    peak_value: Floats  # (P, F)
    views: Floats  # (P, W)
    blame: Floats  # (P, F) sum over the anomalous readings of how far each feature's error is off
    deviations: Floats  # sum over the anomalous readings, in standard deviations
    squares: Floats
    moments: Floats  # sum of deviation times the number of the reading: whether they grow
    extent: Floats  # the largest deviation, in the unit of the value and without its sign
    sigma: Floats  # the standard deviation by which it was measured
    largest: Floats  # of the squares

    def __init__(self, features: int, views: int) -> None:
        super().__init__()
        self.column("critical", np.bool_)
        for name in ("anomalous", "since_update", "feature"):
            self.column(name, np.int32)
        for name in ("started", "began", "last", "peak_time", "peak_error"):
            self.column(name, np.float64)
        self.column("peak_score", np.float64, -np.inf)
        for name in ("deviations", "squares", "moments", "largest", "extent", "sigma"):
            self.column(name, np.float64)
        for name in ("peak_value", "blame"):
            self.column(name, np.float64, shape=(features,))
        self.column("views", np.float64, np.nan, (views,))

    def begin(self, rows: Rows, times: Floats) -> None:
        """Begin to count what may become incidents."""
        self.leave(rows)
        at = self.enter(rows)
        self.started[at] = self.last[at] = times


class Incidents(Columns):
    """The incidents of all sensors: at most one open a row."""

    open: NDArray[np.bool_]  # (S,)
    silent: NDArray[np.bool_]  # not heard of for too long
    hushed: NDArray[np.bool_]  # and that is all that is wrong
    withheld: NDArray[np.bool_]  # open, but not told: it was expected
    excess: Floats  # scores above 1, added up over the anomalous readings in a row
    consecutive: NDArray[np.int32]  # anomalous readings in a row
    calm: NDArray[np.int32]  # readings in a row that speak for closing
    age: NDArray[np.int32]  # readings since it opened
    quiet: NDArray[np.int32]  # readings until one may open again

    def __init__(self, settings: IncidentSettings, features: int, views: Sequence[str]) -> None:
        super().__init__()
        self.settings, self.names = settings, tuple(views)
        self.silent_view = self.names.index("silent")
        self.checks = [at for at, name in enumerate(views) if name in CHECKS]
        for name in ("open", "silent", "hushed", "withheld"):
            self.column(name, np.bool_)
        for name in ("consecutive", "calm", "age", "quiet"):
            self.column(name, np.int32)
        self.column("excess", np.float64)
        self.cases = Cases(features, len(views))
        """Of the rows that are open or have had anomalous readings in a row."""
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

    def restore(self, rows: Rows, saved: dict[str, Array]) -> None:
        """See Columns; earlier versions kept the cases of all rows beside the other columns."""
        moved = {f"cases.{name}": saved[name] for name in self.cases.names if name in saved}
        super().restore(rows, moved | saved)
        self.cases.leave(rows[~self.open[rows] & (self.consecutive[rows] == 0)])

    def started(self, rows: Rows) -> Floats:
        """Return when the open incidents of these rows started, (U,) Unix seconds; NaN where none is open."""
        at = self.cases.of(rows)  # before the column, which another thread may make longer
        return np.where(self.open[rows], self.cases.started[at], np.nan)

    def close(self, row: int, time: float, reason: Reason) -> Edge:
        """Close an open incident at these Unix seconds; returns the edge."""
        edge = self.edge("closed", row, time, reason=reason)
        self.cases.leave(np.array([row]))
        self.open[row] = self.silent[row] = self.hushed[row] = self.withheld[row] = False
        self.calm[row] = self.age[row] = 0
        self.excess[row] = 0.0
        self.consecutive[row], self.quiet[row] = 0, self.settings.cooldown
        return edge

    def edge(
        self, kind: Kind, row: int, time: float, at: tuple[int, int] = (-1, -1), reason: Reason = ""
    ) -> Edge:
        """An edge of the incident as it is now."""
        case, here = self.cases, self.cases.at(row)
        scores = zip(self.names, case.views[here].tolist(), strict=True)
        facts = FaultFacts(
            views={name: score for name, score in scores if not isnan(score)},
            anomalous=int(case.anomalous[here]),
            deviations=float(case.deviations[here]),
            squares=float(case.squares[here]),
            moments=float(case.moments[here]),
            largest=float(case.largest[here]),
        )
        fault = fault_of(facts)
        return Edge(
            line=at[0],
            place=at[1],
            row=row,
            kind=kind,
            reason=reason,
            time=time,
            started=float(case.started[here]),
            ended=float(case.last[here]) if kind == "closed" else None,
            severity="critical" if case.critical[here] else "warning",
            fault=fault,
            direction=_direction(facts.deviations),
            views=facts.views,
            # Of what only the model sees, the feature whose error is furthest off.
            feature=int(case.blame[here].argmax() if fault == "shape" else case.feature[here]),
            peak_score=float(case.peak_score[here]),
            peak_time=float(case.peak_time[here]),
            peak_error=float(case.peak_error[here]),
            peak_value=tuple(case.peak_value[here].tolist()),
            anomalous=facts.anomalous,
        )

    def fall_silent(self, row: int, deadline: float, value: Floats) -> Edge:
        """Note that a row has been silent for too long since these Unix seconds; value (F,) is its last."""
        view, case = self.silent_view, self.cases
        self.silent[row] = True
        if self.open[row]:
            case.views[case.at(row), view] = 1.0
            kind: Kind = "opened" if self.withheld[row] else "updated"
            self.withheld[row] = False
            return self.edge(kind, row, deadline)._replace(last_value=tuple(value.tolist()))
        case.begin(np.array([row]), np.array([deadline]))
        here = case.at(row)
        case.views[here, view] = case.peak_score[here] = 1.0
        case.peak_time[here], case.peak_error[here], case.peak_value[here] = deadline, np.nan, np.nan
        self.open[row] = self.hushed[row] = True
        case.began[here], self.age[row], self.calm[row] = deadline, 0, 0
        return self.edge("opened", row, deadline)._replace(last_value=tuple(value.tolist()))

    def foresee(self, row: int) -> tuple[bool, float]:
        """Tell whether the incident so far is one that comes back, and after about how many seconds.

        An incident that a check found never counts as one. The seconds are NaN if none was due.
        """
        one = self._excursion(row)
        due = self.recurrence.due(row, one) if self.settings.withhold_recurring else None
        case, here = self.cases, self.cases.at(row)
        if due is None or (case.views[here, self.checks] > 1.0).any():
            return False, nan
        most = max(due.extent, LEAST_EXTENT * float(case.sigma[here]))
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
        case, here = self.cases, self.cases.at(row)
        started, feature = float(case.started[here]), int(case.feature[here])
        extent = copysign(float(case.extent[here]), float(case.deviations[here]))
        return Excursion(started, float(case.last[here]) - started, feature, extent)


def _direction(deviations: float) -> Direction:
    return "up" if deviations > 0 else "down" if deviations < 0 else ""
