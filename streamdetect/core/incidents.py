"""Incidents: anomalous readings of one sensor as one thing, which opens, is updated and closes."""

from __future__ import annotations

from dataclasses import dataclass
from math import copysign, isnan, nan
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from .columns import Columns
from .faults import CHECKS, KNOWN_LATER, SETTLED, Fault, FaultFacts, fault_of
from .recurrence import LEAST_EXTENT, TIMES, Excursion, Recurrence

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from .columns import Rows
    from .moments import Floats


@dataclass(frozen=True, slots=True)
class IncidentSettings:
    """When anomalous verdicts become an incident, and when it is over. Counts are in readings."""

    consecutive: int = 1  # anomalous readings in a row that open one,
    excess: float = 1.0  # once the parts of their scores above 1 add up to this
    close_ratio: float = 1.0  # a reading speaks for closing at scores up to this
    close_after: int = 30  # such readings in a row that close one; a sensor with a rhythm needs more
    cooldown: int = 0  # after one closes, none opens for so long
    update_every: int = 0  # 0 = updated only when more is known: its severity rises, its fault is told
    critical_score: float = 2.0
    regime_change_after: float = 86_400.0  # s; what lasts for longer is the new normal; inf = never
    regime_readings: int = 120  # and spans at least these readings
    withhold_recurring: bool = True  # tell what comes back at regular times three times only


Severity = Literal["warning", "critical"]
Kind = Literal["opened", "updated", "closed", "regime_changed"]
Reason = Literal["", "recovered", "regime_change", "accepted", "evicted", "excluded", "restarted"]

MOST_PACE = 2.0
"""Times the usual interval that a reading can make an incident older by, on the average."""
MOST_EXCESS = 1.0
"""What one reading's score adds at most."""
MINUTE = 60.0
LEAST_EXCESS = 0.3
"""What scores above 1 must add up to is for a reading a minute; for one that stands for longer it is so much
less, down to this share. On servers with a reading in 5 minutes 22 of 38 faults are found so, 16 without."""


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
    recurs: float = nan  # s after which it comes back; NaN = it does not
    last_value: tuple[float, ...] = ()  # (F,) of a sensor that has fallen silent, its last reading
    held: float = nan  # s for which the value has been the same, or nothing was heard of the sensor
    most: float = nan  # s for which that ever was so before
    limit: float = nan  # given by the user, that the worst value was beyond


Direction = Literal["", "up", "down"]


class Scored(NamedTuple):
    """The readings of a stretch as incidents look at them, (U, L) each."""

    rows: Rows  # (U,)
    counts: Rows  # (U,)
    times: Floats
    values: Floats  # (U, L, F)
    before: Floats  # (U, L, F) the values of the readings before
    errors: Floats
    views: Floats  # (U, L, W) score of each view; NaN = cannot tell
    score: Floats  # the largest; 0 = no view can tell
    feature: NDArray[np.int64]  # that it belongs to
    deviation: Floats  # of that feature's level from its mean, in standard deviations
    departure: Floats  # of its value from there, likewise
    sigma: Floats  # (U, F) those of each feature; NaN = not known
    over: NDArray[np.bool_]  # (U, L, V) signals over their limits
    blame: Floats  # (U, L, F) of each feature's reconstruction error from its mean; 0 = not known
    silences: Floats  # pause before the reading over the longest that is normal; NaN = not known
    deadlines: Floats  # when that pause became too long, Unix seconds
    usual: Floats  # (U,) s between readings; infinite where that is not known yet


class Stepped(NamedTuple):
    """What became of a stretch."""

    counts: Rows  # (U,) readings taken; a change of regime ends the stretch of its sensor
    open: NDArray[np.bool_]  # (U, L) after each reading
    opened: NDArray[np.bool_]
    closed: NDArray[np.bool_]
    passed: NDArray[np.bool_]
    disarmed: NDArray[np.bool_]  # (U, V) signals that were over their limits when the incident closed
    changed: NDArray[np.bool_]  # (U,) the regime changed at the last reading taken
    edges: list[Edge]


