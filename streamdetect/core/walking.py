"""A stretch of readings taken through the incidents of its sensors, place by place."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .faults import KNOWN_LATER, SETTLED
from .moments import over_places

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from .columns import Rows
    from .incidents import Edge, Incidents, Kind
    from .moments import Floats

MOST_PACE = 2.0
"""A reading makes an incident older by at most this many usual intervals, on average."""
MOST_EXCESS = 1.0
"""The most that one reading's score adds to the excess."""
MINUTE = 60.0
LEAST_EXCESS = 0.3
"""The excess that opens an incident is for a reading a minute. For readings further apart it is less, in
proportion, down to this share: on servers with a reading every 5 minutes 22 of 38 faults are found so, and
16 without."""


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
    over: NDArray[np.bool_]  # (U, L, V) signals over their limits
    silences: Floats  # pause before the reading over the longest that is normal; NaN = not known
    usual: Floats  # (U,) s between readings; infinite where that is not known yet


class Details(NamedTuple):
    """The parts of a stretch that only incidents need, (U, L) each; computed only where there is one."""

    deviation: Floats  # of the feature's level from its mean, in standard deviations
    departure: Floats  # of its value from there, likewise
    sigma: Floats  # (U, F) those of each feature; NaN = not known
    blame: Floats  # (U, L, F) of each feature's reconstruction error from its mean; 0 = not known
    deadlines: Floats  # when the pause before the reading became too long, Unix seconds
    close_after: Rows  # (U,) calm readings in a row that close an incident
    short: Rows  # (U,) anomalous readings from which it was more than a spike


class Stepped(NamedTuple):
    """The outcome of the incidents in a stretch."""

    counts: Rows  # (U,) readings taken; a change of regime ends the stretch of its sensor
    open: NDArray[np.bool_]  # (U, L) after each reading
    opened: NDArray[np.bool_]
    closed: NDArray[np.bool_]
    passed: NDArray[np.bool_]
    disarmed: NDArray[np.bool_]  # (U, V) signals that were over their limits when the incident closed
    changed: NDArray[np.bool_]  # (U,) the regime changed at the last reading taken
    edges: list[Edge]


def step(incidents: Incidents, scored: Scored, details: Callable[[], Details]) -> Stepped:
    """Take the incidents of a stretch through its readings.

    Args:
        incidents: of all sensors.
        scored: the readings.
        details: of the readings; called only where there is an incident, or may be one.
    """
    rows, shape = scored.rows, scored.score.shape
    no = np.zeros(shape, dtype=bool)
    changed = np.zeros(len(rows), dtype=bool)
    calm = np.zeros((len(rows), scored.over.shape[2]), dtype=bool)
    stepped = Stepped(scored.counts, no, no, no, no, calm, changed, [])
    hot = scored.score > 1.0
    late = scored.silences > 1.0
    busy = (
        incidents.open[rows]
        | (incidents.excess[rows] > 0)
        | (incidents.quiet[rows] > 0)
        | incidents.silent[rows]
    )
    busy |= over_places(np.logical_or, hot | late)
    (lines,) = busy.nonzero()
    if not len(lines):
        return stepped
    stepped = Stepped(scored.counts.copy(), no, no.copy(), no.copy(), no.copy(), calm, changed, [])
    walk = _Walk(incidents, scored, stepped, details())
    for place in range(int(scored.counts[lines].max())):
        walk.take(lines[place < stepped.counts[lines]], place)
    return stepped


