"""Recordings put in order, as rates and at equal steps, as the daemon brings live readings there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from streamdetect.codecs.series import Series

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamdetect.codecs.series import SeriesSettings
    from streamdetect.offline.recordings.recording import Recording


def as_series(found: Sequence[Recording], settings: SeriesSettings) -> list[Recording]:
    """Return the recordings as the daemon would take them in with these settings.

    A reading is labelled if one of its source readings is.
    """
    return [_as_series(one, settings) for one in found] if settings.needed else list(found)


def _as_series(recording: Recording, settings: SeriesSettings) -> Recording:
    features = len(recording.features)
    series = Series(settings, features, most=1)
    times, values, known, anomalous = [], [], [], False
    for time, row, label in zip(
        recording.times.tolist(), recording.values.tolist(), recording.labelled.tolist(), strict=True
    ):
        anomalous |= label
        done = series.take("", time, tuple(row))
        times += [moment for moment, _ in done]
        values += [numbers for _, numbers in done]
        known += [anomalous] * len(done)
        if done:
            anomalous = label
    return replace(
        recording,
        times=np.array(times, float),
        values=np.array(values, float).reshape(-1, features),
        labels=None if recording.labels is None else np.array(known, np.bool_),
    )
