"""The parts of a recording that are fit to learn from."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from streamdetect.offline.recordings.recording import Recording


def normal(recordings: Sequence[Recording]) -> list[Recording]:
    """Cut out the readings that are known to be anomalous; the rest is one recording or several.

    A window may not reach over a cut: the readings before and after it never followed each other.
    """
    return [part for recording in recordings for part in _parts(recording)]


def _parts(recording: Recording) -> Iterator[Recording]:
    labels = recording.labels
    if labels is None or not labels.any():
        yield recording
        return
    cuts = np.flatnonzero(np.diff(labels)) + 1
    spans = [span for span in np.split(np.arange(len(labels)), cuts) if not labels[span[0]]]
    for number, span in enumerate(spans, 1):
        yield replace(
            recording,
            sensor=f"{recording.sensor}.{number}",
            times=recording.times[span],
            values=recording.values[span],
            labels=labels[span],
        )