class _Walk:
    """One stretch through its incidents, place by place, all sensors side by side."""

    def __init__(self, incidents: Incidents, scored: Scored, stepped: Stepped, details: Details) -> None:
        self.incidents, self.scored, self.stepped, self.details = incidents, scored, stepped, details
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
        closing = was_open & ~anomalous & (state.calm[rows] >= self.details.close_after[lines])
        # A clock that steps, or a long silence, makes no incident older than its readings.
        began = state.cases.began[state.cases.of(rows)]
        lasted = np.fmin(times - began, MOST_PACE * state.age[rows] * self.scored.usual[lines])
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
        """Take readings after a silence that was too long, noticed before or only now."""
        state, scored = self.incidents, self.scored
        late = scored.silences[lines, place] > 1.0
        back = late | state.silent[rows]
        for at in np.flatnonzero(back).tolist():
            row, line = int(rows[at]), int(lines[at])
            if not state.silent[row]:
                deadline = float(self.details.deadlines[line, place])
                edge = state.fall_silent(row, deadline, scored.before[line, place])
                self.stepped.edges.append(edge._replace(line=line, place=place))
            state.silent[row] = False
            time = float(scored.times[line, place])
            case, here = state.cases, state.cases.at(row)
            case.views[here, state.silent_view] = longest = float(scored.silences[line, place])
            if state.hushed[row]:
                case.peak_score[here], case.peak_time[here], case.last[here] = longest, time, time
                self.stepped.edges.append(
                    state.close(row, time, "recovered")._replace(line=line, place=place)
                )

    def _anomalous(self, rows: Rows, lines: Rows, place: int) -> NDArray[np.bool_]:
        """Take anomalous readings; returns which of them are the first that are critical."""
        state, scored, details = self.incidents, self.scored, self.details
        score, times = scored.score[lines, place], scored.times[lines, place]
        fresh = (state.consecutive[rows] == 0) & ~state.open[rows]
        case = state.cases
        case.begin(rows[fresh], times[fresh])
        state.excess[rows] += np.minimum(score - 1.0, MOST_EXCESS)
        state.consecutive[rows] += 1
        state.calm[rows] = 0
        here = case.of(rows)
        case.since_update[here] += 1
        case.last[here] = times
        number = case.anomalous[here] + 1
        case.anomalous[here] = number
        case.views[here] = np.fmax(case.views[here], scored.views[lines, place])
        case.blame[here] += details.blame[lines, place]
        departure, deviation = details.departure[lines, place], details.deviation[lines, place]
        square = departure * departure
        case.deviations[here] += departure
        case.squares[here] += square
        case.moments[here] += departure * number
        case.sigma[here] = sigma = np.nan_to_num(details.sigma[lines, scored.feature[lines, place]])
        case.extent[here] = np.maximum(case.extent[here], np.abs(deviation) * sigma)
        worst = score > case.peak_score[here]
        top, at = here[worst], lines[worst]
        case.peak_score[top], case.peak_error[top] = score[worst], scored.errors[at, place]
        case.feature[top] = scored.feature[at, place]
        # A long mean peaks when the value is already back: so the worst reading is the one furthest off.
        worst = (square > case.largest[here]) | (worst & (case.largest[here] == 0.0))
        case.largest[here] = np.maximum(case.largest[here], square)
        case.peak_time[here[worst]] = times[worst]
        case.peak_value[here[worst]] = scored.values[lines[worst], place]
        rises: NDArray[np.bool_] = (score >= state.settings.critical_score) & ~case.critical[here]
        case.critical[here] |= rises
        return rises

    def _calm(self, rows: Rows, score: Floats, anomalous: NDArray[np.bool_]) -> None:
        """Take readings that are not anomalous."""
        state = self.incidents
        normal = rows[~anomalous]
        speaks = score[~anomalous] <= state.settings.close_ratio
        state.calm[normal] = np.where(speaks & state.open[normal], state.calm[normal] + 1, 0)
        state.consecutive[normal] = 0
        state.excess[normal] = 0.0
        state.cases.leave(normal[~state.open[normal]])

    def _open(self, row: int, line: int, place: int) -> None:
        state = self.incidents
        state.open[row] = True
        case, here = state.cases, state.cases.at(row)
        case.began[here] = self.scored.times[line, place]
        state.age[row] = case.since_update[here] = 0
        self.stepped.opened[line, place] = True
        self._withhold(row, line, place)

    def _close(self, row: int, line: int, place: int) -> None:
        state = self.incidents
        self.stepped.closed[line, place] = True
        self.stepped.passed[line, place] = state.age[row] - state.calm[row] < self.details.short[line]
        if self.scored.over[line, place].any():
            # These signals do not score until they are back: so the readings after this are scored anew.
            self.stepped.disarmed[line] = self.scored.over[line, place]
            self.stepped.counts[line] = place + 1
        told = not state.withheld[row]
        recurs = state.note(row)
        edge = state.close(row, float(self.scored.times[line, place]), "recovered")
        if told:
            self.stepped.edges.append(edge._replace(line=line, place=place, recurs=recurs))

    def _change(self, row: int, line: int, place: int) -> None:
        """End an incident that has lasted so long that it is the new normal."""
        state, time = self.incidents, float(self.scored.times[line, place])
        if state.withheld[row]:
            self._tell("opened", row, line, place)
        changed = state.edge("regime_changed", row, time, (line, place))
        edge = state.close(row, time, "regime_change")
        self.stepped.edges.extend([edge._replace(line=line, place=place), changed])
        self.stepped.counts[line] = place + 1
        self.stepped.changed[line] = True

    def _go_on(self, row: int, line: int, place: int, *, rises: bool) -> None:
        state = self.incidents
        if state.withheld[row]:
            self._withhold(row, line, place)
            return
        every, case, here = state.settings.update_every, state.cases, state.cases.at(row)
        due = rises or bool(every and case.since_update[here] >= every)
        if due or case.anomalous[here] == SETTLED:
            edge = state.edge("updated", row, float(self.scored.times[line, place]), (line, place))
            if due or edge.fault in KNOWN_LATER:
                case.since_update[here] = 0
                self.stepped.edges.append(edge)

    def _withhold(self, row: int, line: int, place: int) -> None:
        """Report that an incident opened, unless it is one that comes back."""
        state = self.incidents
        state.withheld[row], period = state.foresee(row)
        if not state.withheld[row]:
            self._tell("opened", row, line, place, period)

    def _tell(self, kind: Kind, row: int, line: int, place: int, recurs: float = nan) -> None:
        time = float(self.scored.times[line, place])
        edge = self.incidents.edge(kind, row, time, (line, place))
        self.stepped.edges.append(edge._replace(recurs=recurs))
