"""The report of one batch, for the metrics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

MESSAGE_OUTCOMES: Final = {
    "accepted": "became readings",
    "rejected": "no part could be read; counted by reason in rejected_total",
    "ignored": "has none of the configured values, or a topic to ignore",
    "copy": "sent again by the broker for another filter that matches its topic",
    "retained": "a retained message, repeated by the broker at a subscription and dropped",
}


@dataclass(frozen=True, slots=True)
class DetectorReport:
    """One detector's report on its N readings of a batch."""

    detector: str
    readings: NDArray[np.uint8]  # (N,) core.readings.Outcome of each
    windows: int  # scored
    anomalous: int  # of those
    transitions: Sequence[str]  # kinds
    inference_seconds: float


@dataclass(frozen=True, slots=True)
class BatchReport:
    """The outcome of one batch of messages."""

    messages: Mapping[str, int]  # by outcome, see MESSAGE_OUTCOMES
    rejected: Mapping[str, int]  # messages and parts of messages by reason, see codecs.REASONS
    latencies: NDArray[np.float64]  # (M,) seconds from arrival to verdict, one for each window
    last_arrival: float  # Unix seconds; -inf without any
    detectors: Sequence[DetectorReport]
