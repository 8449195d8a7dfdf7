"""Features of one sensor that were recorded one by one, joined as the daemon joins them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from streamdetect.codecs.joining import Joiner

if TYPE_CHECKING:
    from streamdetect.offline.recordings.recording import Recording


def joined(recording: Recording, tolerance: float) -> Recording:
    """Take a recording's values in one by one, (N, F) with NaN where there is none.

    The last reading is left out if it is not whole: the daemon would still wait for the rest of it. A reading
    is labelled if one of its values is.
    """
    joiner = Joiner(len(recording.features), tolerance, most=1)
    found, anomalous, known = [], False, []
    for time, values, label in zip(
        recording.times.tolist(), recording.values, recording.labelled.tolist(), strict=True
    ):
        for feature in np.flatnonzero(np.isfinite(values)).tolist():
            done = joiner.take("", feature, time, float(values[feature]))
            anomalous |= label
            found += done
            known += [anomalous] * len(done)
            if done:
                anomalous = label
    return replace(
        recording,
        times=np.array([reading.time for reading in found]),
        values=np.array([reading.values for reading in found]).reshape(-1, len(recording.features)),
        labels=None if recording.labels is None else np.array(known, np.bool_),
    )
