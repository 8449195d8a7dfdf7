from __future__ import annotations

from dataclasses import replace

import numpy as np

from streamdetect.codecs.series import Series, SeriesSettings
from streamdetect.offline.recordings.series import as_series

START = 1_700_000_040.0


def test_a_recording_is_resampled_as_the_daemon_resamples(make_recording):
    random = np.random.default_rng(3)
    times = START + np.cumsum(random.integers(1, 200, 50))
    recording = make_recording(np.arange(50.0), times=times)
    settings = SeriesSettings(resample=60.0, difference="increase")
    (found,) = as_series([recording], settings)
    live = Series(settings, 1, 10)
    out = [got for value, time in enumerate(times.tolist()) for got in live.take("s", time, (float(value),))]
    assert found.times.tolist() == [time for time, _ in out]
    assert found.values[:, 0].tolist() == [value for _, (value,) in out]
    assert set(np.diff(found.times)) == {60.0}


def test_a_label_goes_to_what_was_made_of_its_reading(make_recording):
    recording = make_recording(np.arange(4.0), times=START + np.array([0.0, 10.0, 20.0, 70.0]))
    labelled = replace(recording, labels=np.array([0, 1, 0, 0], np.bool_))
    (found,) = as_series([labelled], SeriesSettings(resample=60.0))
    assert found.labels.tolist() == [False, True]


def test_nothing_is_done_that_nobody_asked_for(make_recording):
    recording = make_recording(np.arange(4.0), times=START + np.arange(4.0))
    assert as_series([recording], SeriesSettings()) == [recording]
