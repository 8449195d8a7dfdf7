"""One group of sensors that share a bundle and settings: readings in, verdicts out."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf, nan
from typing import TYPE_CHECKING, Any

import numpy as np

from .columns import Columns
from .cutting import CuttingSettings, WindowCutter
from .earlier import brought_up_to_date
from .incidents import IncidentSettings
from .judge_settings import JudgeSettings
from .judging import Judge, Seen
from .readings import Outcome
from .reconstruction import reconstruction_errors
from .rules import Rule, RuleColumns
from .sensors import Sensors
from .transitions import Facts, Transition, transition
from .verdicts import Pushed, SensorColumns, SensorDetails, Verdicts

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from .columns import Rows
    from .cutting import Cut
    from .incidents import Edge, Reason
    from .missing import MissingPolicy
    from .moments import Floats
    from .readings import Readings
    from .reconstruction import ErrorMetric, Reconstruct
    from .scaling import Scaling

CARDINALITY, EXCLUDED = int(Outcome.CARDINALITY), int(Outcome.EXCLUDED)  # numpy is slow with enumerations


@dataclass(frozen=True, slots=True)
class DetectorSettings:
    """The settings of a detector: the facts of its bundle, and the choices of its user."""

    time_steps: int
    features: int
    scaling: Scaling
    error: ErrorMetric = "mae"
    min_steps: int = 0  # readings from which a window is judged, with a model that takes padding; 0 = T
    stride: int = 1  # a full window is judged at every stride-th reading
    missing: MissingPolicy = "drop"  # what to do with a reading that lacks a feature
    max_gap: float = inf  # s; a longer pause restarts the sensor's window
    max_sensors: int = 100_000
    idle_after: float = inf  # s; a sensor silent for longer makes room for a new one
    judging: JudgeSettings = field(default_factory=JudgeSettings)
    incidents: IncidentSettings = field(default_factory=IncidentSettings)
    rules: tuple[Rule, ...] = ()

    @property
    def cutting(self) -> CuttingSettings:
        """The settings for cutting windows."""
        return CuttingSettings(
            self.time_steps,
            self.features,
            self.scaling,
            min_steps=self.min_steps,
            stride=self.stride,
            missing=self.missing,
            max_gap=self.max_gap,
        )


class SensorState(Columns):
    """The state of the sensors, one row each."""

    def __init__(self, settings: DetectorSettings, rules: RuleColumns) -> None:
        super().__init__()
        self.cutter = WindowCutter(settings.cutting, settings.judging.trend_of - 1)
        self.judge = Judge(settings.judging, settings.incidents, settings.features, rules)


class Detector:
    """Ring buffers, baselines and incidents of all sensors, and the model they share.

    `process` is `push`, `score` and `judge` in turn. Only `score` is expensive, and it has no state, so a
    journal of readings and errors rebuilds a detector without it.
    """

    def __init__(self, settings: DetectorSettings, reconstruct: Reconstruct) -> None:
        self.settings = settings
        self.sensors = Sensors(settings.max_sensors)
        self.rules = RuleColumns(settings.rules, settings.features)
        self.state = SensorState(settings, self.rules)
        self.reconstruct = reconstruct
        self.heard_since = -inf
        """Unix seconds; a sensor last heard of before it may have sent readings that were not heard."""
        self._resuming = False
        self._newest: float | None = None  # None = to be found anew
        self._soonest = -inf  # -inf = not known
        self._size = 0  # rows that the columns have

    def __len__(self) -> int:
        return len(self.sensors)

    def process(self, readings: Readings) -> Verdicts:
        """Take in a batch of readings and judge all that are accepted."""
        pushed = self.push(readings)
        return self.judge(pushed, *self.score(pushed))

    def push(self, readings: Readings) -> Pushed:
        """Take readings into the windows of their sensors."""
        outcomes = np.empty(len(readings.sensors), dtype=np.uint8)
        outcomes.fill(CARDINALITY)
        try:
            rows, evicted = self.sensors.find(readings.sensors), list[Transition]()
        except KeyError:
            rows, evicted = self._admit(readings, outcomes)
        if self._resuming and len(readings.times):
            self.heard_since, self._resuming = float(readings.times[0]), False
        cut = self.state.cutter.cut(rows, readings.times, readings.values, outcomes)
        if self._newest is not None:
            self._newest = max(self._newest, float(readings.times[rows >= 0].max(initial=-inf)))
        return Pushed(readings, cut, evicted)

    def score(self, pushed: Pushed) -> tuple[Floats, Floats]:
        """The reconstruction error of each window, (M,), and of each of its features, (M, F)."""
        windows = pushed.windows
        if not len(windows):
            return np.empty(0), np.empty((0, self.settings.features))
        return reconstruction_errors(windows, self.reconstruct(windows), self.settings.error, pushed.real)

    def judge(self, pushed: Pushed, errors: Floats, feature_errors: Floats, *, look: bool = True) -> Verdicts:
        """Judge readings, and the errors of their windows, by the past; then remember.

        Args:
            pushed: the readings and M windows.
            errors: (M,) of the windows.
            feature_errors: (M, F) of each of their features.
            look: look for silent sensors at the time of the newest reading; False where readings of other
                sensors, from before it, are still to come.
        """
        cut, readings = pushed.cut, pushed.readings
        times = readings.times[cut.index]
        waits = self._waits(cut.pauses, times)
        seen = Seen(times, cut.values, *waits, *_spread(cut, errors, feature_errors))
        ruling, edges = self.state.judge.judge(cut.grid, seen, cut.joined)
        whole = len(cut.index) == len(readings.sensors)
        sensors = readings.sensors if whole else map(readings.sensors.__getitem__, cut.index.tolist())
        verdicts = Verdicts(
            index=cut.index,
            sensors=list(sensors),
            times=times,
            values=cut.values,
            errors=seen.errors,
            feature_errors=seen.feature_errors,
            means=ruling.means,
            sigmas=ruling.sigmas,
            thresholds=ruling.thresholds,
            scores=ruling.score,
            views=ruling.view,
            view_scores=ruling.views,
            expected=ruling.expected,
            lower=ruling.lower,
            upper=ruling.upper,
            anomalous=ruling.score > 1.0,
            transitions=[],
            outcomes=pushed.outcomes,
            drifted=self.state.judge.panel.drift.news(self.sensors.ids),
        )
        told = [
            transition(edge, _silent(edge, verdicts.sensors[edge.line]) or verdicts.facts(edge.line))
            for edge in edges
        ]
        self._soonest = min(self.soonest, float(self._deadlines(cut.grid.rows).min(initial=inf)))
        newest = self.newest if look else -inf  # computed over all sensors
        silent = self.look(newest) if newest > self.soonest else []
        verdicts.transitions = [*pushed.evicted, *told, *silent]
        return verdicts

    def look(self, now: float) -> list[Transition]:
        """Open incidents of the sensors that have been silent for too long at `now`, Unix seconds."""
        rows = self.sensors.rows()
        deadlines = self._deadlines(rows)
        late = deadlines < now
        judge, values = self.state.judge, self._values(rows[late])
        edges = judge.incidents.notice(rows[late], deadlines[late], values)
        edges = [judge.silent_for(edge) for edge in edges]
        self._soonest = float(deadlines[~late].min(initial=inf))
        return self._transitions(edges)

    def resume(self) -> None:
        """Note that no reading could arrive until the next one: meanwhile no sensor counts as silent."""
        self._resuming = True

    @property
    def soonest(self) -> float:
        """Unix seconds up to which no sensor falls silent."""
        if self._soonest == -inf:
            self._soonest = float(self._deadlines(self.sensors.rows()).min(initial=inf))
        return self._soonest

    @property
    def newest(self) -> float:
        """Time of the newest reading of all sensors, -inf without any: the only clock of a detector."""
        if self._newest is None:
            self._newest = float(self.state.cutter.windows.last_time.max(initial=-inf))
        return self._newest

    def evict(self, idle_before: float) -> list[Transition]:
        """Free the rows of sensors whose last reading is older than this, and close their incidents."""
        return self._free(self._idle(idle_before))

    def leave_out(self) -> list[Transition]:
        """Free the rows of sensors that the rules exclude, and close their incidents."""
        excluded = [
            row for row, sensor in enumerate(self.sensors.ids) if sensor and self.rules.exclude(sensor)
        ]
        return self._free(np.array(excluded, dtype=np.intp), "excluded")

    def accept(self, sensor: str) -> list[Transition]:
        """Accept the present values as normal: close the sensor's incident, if one is open, and learn anew.

        If none is open, the values that the last incident reached are within their limits from now on.

        Raises:
            KeyError: the sensor is not known.
        """
        rows = self.sensors.find([sensor])
        row = int(rows[0])
        judge = self.state.judge
        if not judge.incidents.told[row]:
            judge.panel.allow(rows)
            return []
        time = float(self.state.cutter.windows.last_time[row])
        edge = judge.incidents.close(row, time, "accepted")
        judge.restart(rows)
        return self._transitions([edge])

    def set_sensitivity(self, sensor: str, factor: float) -> None:
        """Multiply the sensor's scores by this factor, more than 0, from now on.

        Raises:
            KeyError: the sensor is not known.
        """
        self.state.judge.panel.sensitivity[self.sensors.find([sensor])] = factor

    def sensitivity(self, sensor: str) -> float:
        """Return the factor by which the sensor's scores are multiplied.

        Raises:
            KeyError: the sensor is not known.
        """
        return float(self.state.judge.panel.sensitivity[self.sensors.find([sensor])[0]])

    def warmup(self) -> tuple[int, float]:
        """Count the sensors without a baseline, and estimate the seconds until the last of them has one.

        The seconds follow from the rates of their readings; 0 where no rate is known yet.
        """
        rows, judge = self.sensors.rows(), self.state.judge
        cold = rows[judge.warming_up(rows)]
        seconds = judge.readings_to_go(cold) * judge.panel.silence.usual[cold]
        return len(cold), float(seconds.max(initial=0.0))

    def columns(self, sensors: Sequence[str] | None = None) -> SensorColumns:
        """Copy the present state of all sensors, or of these sensors.

        Safe from another thread: a sensor that comes or goes meanwhile may be missed or be a batch behind.

        Raises:
            KeyError: one of these sensors is not known.
        """
        rows = self.sensors.rows() if sensors is None else self.sensors.find(sensors)
        judge, windows = self.state.judge, self.state.cutter.windows
        return SensorColumns(
            ids=[self.sensors.ids[row] or "" for row in rows.tolist()],
            last_time=windows.last_time[rows],
            value=self._values(rows),
            error=judge.error[rows],
            threshold=judge.threshold[rows],
            score=judge.score[rows],
            views=judge.scores[rows].astype(np.float64),
            expected=judge.expected[rows],
            lower=judge.lower[rows],
            upper=judge.upper[rows],
            anomalous=judge.score[rows] > 1.0,
            incident_open=judge.incidents.told[rows],
            withheld=judge.incidents.withheld[rows],
            silent=judge.incidents.silent[rows],
            warming_up=judge.warming_up(rows),
            readings_to_go=judge.readings_to_go(rows),
            interval=judge.panel.silence.usual[rows],
            drift=judge.panel.drift.ratio(rows),
            drifting=judge.panel.drift.drifting[rows],
        )

    def details(self, sensors: Sequence[str]) -> SensorDetails:
        """Copy further state of these sensors; safe from another thread, as `columns` is.

        Raises:
            KeyError: one is not known.
        """
        rows, judge, windows = self.sensors.find(sensors), self.state.judge, self.state.cutter.windows
        steps = self.settings.time_steps
        recent = windows.buffer[rows][:, -steps:, : self.settings.features]
        recent[np.arange(steps) < steps - windows.filled[rows][:, None]] = np.nan
        return SensorDetails(
            recent=recent,
            started=judge.incidents.started(rows),
            sensitivity=judge.panel.sensitivity[rows],
            in_force=self.rules.views[rows],
            low=self.rules.low[rows],
            high=self.rules.high[rows],
        )

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """A copy of the state: arrays by name, one row per sensor; `sensors` holds the ids as UTF-8."""
        rows = self.sensors.rows()
        ids = [(self.sensors.ids[row] or "").encode() for row in rows.tolist()]
        return {
            "made_with": np.array(self.shape),
            "heard_since": np.array([self.heard_since, float(self._resuming)]),
            "sensors": np.array(ids, dtype=np.bytes_),
            **self.state.snapshot(rows),
        }

    @property
    def shape(self) -> str:
        """The settings on which the meaning of the columns depends."""
        settings = self.settings
        steps = settings.time_steps, settings.cutting.first_steps, settings.features
        return repr((*steps, settings.scaling, settings.missing, *settings.judging.shape))

    def restore(self, saved: dict[str, NDArray[Any]]) -> None:
        """Add the sensors of a snapshot to those already here.

        Raises:
            ValueError: the snapshot is of a detector with other settings, or has a sensor that is here.
        """
        if saved["made_with"].item() != self.shape:
            raise ValueError(f"snapshot: must be made with {self.shape}, got {saved['made_with'].item()}")
        rows = self.enter([sensor.decode() for sensor in saved["sensors"].tolist()])
        self._newest = None
        self.state.restore(rows, brought_up_to_date(saved, self.state.cutter.windows.kept))
        heard_since, resuming = saved["heard_since"].tolist()
        self.heard_since, self._resuming = heard_since, bool(resuming)

    def enter(self, sensors: Sequence[str]) -> Rows:
        """Give each of these new sensors a row.

        Raises:
            ValueError: one is here already, or they do not fit `max_sensors`.
        """
        if any(sensor in self.sensors for sensor in sensors):
            raise ValueError("sensors: must be new")
        if len(self) + len(sensors) > self.settings.max_sensors:
            raise ValueError(f"sensors: must be at most {self.settings.max_sensors}, got {len(sensors)} more")
        self._reserve(len(sensors))
        self._soonest = -inf
        return np.array([self._row(sensor) for sensor in sensors], dtype=np.intp)

    def _waits(self, pauses: Floats, times: Floats) -> tuple[Floats, Floats]:
        """Return how long each reading (N,) was waited for: see Seen."""
        pauses = np.where(np.isinf(pauses), np.nan, pauses)
        heard = times - self.heard_since
        return np.where(pauses > heard, np.nan, pauses), np.minimum(pauses, heard)

    def _deadlines(self, rows: Rows) -> Floats:
        last = np.maximum(self.state.cutter.windows.last_time[rows], self.heard_since)
        return self.state.judge.deadlines(rows, last)

    def _admit(self, readings: Readings, outcomes: NDArray[np.uint8]) -> tuple[Rows, list[Transition]]:
        """Give new sensors a row; if no row is left, free those of idle sensors, once.

        Args:
            readings: N of them.
            outcomes: (N,) set for sensors that the rules exclude.

        Returns:
            The row of each sensor, (N,), -1 for one that is turned away; and what was closed to make room.
        """
        rows = self.sensors.find_known(readings.sensors)
        excluded = [self.rules.exclude(readings.sensors[at]) for at in np.flatnonzero(rows < 0).tolist()]
        outcomes[rows < 0] = np.where(excluded, EXCLUDED, CARDINALITY)
        unknown = np.flatnonzero((rows < 0) & (outcomes != EXCLUDED)).tolist()
        self._reserve(len({readings.sensors[at] for at in unknown}))
        evicted: list[Transition] = []
        tried = self.settings.idle_after == inf
        for at in unknown:
            sensor = readings.sensors[at]
            if self.sensors.full and not tried and sensor not in self.sensors:
                tried = True
                idle_before = float(readings.times[at]) - self.settings.idle_after
                evicted = self._free(np.setdiff1d(self._idle(idle_before), rows))
            if sensor in self.sensors or not self.sensors.full:
                rows[at] = self._row(sensor)
        return rows, evicted

    def _row(self, sensor: str) -> int:
        """The sensor's row; a new one gets a free row, and its rules."""
        known = sensor in self.sensors
        row = self.sensors.admit(sensor)
        if not known:
            self.rules.admit(row, sensor)
        return row

    def _reserve(self, more: int) -> None:
        """Make the columns long enough before a row is handed out."""
        rows = min(len(self.sensors.ids) + more, self.settings.max_sensors)
        if rows > self._size:
            self._size = max(rows, min(2 * self._size, self.settings.max_sensors))
            self.state.resize(self._size)
            self.rules.resize(self._size)

    def _idle(self, before: float) -> Rows:
        last = self.state.cutter.windows.last_time
        return np.flatnonzero((last < before) & (last > -inf))

    def _free(self, rows: Rows, reason: Reason = "evicted") -> list[Transition]:
        closed = self.close(rows, reason)
        self.sensors.release(rows.tolist())
        self.state.clear(rows)
        self.rules.clear(rows)
        self._newest = None
        return closed

    def close(self, rows: Rows, reason: Reason) -> list[Transition]:
        """Close the open incidents of these rows, at the times of their last readings."""
        incidents, last = self.state.judge.incidents, self.state.cutter.windows.last_time
        rows = rows[incidents.told[rows]]
        times = np.maximum(last[rows], incidents.cases.last[incidents.cases.of(rows)])
        ends = zip(rows.tolist(), times.tolist(), strict=True)
        return self._transitions([incidents.close(row, time, reason) for row, time in ends])

    def _transitions(self, edges: Iterable[Edge]) -> list[Transition]:
        """Make transitions of edges that have no reading of their sensor."""
        return [
            transition(edge, _silent(edge, self.sensors.ids[edge.row] or "") or self._last(edge.row))
            for edge in edges
        ]

    def _values(self, rows: Rows) -> Floats:
        """Return the last values of these rows, (U, F)."""
        values: Floats = self.state.cutter.windows.buffer[rows, -1, : self.settings.features]
        return values

    def _last(self, row: int) -> Facts:
        """Return the facts of a row's newest reading."""
        judge, features = self.state.judge, self.settings.features
        return Facts(
            sensor=self.sensors.ids[row] or "",
            value=tuple(self.state.cutter.windows.buffer[row, -1, :features].tolist()),
            expected=tuple(judge.expected[row].tolist()),
            lower=tuple(judge.lower[row].tolist()),
            upper=tuple(judge.upper[row].tolist()),
            error=float(judge.error[row]),
            threshold=float(judge.threshold[row]),
            mean=nan,
            sigma=nan,
            score=float(judge.score[row]),
            feature_errors=(),
        )


def _silent(edge: Edge, sensor: str) -> Facts | None:
    """Return the facts of a sensor that has fallen silent, with its last value; None if it has not."""
    if not edge.last_value:
        return None
    unknown = (nan,) * len(edge.last_value)
    return Facts(sensor, edge.last_value, unknown, unknown, unknown, nan, nan, nan, nan, nan, ())


def _spread(cut: Cut, errors: Floats, feature_errors: Floats) -> tuple[Floats, Floats]:
    """Spread the errors (M,) and (M, F) of windows over all accepted readings; NaN where none was due."""
    if len(errors) == len(cut.index):
        return errors, feature_errors
    spread = np.full(len(cut.index), np.nan)
    by_feature = np.full((len(cut.index), feature_errors.shape[1]), np.nan)
    spread[cut.due], by_feature[cut.due] = errors, feature_errors
    return spread, by_feature
