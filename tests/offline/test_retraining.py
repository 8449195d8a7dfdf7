"""The readings that a new model learns from, and when it replaces the old one."""

from __future__ import annotations

import math

import numpy as np
import pytest

from streamdetect.bundles.bundle import Bundle
from streamdetect.config import validate
from streamdetect.errors import DataError
from streamdetect.offline.retraining import Trial, before, split, trial, with_incidents
from streamdetect.store import history
from streamdetect.store.history import Incident


@pytest.mark.parametrize(
    ("other", "better"),
    [
        (Trial(3, 4, 1, 0.9), False),
        (Trial(4, 4, 1, 0.5), True),
        (Trial(3, 4, 0, 0.5), True),
        (Trial(3, 4, 1, 0.91), True),
        (Trial(3, 4, 1, 0.902), False),  # by chance
        (Trial(4, 4, 2, 0.99), False),  # finds more, and alarms more often for nothing
        (Trial(2, 4, 0, 0.99), False),
        (Trial(3, 4, 1, math.nan), False),
    ],
)
def test_better_is_worse_in_nothing(other, better):
    assert other.is_better_than(Trial(3, 4, 1, 0.9)) == better


def test_incidents_are_left_out_but_for_false_ones_and_others(make_recording, monkeypatch, tmp_path):
    def incident(sensor, start, end, label="", detector="plant", reason="recovered"):
        return Incident("i", detector, sensor, start, end, 0.0, "warning", "", reason, label, {})

    known = [
        incident("pump", 10, 12),
        incident("pump", 20, 22, "false"),
        incident("pump", 24, 25, reason="regime_change"),  # it is normal now
        incident("pump", 26, 27, reason="accepted"),
        incident("pump", 28, 28, "true", reason="regime_change"),
        incident("pump", 30, None, "true"),
        incident("pump", 0, 5, detector="other"),
        incident("fan", 0, 99),
    ]
    path = tmp_path / "history"
    path.touch()
    monkeypatch.setattr(history, "read", lambda *_, **__: known)
    monkeypatch.setattr("streamdetect.offline.retraining.read_history", lambda *_, **__: known)
    labels = np.arange(33) == 15
    recording = make_recording(np.arange(33.0), times=np.arange(33.0), labels=labels)
    (found,) = with_incidents([recording], path, "plant")
    assert found.labels.nonzero()[0].tolist() == [10, 11, 12, 15, 28, 30, 31, 32]
    (alone,) = with_incidents([recording], None, "plant")
    assert alone.labels.tolist() == labels.tolist()


def test_the_latest_part_of_the_time_is_held_out(make_recording):
    one = make_recording(np.arange(100.0), times=np.arange(100.0))
    late = make_recording(np.arange(20.0), sensor="late", times=np.arange(20.0) + 80.5)
    since = split([one, late], 0.25)
    assert since == 0.75 * 99.5
    (past,) = before([one, late], since)
    assert past.times.tolist() == list(range(75))
    with pytest.raises(DataError, match="must span"):
        split([make_recording([1.0])], 0.2)


def test_a_trial_counts_faults_everywhere_and_false_alarms_in_the_held_out_part(make_recording):
    rng = np.random.default_rng(2)
    values = 20 + np.sin(np.arange(4000) / 9) + rng.normal(0, 0.05, 4000)
    values[1500:1540] += 30
    values[3500:3540] += 30
    times = 1.7e9 + 60.0 * np.arange(4000)
    config = validate({"detectors": [{}]}).detectors[0]
    bundle = Bundle.load("general")

    def tried(labels, since):
        recording = make_recording(values, times=times, labels=labels, features=("value",))
        return trial(config, bundle, [recording], times[since])

    first = np.arange(4000) // 40 * 40 == 1480
    labelled = (np.arange(4000) >= 1500) & (np.arange(4000) < 1540)
    assert not first.all()
    found = tried(labelled, 3000)
    assert (found.found, found.faults) == (1, 1)
    assert found.lost(found._replace(where=frozenset())) == [("pump", times[1500])]
    assert found.lost(found) == []
    assert found.false >= 1
    assert tried(labelled, 3900).false < found.false
    assert 0.3 < found.explained < 1
