"""A detector's report on an incident: an edge of it, and the reading at that edge."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .faults import Fault
    from .incidents import Direction, Edge, Kind, Reason, Severity


@dataclass(frozen=True, slots=True)
class Transition:
    """One edge of one incident, or a change of regime. NaN = not known."""

    kind: Kind
    sensor: str
    time: float  # Unix seconds
    started: float  # of the first anomalous reading
    ended: float | None  # of the last anomalous reading, once closed
    fault: Fault  # what is wrong, as far as it can be told
    direction: Direction  # of the value from its mean
    views: Mapping[str, float]  # the largest score so far of each view that could tell
    feature: int  # with the largest score
    value: tuple[float, ...]  # (F,) the newest reading
    expected: tuple[float, ...]  # (F,) of the value
    lower: tuple[float, ...]  # (F,) where its score is 1
    upper: tuple[float, ...]
    error: float  # reconstruction error
    threshold: float
    mean: float  # of past errors
    sigma: float
    score: float  # the largest of all views; > 1 is anomalous
    severity: Severity
    peak_score: float
    peak_time: float
    peak_error: float
    peak_value: tuple[float, ...]  # (F,)
    windows: int  # anomalous readings so far
    held: float  # s for which the value was the same, nothing was heard, or a cycle took
    most: float  # the most s for which that was so before
    limit: float  # set by the user, that the worst value was beyond
    feature_errors: tuple[float, ...]  # (F,); empty = no longer known
    reason: Reason
    recurs: float = nan  # about the s after which it comes back, as it did before; NaN = it does not


class Facts(NamedTuple):
    """A sensor's newest reading, as a transition tells it."""

    sensor: str
    value: tuple[float, ...]
    expected: tuple[float, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    error: float
    threshold: float
    mean: float
    sigma: float
    score: float
    feature_errors: tuple[float, ...]


def transition(edge: Edge, facts: Facts) -> Transition:
    """An edge and its reading put together."""
    return Transition(
        **facts._asdict(),
        kind=edge.kind,
        time=edge.time,
        started=edge.started,
        ended=edge.ended,
        fault=edge.fault,
        direction=edge.direction,
        views=edge.views,
        feature=edge.feature,
        severity=edge.severity,
        peak_score=edge.peak_score,
        peak_time=edge.peak_time,
        peak_error=edge.peak_error,
        peak_value=edge.peak_value,
        windows=edge.anomalous,
        held=edge.held,
        most=edge.most,
        limit=edge.limit,
        reason=edge.reason,
        recurs=edge.recurs,
    )