class Incidents(Columns):
    """The incidents of all sensors: at most one open a row."""

    open: NDArray[np.bool_]  # (S,)
    critical: NDArray[np.bool_]
    silent: NDArray[np.bool_]  # not heard of for too long
    hushed: NDArray[np.bool_]  # and that is all that is wrong
    withheld: NDArray[np.bool_]  # open, but not told: it was expected
    excess: Floats  # scores above 1, added up over the anomalous readings in a row
    consecutive: NDArray[np.int64]  # anomalous readings in a row
    calm: NDArray[np.int64]  # readings in a row that speak for closing
    age: NDArray[np.int64]  # readings since it opened
    anomalous: NDArray[np.int64]  # readings so far
    quiet: NDArray[np.int64]  # readings until one may open again
    since_update: NDArray[np.int64]
    feature: NDArray[np.int64]
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
            self.column(name, np.int64)
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

    def step(self, scored: Scored, patience: Callable[[], tuple[Rows, Rows]]) -> Stepped:
        """Take the incidents of a stretch through its readings.

        Args:
            scored: the readings.
            patience: gives calm readings in a row that close an incident, and of how many anomalous ones at
                least it was more than a spike, (U,) each; asked only where there is an incident.
        """
        rows, shape = scored.rows, scored.score.shape
        no = np.zeros(shape, dtype=bool)
        changed = np.zeros(len(rows), dtype=bool)
        calm = np.zeros((len(rows), scored.over.shape[2]), dtype=bool)
        stepped = Stepped(scored.counts, no, no, no, no, calm, changed, [])
        hot = scored.score > 1.0
        late = scored.silences > 1.0
        busy = self.open[rows] | (self.excess[rows] > 0) | (self.quiet[rows] > 0) | self.silent[rows]
        busy |= hot.any(axis=1) | late.any(axis=1)
        (lines,) = busy.nonzero()
        if not len(lines):
            return stepped
        stepped = Stepped(scored.counts.copy(), no, no.copy(), no.copy(), no.copy(), calm, changed, [])
        walk = _Walk(self, scored, stepped, *patience())
        for place in range(int(scored.counts[lines].max())):
            walk.take(lines[place < stepped.counts[lines]], place)
        return stepped

    def notice(self, rows: Rows, deadlines: Floats, values: Floats) -> list[Edge]:
        """Open or update the incidents of rows silent since these Unix seconds; values (U, F): their last."""
        return [
            self.fall_silent(row, deadline, value)
            for row, deadline, value in zip(rows.tolist(), deadlines.tolist(), values, strict=True)
        ]

    def close(self, row: int, time: float, reason: Reason) -> Edge:
        """The end of an open incident at these Unix seconds."""
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
        """Which feature it is: of what only the model sees, the one whose error is furthest off."""
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
        """A row has been silent for too long since these Unix seconds; value (F,) is its last."""
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
        """Whether the incident is, so far, what comes back at regular times, and after how many seconds.

        What a check finds is told in any case. NaN: nothing was due.
        """
        one = self._excursion(row)
        due = self.recurrence.due(row, one) if self.settings.withhold_recurring else None
        if due is None or (self.views[row, self.checks] > 1.0).any():
            return False, nan
        most = max(due.extent, LEAST_EXTENT * float(self.sigma[row]))
        return abs(one.extent) <= most and one.length <= due.length, due.period

    def note(self, row: int) -> float:
        """Remember an incident that is over; returns the seconds after which it comes back, NaN if not."""
        if not self.settings.withhold_recurring:
            return nan
        one = self._excursion(row)
        due = self.recurrence.due(row, one, TIMES - 1)
        self.recurrence.note(row, one)
        return nan if due is None else due.period

    def _excursion(self, row: int) -> Excursion:
        started, feature = float(self.started[row]), int(self.feature[row])
        extent = copysign(float(self.extent[row]), float(self.deviations[row]))
        return Excursion(started, float(self.last[row]) - started, feature, extent)


