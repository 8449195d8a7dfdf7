"""One group of sensors that share a bundle and settings: readings in, verdicts out."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np

from .columns import Columns
from .grid import Grid
from .incidents import Incidents, IncidentSettings, Judged, Transition
from .judging import Judge
from .missing import LastKnown
from .readings import Outcome, Readings
from .reconstruction import reconstruction_errors
from .scaling import Scaling, SensorScale, pad, real_steps, scaled, window_scale
from .sensors import Sensors
from .thresholds import ThresholdSettings, TrainingError
from .verdicts import Pushed, SensorColumns, Verdicts
from .windows import Windows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .columns import Rows
    from .judging import Ruling
    from .missing import MissingPolicy
    from .moments import Floats
    from .reconstruction import ErrorMetric, Reconstruct
    from .windows import Due

ACCEPTED, CARDINALITY = int(Outcome.ACCEPTED), int(Outcome.CARDINALITY)  # numpy is slow with enumerations
READINGS_AT_ONCE = 1024
"""Of a recording: more gain nothing."""


@dataclass(frozen=True, slots=True)
class DetectorSettings:
    """What a detector is: the facts of its bundle, and the choices of its user."""

    time_steps: int
    features: int
    scaling: Scaling
    training_error: TrainingError
    error: ErrorMetric = "mae"
    min_steps: int = 0  # readings from which a window is judged, with a model that takes padding; 0 = T
    stride: int = 1  # a full window is judged at every stride-th reading
    missing: MissingPolicy = "drop"  # what becomes of a reading with a missing feature
    max_gap: float = inf  # s; a longer pause restarts the sensor's window
    max_sensors: int = 100_000
    idle_after: float = inf  # s; a sensor silent for longer makes room for a new one
    threshold: ThresholdSettings = field(default_factory=ThresholdSettings)
    incidents: IncidentSettings = field(default_factory=IncidentSettings)

    @property
    def first_steps(self) -> int:
        """Readings that a sensor's first window has."""
        return self.min_steps or self.time_steps


class SensorState(Columns):
    """All that is kept of the sensors, one row each."""

    def __init__(self, settings: DetectorSettings) -> None:
        super().__init__()
        steps, features, scaling = settings.time_steps, settings.features, settings.scaling
        first = settings.first_steps
        self.known = LastKnown(features) if settings.missing != "drop" else None
        # What is missing travels with the values, as F more of them.
        width = 2 * features if settings.missing == "mask" else features
        self.windows = Windows(
            steps, width, min_steps=first, stride=settings.stride, max_gap=settings.max_gap
        )
        self.scale = SensorScale(first, features, scaling.history) if scaling.kind == "sensor" else None
        self.judge = Judge(settings.threshold, settings.training_error, settings.incidents.close_after)
        self.incidents = Incidents(settings.incidents)


