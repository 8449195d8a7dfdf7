"""Incidents: a run of anomalous verdicts of one sensor is one thing that opens, is updated and closes."""

from __future__ import annotations

from dataclasses import dataclass, fields
from operator import attrgetter
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from .columns import Columns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from .columns import Rows

LEAST_THRESHOLD = 1e-12
"""A score is error / threshold; a threshold of 0 counts as this."""


@dataclass(frozen=True, slots=True)
class IncidentSettings:
    """When anomalous verdicts become an incident, and when it is over. Counts are in windows."""

    consecutive: int = 1  # anomalous windows in a row that open one,
    evidence: float = 20.0  # once their (error - threshold) / sigma add up to this
    close_ratio: float = 1.0  # it closes at errors up to this share of the threshold
    close_after: int = 5  # windows in a row that close one
    cooldown: int = 0  # after one closes, none opens for so long
    update_every: int = 0  # 0 = updated only when severity rises
    critical_score: float = 2.0


Severity = Literal["warning", "critical"]
Kind = Literal["opened", "updated", "closed", "regime_changed"]
Reason = Literal["", "recovered", "regime_change", "evicted", "restarted"]


@dataclass(frozen=True, slots=True)
class Transition:
    """One edge of one incident, or a change of regime."""

    kind: Kind
    sensor: str
    time: float  # Unix seconds
    started: float  # of the first anomalous window
    ended: float | None  # of the last anomalous window, once closed
    value: tuple[float, ...]  # the newest reading
    error: float
    threshold: float
    mean: float
    sigma: float
    score: float  # error / threshold; > 1 is anomalous
    severity: Severity
    peak_error: float
    peak_score: float
    peak_time: float
    windows: int  # anomalous ones so far
    feature_errors: tuple[float, ...]
    reason: Reason


class Judged(NamedTuple):
    """One window's verdict, as an incident looks at it."""

    sensor: str
    time: float
    value: tuple[float, ...]
    error: float
    threshold: float
    mean: float
    sigma: float
    anomalous: bool
    feature_errors: tuple[float, ...]
    regime_changed: bool


@dataclass(slots=True)
class _State:
    """The state of one row, in the order of the structured column."""

    open: bool
    critical: bool
    consecutive: int  # anomalous windows in a row
    calm: int  # windows in a row that speak for closing
    windows: int
    since_update: int
    quiet: int  # windows until one may open again
    evidence: float  # (error - threshold) / sigma, added up over the anomalous windows in a row
    started: float
    last: float  # time of the last anomalous window
    peak_error: float
    peak_score: float
    peak_time: float

    @property
    def busy(self) -> bool:
        """Whether even a normal window changes something."""
        return bool(self.open or self.consecutive or self.quiet)


_values = attrgetter(*(f.name for f in fields(_State)))  # dataclasses.astuple copies deeply: 50 times slower

_DTYPE = np.dtype(
    [("open", "?"), ("critical", "?")]
    + [(name, "i8") for name in ("consecutive", "calm", "windows", "since_update", "quiet")]
    + [(name, "f8") for name in ("evidence", "started", "last", "peak_error", "peak_score", "peak_time")]
)


class Incidents(Columns):
    """The incidents of all sensors: at most one open a row."""

    state: NDArray[np.void]
    busy: NDArray[np.bool_]  # (S,) even a normal window changes something

    def __init__(self, settings: IncidentSettings) -> None:
        super().__init__()
        self.settings = settings
        self.column("state", _DTYPE)
        self.column("busy", np.bool_)

    def open(self, rows: Rows) -> NDArray[np.bool_]:
        """Rows with an open incident."""
        return self.state["open"][rows]

    def step(
        self, row: int, anomalous: Sequence[bool], judged: Callable[[int], Judged]
    ) -> list[tuple[int, list[Transition]]]:
        """Take one row through its windows, oldest first; the transitions of each window that has any.

        Args:
            row: the sensor's.
            anomalous: of each window.
            judged: gives a window by its place; not asked for those that change nothing.
        """
        state = _State(*self.state[row].item())
        found = []
        for at, is_anomalous in enumerate(anomalous):
            if (is_anomalous or state.busy) and (done := self._step(state, judged(at))):
                found.append((at, done))
        self.state[row] = _values(state)
        self.busy[row] = state.busy
        return found

    def evict(self, row: int, last: Judged) -> Transition:
        """The end of an incident whose row is about to be freed; the row is left as it is."""
        return self._close(_State(*self.state[row].item()), last, "evicted")

    def _step(self, state: _State, window: Judged) -> list[Transition]:
        quiet = state.quiet
        done = self._anomalous(state, window) if window.anomalous else self._normal(state, window)
        if quiet:  # then nothing was open, and nothing closed just now
            state.quiet -= 1
        if window.regime_changed:
            if state.open:
                done.append(self._close(state, window, "regime_change"))
            state.consecutive, state.evidence = 0, 0.0
            done.append(_transition("regime_changed", state, window))
        return done

    def _anomalous(self, state: _State, window: Judged) -> list[Transition]:
        rules = self.settings
        state.consecutive += 1
        state.evidence += _evidence(window)
        if state.consecutive == 1 and not state.open:
            state.started, state.windows, state.since_update = window.time, 0, 0
            state.peak_error, state.critical = -np.inf, False
        state.windows += 1
        state.since_update += 1
        state.calm, state.last = 0, window.time
        score = _score(window)
        if window.error > state.peak_error:
            state.peak_error, state.peak_score, state.peak_time = window.error, score, window.time
        rises = score >= rules.critical_score and not state.critical
        state.critical |= rises
        if not state.open:
            if state.consecutive < rules.consecutive or state.evidence < rules.evidence or state.quiet:
                return []
            state.open, state.since_update = True, 0
            return [_transition("opened", state, window)]
        if rises or (rules.update_every and state.since_update >= rules.update_every):
            state.since_update = 0
            return [_transition("updated", state, window)]
        return []

    def _normal(self, state: _State, window: Judged) -> list[Transition]:
        state.consecutive, state.evidence = 0, 0.0
        if not state.open:
            return []
        calm = window.error <= self.settings.close_ratio * window.threshold
        state.calm = state.calm + 1 if calm else 0
        if state.calm < self.settings.close_after:
            return []
        return [self._close(state, window, "recovered")]

    def _close(self, state: _State, window: Judged, reason: Reason) -> Transition:
        state.open, state.calm, state.quiet = False, 0, self.settings.cooldown
        return _transition("closed", state, window, reason)


def _score(window: Judged) -> float:
    return window.error / max(window.threshold, LEAST_THRESHOLD)


def _evidence(window: Judged) -> float:
    """How far above its threshold the error is, in σ; infinite where there is no σ to measure it by."""
    return (window.error - window.threshold) / window.sigma if window.sigma > 0 else np.inf


def _transition(kind: Kind, state: _State, window: Judged, reason: Reason = "") -> Transition:
    return Transition(
        kind=kind,
        sensor=window.sensor,
        time=window.time,
        started=state.started,
        ended=state.last if kind == "closed" else None,
        value=window.value,
        error=window.error,
        threshold=window.threshold,
        mean=window.mean,
        sigma=window.sigma,
        score=_score(window),
        severity="critical" if state.critical else "warning",
        peak_error=state.peak_error,
        peak_score=state.peak_score,
        peak_time=state.peak_time,
        windows=state.windows,
        feature_errors=window.feature_errors,
        reason=reason,
    )