class _Walk:
    """One stretch through its incidents, place by place, all sensors side by side."""

    def __init__(
        self,
        incidents: Incidents,
        scored: Scored,
        stepped: Stepped,
        close_after: Rows,
        short: Rows,
    ) -> None:
        self.incidents, self.scored, self.stepped = incidents, scored, stepped
        self.close_after, self.short = close_after, short
        share = (MINUTE / scored.usual).clip(LEAST_EXCESS, 1.0)
        self.excess = incidents.settings.excess * np.where(np.isinf(scored.usual), 1.0, share)

    def take(self, lines: Rows, place: int) -> None:
        """The readings of these lines at this place."""
        state, scored = self.incidents, self.scored
        rows, settings = scored.rows[lines], state.settings
        self._return(lines, rows, place)
        score, times = scored.score[lines, place], scored.times[lines, place]
        anomalous = score > 1.0
        was_open = state.open[rows]
        state.age[rows] += was_open
        hot, at = rows[anomalous], lines[anomalous]
        rises = np.zeros(len(rows), dtype=bool)
        if len(hot):
            rises[anomalous] = self._anomalous(hot, at, place)
        self._calm(rows, score, anomalous)
        opening = anomalous & ~was_open & (state.excess[rows] >= self.excess[lines])
        opening &= (state.consecutive[rows] >= settings.consecutive) & (state.quiet[rows] == 0)
        closing = was_open & ~anomalous & (state.calm[rows] >= self.close_after[lines])
        # A clock that steps, or a long silence, makes no incident older than its readings.
        lasted = np.fmin(times - state.began[rows], MOST_PACE * state.age[rows] * self.scored.usual[lines])
        changing = was_open & ~closing & (lasted > settings.regime_change_after)
        changing &= state.age[rows] >= settings.regime_readings
        state.quiet[rows] = np.maximum(state.quiet[rows] - 1, 0)
        for place_of in np.flatnonzero(opening).tolist():
            self._open(int(rows[place_of]), int(lines[place_of]), place)
        for place_of in np.flatnonzero(closing).tolist():
            self._close(int(rows[place_of]), int(lines[place_of]), place)
        for place_of in np.flatnonzero(changing).tolist():
            self._change(int(rows[place_of]), int(lines[place_of]), place)
        for place_of in np.flatnonzero(was_open & anomalous & ~changing).tolist():
            self._go_on(int(rows[place_of]), int(lines[place_of]), place, rises=bool(rises[place_of]))
        self.stepped.open[lines, place] = state.open[rows]

    def _return(self, lines: Rows, rows: Rows, place: int) -> None:
        """Readings after a silence that was too long, noticed before or only now."""
        state, scored = self.incidents, self.scored
        late = scored.silences[lines, place] > 1.0
        back = late | state.silent[rows]
        for at in np.flatnonzero(back).tolist():
            row, line = int(rows[at]), int(lines[at])
            if not state.silent[row]:
                deadline = float(scored.deadlines[line, place])
                edge = state.fall_silent(row, deadline, scored.before[line, place])
                self.stepped.edges.append(edge._replace(line=line, place=place))
            state.silent[row] = False
            time = float(scored.times[line, place])
            state.views[row, state.silent_view] = longest = float(scored.silences[line, place])
            if state.hushed[row]:
                state.peak_score[row], state.peak_time[row], state.last[row] = longest, time, time
                self.stepped.edges.append(
                    state.close(row, time, "recovered")._replace(line=line, place=place)
                )

    def _anomalous(self, rows: Rows, lines: Rows, place: int) -> NDArray[np.bool_]:
        """Anomalous readings; returns which of them are the first that are critical."""
        state, scored = self.incidents, self.scored
        score, times = scored.score[lines, place], scored.times[lines, place]
        fresh = (state.consecutive[rows] == 0) & ~state.open[rows]
        state.begin(rows[fresh], times[fresh])
        state.excess[rows] += np.minimum(score - 1.0, MOST_EXCESS)
        state.consecutive[rows] += 1
        state.since_update[rows] += 1
        state.calm[rows], state.last[rows] = 0, times
        number = state.anomalous[rows] + 1
        state.anomalous[rows] = number
        state.views[rows] = np.fmax(state.views[rows], scored.views[lines, place])
        state.blame[rows] += scored.blame[lines, place]
        departure, deviation = scored.departure[lines, place], scored.deviation[lines, place]
        square = departure * departure
        state.deviations[rows] += departure
        state.squares[rows] += square
        state.moments[rows] += departure * number
        state.sigma[rows] = sigma = np.nan_to_num(scored.sigma[lines, scored.feature[lines, place]])
        state.extent[rows] = np.maximum(state.extent[rows], np.abs(deviation) * sigma)
        worst = score > state.peak_score[rows]
        top, at = rows[worst], lines[worst]
        state.peak_score[top], state.peak_error[top] = score[worst], scored.errors[at, place]
        state.feature[top] = scored.feature[at, place]
        # A long mean is at its worst when the value is back: the worst reading is the one furthest off.
        worst = (square > state.largest[rows]) | (worst & (state.largest[rows] == 0.0))
        state.largest[rows] = np.maximum(state.largest[rows], square)
        state.peak_time[rows[worst]] = times[worst]
        state.peak_value[rows[worst]] = scored.values[lines[worst], place]
        rises: NDArray[np.bool_] = (score >= state.settings.critical_score) & ~state.critical[rows]
        state.critical[rows] |= rises
        return rises

    def _calm(self, rows: Rows, score: Floats, anomalous: NDArray[np.bool_]) -> None:
        """Readings that are not anomalous."""
        state = self.incidents
        normal = rows[~anomalous]
        speaks = score[~anomalous] <= state.settings.close_ratio
        state.calm[normal] = np.where(speaks & state.open[normal], state.calm[normal] + 1, 0)
        state.consecutive[normal] = 0
        state.excess[normal] = 0.0

    def _open(self, row: int, line: int, place: int) -> None:
        state = self.incidents
        state.open[row] = True
        state.began[row] = self.scored.times[line, place]
        state.age[row] = state.since_update[row] = 0
        self.stepped.opened[line, place] = True
        self._withhold(row, line, place)

    def _close(self, row: int, line: int, place: int) -> None:
        state = self.incidents
        self.stepped.closed[line, place] = True
        self.stepped.passed[line, place] = state.age[row] - state.calm[row] < self.short[line]
        if self.scored.over[line, place].any():
            # It scores no more before it has been back: what comes after has to be looked at anew.
            self.stepped.disarmed[line] = self.scored.over[line, place]
            self.stepped.counts[line] = place + 1
        told = not state.withheld[row]
        edge = state.close(row, float(self.scored.times[line, place]), "recovered")
        recurs = state.note(row)
        if told:
            self.stepped.edges.append(edge._replace(line=line, place=place, recurs=recurs))

    def _change(self, row: int, line: int, place: int) -> None:
        """An incident that has lasted this long is the new normal."""
        state, time = self.incidents, float(self.scored.times[line, place])
        if state.withheld[row]:
            self._tell("opened", row, line, place)
        edge = state.close(row, time, "regime_change")
        self.stepped.edges.append(edge._replace(line=line, place=place))
        self._tell("regime_changed", row, line, place)
        self.stepped.counts[line] = place + 1
        self.stepped.changed[line] = True

    def _go_on(self, row: int, line: int, place: int, *, rises: bool) -> None:
        state = self.incidents
        if state.withheld[row]:
            self._withhold(row, line, place)
            return
        every = state.settings.update_every
        due = rises or bool(every and state.since_update[row] >= every)
        if due or state.anomalous[row] == SETTLED:
            edge = state.edge("updated", row, float(self.scored.times[line, place]), (line, place))
            if due or edge.fault in KNOWN_LATER:
                state.since_update[row] = 0
                self.stepped.edges.append(edge)

    def _withhold(self, row: int, line: int, place: int) -> None:
        """Tell that it opened, unless it is what comes back at regular times."""
        state = self.incidents
        state.withheld[row], period = state.foresee(row)
        if not state.withheld[row]:
            self._tell("opened", row, line, place, period)

    def _tell(self, kind: Kind, row: int, line: int, place: int, recurs: float = nan) -> None:
        time = float(self.scored.times[line, place])
        edge = self.incidents.edge(kind, row, time, (line, place))
        self.stepped.edges.append(edge._replace(recurs=recurs))


def _direction(deviations: float) -> Direction:
    return "up" if deviations > 0 else "down" if deviations < 0 else ""