class Detector:
    """Ring buffers, thresholds and incidents of all sensors, and the model they share.

    `process` is `push`, `score` and `judge` in turn. Only `score` is expensive, and it has no state, so a
    journal of readings and errors rebuilds a detector without it.
    """

    def __init__(self, settings: DetectorSettings, reconstruct: Reconstruct) -> None:
        self.settings = settings
        self.sensors = Sensors(settings.max_sensors)
        self.state = SensorState(settings)
        self.reconstruct = reconstruct
        self._size = 0  # rows that the columns have
        zeros, ones = (0.0,) * settings.features, (1.0,) * settings.features
        self._offset = np.array(settings.scaling.offset or zeros)
        self._scale = np.array(settings.scaling.scale or ones)

    def __len__(self) -> int:
        return len(self.sensors)

    def process(self, readings: Readings) -> Verdicts:
        """Take in a batch of readings and judge every window that it completes."""
        pushed = self.push(readings)
        return self.judge(pushed, *self.score(pushed))

    def push(self, readings: Readings) -> Pushed:
        """Take readings into the windows of their sensors."""
        try:
            rows, evicted = self.sensors.find(readings.sensors), list[Transition]()
        except KeyError:
            rows, evicted = self._admit(readings)
        outcomes = np.empty(len(rows), dtype=np.uint8)
        outcomes.fill(CARDINALITY)
        (index,) = (rows >= 0).nonzero()
        grid = Grid(rows[index])
        accepted = self.state.windows.accept(grid, readings.times[index])
        outcomes[index] = accepted.outcomes
        gaps = accepted.gaps
        if np.count_nonzero(accepted.outcomes):
            kept = accepted.outcomes == ACCEPTED
            index, gaps = index[kept], gaps[kept]
            grid = Grid(rows[index])
        values = readings.values.take(index, axis=0)
        missing = np.isnan(values)
        if self.state.known:
            values = self.state.known.fill(grid, values)
        if np.count_nonzero(missing):
            whole = ~np.isnan(values).any(axis=1)
            outcomes[index[~whole]] = Outcome.INCOMPLETE
            index, gaps, values, missing = index[whole], gaps[whole], values[whole], missing[whole]
            grid = Grid(rows[index])
        wide = np.concatenate([values, missing], axis=1) if self.settings.missing == "mask" else values
        due = self.state.windows.push(grid, wide, gaps)
        windows = self._scaled(grid, values, due)
        if len(due.index) < len(index):
            index = index[due.index]
            grid = Grid(rows[index])
        return Pushed(readings, outcomes, index, grid, windows, self._real(due), evicted)

    def score(self, pushed: Pushed) -> tuple[Floats, Floats]:
        """The reconstruction error of each window, (M,), and of each of its features, (M, F)."""
        if not len(pushed.windows):
            return np.empty(0), np.empty((0, self.settings.features))
        rebuilt = self.reconstruct(pushed.windows)
        return reconstruction_errors(pushed.windows, rebuilt, self.settings.error, pushed.real)

    def judge(self, pushed: Pushed, errors: Floats, feature_errors: Floats) -> Verdicts:
        """Hold the errors (M,) against their sensors' thresholds, then remember them."""
        grid = pushed.grid
        ruling = self.state.judge.judge(grid, errors)
        readings, index = pushed.readings, pushed.index
        whole = len(index) == len(readings.sensors)
        verdicts = Verdicts(
            index=index,
            sensors=list(readings.sensors if whole else map(readings.sensors.__getitem__, index.tolist())),
            times=readings.times[index],
            values=readings.values.take(index, axis=0),
            errors=ruling.errors,
            feature_errors=feature_errors,
            means=ruling.means,
            sigmas=ruling.sigmas,
            thresholds=ruling.thresholds,
            anomalous=ruling.anomalous,
            transitions=pushed.evicted,
            outcomes=pushed.outcomes,
        )
        verdicts.transitions.extend(self._transitions(grid, ruling, verdicts))
        return verdicts

    @property
    def newest(self) -> float:
        """Time of the newest reading of all sensors, -inf without any: the only clock there is here."""
        return float(self.state.windows.last_time.max(initial=-inf))

    def evict(self, idle_before: float) -> list[Transition]:
        """Free the rows of sensors whose last reading is older than this, closing what they have open."""
        return self._free(self._idle(idle_before))

    def columns(self) -> SensorColumns:
        """What is known of each sensor now.

        Safe from another thread: a sensor that comes or goes meanwhile may be missed or be a batch behind.
        """
        rows, state = self.sensors.rows(), self.state
        return SensorColumns(
            ids=[self.sensors.ids[row] or "" for row in rows.tolist()],
            last_time=state.windows.last_time[rows],
            value=state.windows.buffer[rows, -1, : self.settings.features],
            error=state.judge.error[rows],
            threshold=state.judge.limit[rows],
            anomalous=state.judge.anomalous[rows],
            incident_open=state.incidents.open(rows),
            warming_up=~state.judge.threshold.warm(rows),
        )

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """A copy of the state: arrays by name, one row per sensor; `sensors` holds the ids as UTF-8."""
        rows = self.sensors.rows()
        ids = [(self.sensors.ids[row] or "").encode() for row in rows.tolist()]
        return {
            "made_with": np.array(self._shape()),
            "sensors": np.array(ids, dtype=np.bytes_),
            **self.state.snapshot(rows),
        }

    def _shape(self) -> str:
        """The settings on which the meaning of the columns rests."""
        settings, threshold = self.settings, self.settings.threshold
        facts = settings.time_steps, settings.first_steps, settings.features, settings.scaling
        return repr((*facts, settings.missing, threshold.kind, threshold.history, threshold.smoothing))

    def restore(self, saved: dict[str, NDArray[Any]]) -> None:
        """Take in the sensors of a snapshot, beside those already here.

        Raises:
            ValueError: the snapshot is of a detector with other settings, or has a sensor that is here.
        """
        if saved["made_with"].item() != self._shape():
            raise ValueError(f"snapshot: must be made with {self._shape()}, got {saved['made_with'].item()}")
        ids = [sensor.decode() for sensor in saved["sensors"].tolist()]
        if any(sensor in self.sensors for sensor in ids) or len(self) + len(ids) > self.settings.max_sensors:
            raise ValueError("sensors: must be new and fit max_sensors")
        self._reserve(len(ids))
        rows = np.array([self.sensors.admit(sensor) for sensor in ids], dtype=np.intp)
        self.state.restore(rows, saved)

    def _admit(self, readings: Readings) -> tuple[Rows, list[Transition]]:
        """Give new sensors a row; where there is none left, make room from idle ones, once.

        Returns:
            The row of each sensor, (N,), -1 for one that is turned away; and what was closed to make room.
        """
        rows = self.sensors.find_known(readings.sensors)
        unknown = np.flatnonzero(rows < 0).tolist()
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
                rows[at] = self.sensors.admit(sensor)
        return rows, evicted

    def _reserve(self, more: int) -> None:
        """Make the columns long enough before a row is handed out."""
        rows = min(len(self.sensors.ids) + more, self.settings.max_sensors)
        if rows > self._size:
            self._size = max(rows, min(2 * self._size, self.settings.max_sensors))
            self.state.resize(self._size)

    def _idle(self, before: float) -> Rows:
        last = self.state.windows.last_time
        return np.flatnonzero((last < before) & (last > -inf))

    def _free(self, rows: Rows) -> list[Transition]:
        open_rows = rows[self.state.incidents.open(rows)].tolist()
        closed = [self.state.incidents.evict(row, self._last(row)) for row in open_rows]
        self.sensors.release(rows.tolist())
        self.state.clear(rows)
        return closed

    def _last(self, row: int) -> Judged:
        """The last verdict of a row."""
        judge, windows = self.state.judge, self.state.windows
        return Judged(
            sensor=self.sensors.ids[row] or "",
            time=float(windows.last_time[row]),
            value=tuple(windows.buffer[row, -1, : self.settings.features].tolist()),
            error=float(judge.error[row]),
            threshold=float(judge.limit[row]),
            mean=float(judge.mean[row]),
            sigma=float(judge.sigma[row]),
            anomalous=bool(judge.anomalous[row]),
            feature_errors=(),
            regime_changed=False,
        )

    def _scaled(self, grid: Grid, values: Floats, due: Due) -> NDArray[np.float32]:
        """The due windows as the model wants them, (M, T, F)."""
        raw = due.windows[:, :, : self.settings.features]
        if self.state.scale:
            laid = self.state.scale.advance(grid.rows, grid.lay(values), grid.counts)
            windows = scaled(raw, *(grid.read(part)[due.index, None] for part in laid))
        elif self.settings.scaling.kind == "window":
            windows = scaled(raw, *(part[:, None] for part in window_scale(raw, due.lengths)))
        else:
            windows = scaled(raw, self._offset, self._scale)
        if self.settings.min_steps:
            pad(windows, due.lengths)
        return windows

    def _real(self, due: Due) -> NDArray[np.bool_] | None:
        """What of the due windows is neither padding nor missing, (M, T, F)."""
        features, steps = self.settings.features, self.settings.time_steps
        if self.settings.missing == "mask":
            return np.asarray(
                real_steps(due.lengths, steps)[:, :, None] & (due.windows[:, :, features:] == 0)
            )
        if not self.settings.min_steps:
            return None
        return np.repeat(real_steps(due.lengths, steps)[:, :, None], features, axis=2)

    def _transitions(self, grid: Grid, ruling: Ruling, verdicts: Verdicts) -> list[Transition]:
        """Take the incidents of every row in which something goes on through the batch."""
        busy = self.state.incidents.busy[grid.rows]
        if not np.count_nonzero(busy) and not np.count_nonzero(ruling.anomalous):
            return []
        anomalous, order = grid.lay(ruling.anomalous, fill=False), grid.lay(np.arange(len(verdicts)))
        (lines,) = (busy | anomalous.any(axis=1)).nonzero()
        taken = (part[lines].tolist() for part in (grid.rows, grid.counts, order, anomalous))
        found: list[tuple[int, list[Transition]]] = []
        for row, count, places, which in zip(*taken, strict=True):

            def judged(at: int, places: list[int] = places) -> Judged:
                return verdicts.judged(places[at], regime_changed=bool(ruling.regime_changed[places[at]]))

            steps = self.state.incidents.step(row, which[:count], judged)
            found.extend((places[at], done) for at, done in steps)
        found.sort(key=lambda item: item[0])
        return [transition for _, done in found for transition in done]


def windows_of(
    values: Floats,
    time_steps: int,
    scaling: Scaling,
    *,
    times: Floats | None = None,
    max_gap: float = inf,
    stride: int = 1,
    min_steps: int = 0,
) -> NDArray[np.float32]:
    """The windows of one sensor's recording as a detector would score them.

    Args:
        values: (N, F), oldest first.
        time_steps: T.
        scaling: how raw values become the model's input.
        times: (N,) Unix seconds; by default 0, 1, 2, …
        max_gap: in seconds; a longer pause restarts the window.
        stride: every stride-th window.
        min_steps: readings from which a window counts, with padding before them; 0 = T.

    Returns:
        (M, T, F) scaled.
    """
    settings = DetectorSettings(
        time_steps,
        values.shape[1],
        scaling,
        TrainingError(0.0, 1.0),
        min_steps=min_steps,
        stride=stride,
        max_gap=max_gap,
    )
    detector = Detector(settings, lambda windows: windows)
    times = np.arange(len(values), dtype=np.float64) if times is None else times
    parts = [
        detector.push(Readings([""] * len(part), times[part], values[part])).windows
        for part in np.array_split(np.arange(len(values)), len(values) // READINGS_AT_ONCE + 1)
    ]
    return np.concatenate(parts)
