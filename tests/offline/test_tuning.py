"""The sensitivity that keeps to a limit, chosen on one part of the time and tried on another."""

from __future__ import annotations

import numpy as np
import pytest

from streamdetect.bundles.bundle import Bundle
from streamdetect.cli import main
from streamdetect.commands.tune import _chosen
from streamdetect.config import validate
from streamdetect.errors import DataError
from streamdetect.offline import plots, tuning
from streamdetect.offline.tuning import Part, Point, Remembered, Tuning, tune, with_sensitivity

CONFIG = validate({"detectors": [{}]}).detectors[0]
STEPS = (4.0, 1.0, 0.25)


@pytest.fixture(scope="module")
def recordings(make_recording):
    """Two sensors for two weeks, a reading in ten minutes; bursts of every size, and a fault in each half."""
    rng = np.random.default_rng(11)
    count = 14 * 144
    found = []
    for sensor in ("a", "b"):
        values = 20 + np.sin(np.arange(count) / 12) + rng.normal(0, 0.1, count)
        for at in rng.choice(count, 40, replace=False):
            values[at] += rng.exponential(0.6)
        labels = np.zeros(count, bool)
        for at in (600, 1500):
            values[at : at + 30] += 25 * np.cos(np.arange(30))
            labels[at : at + 30] = True
        times = 1.7e9 + 600.0 * np.arange(count)
        found.append(make_recording(values, sensor=sensor, times=times, labels=labels, features=("value",)))
    return found


@pytest.fixture(scope="module")
def general():
    return Bundle.load("general")


def test_the_most_sensitive_within_the_limit_is_chosen_and_the_rest_of_the_time_is_told(recordings, general):
    done = []
    tuning = tune(CONFIG, general, recordings, 1.0, steps=STEPS, progress=done.append)
    assert done == [1, 2, 3]
    rates = [point.chosen_on.false_per_week for point in tuning.points]
    assert rates[0] > rates[-1]
    places = [at for at in range(3) if all(rate <= 1.0 for rate in rates[at:])]
    assert tuning.chosen == (tuning.points[places[0]] if places else None)
    one, other = tuning.points[0].chosen_on, tuning.points[0].held_out
    assert (one.weeks, other.weeks) == pytest.approx((1.0, 0.8), rel=1e-3)
    assert (one.faults, other.faults) == (2, 2)
    assert tuning.labelled


def test_no_sensitivity_that_is_tried_keeps_to_it(recordings, general):
    assert tune(CONFIG, general, recordings, 1e-9, steps=(8.0,)).chosen is None


def test_a_sensor_with_a_sensitivity_of_its_own_keeps_it():
    config = validate({"detectors": [{"overrides": [{"sensors": "a", "sensitivity": 3.0}]}]}).detectors[0]
    tuned = with_sensitivity(config, 2.0).rules(("value",))
    assert [(one.sensors, one.sensitivity) for one in tuned] == [("*", 2.0), ("a", 3.0)]


def test_a_model_works_once_on_the_same_windows():
    calls = []
    model = Remembered(lambda windows: calls.append(len(windows)) or windows + 1)
    first, second = np.ones((3, 2, 1), np.float32), np.zeros((2, 2, 1), np.float32)
    for _ in range(2):
        np.testing.assert_array_equal(model(first), first + 1)
        np.testing.assert_array_equal(model(second), second + 1)
    assert calls == [3, 2]


def test_a_single_time_is_refused(make_recording, general):
    with pytest.raises(DataError, match="must span"):
        tune(CONFIG, general, [make_recording([1.0], features=("value",))], 1.0)


def test_the_command_prints_what_to_configure_and_draws_the_curve(recordings, tmp_path, capsys):
    path = tmp_path / "plant.csv"
    rows = [
        f"{time!r},{one.sensor},{value[0]!r},{int(bad)}"
        for one in recordings
        for time, value, bad in zip(one.times.tolist(), one.values.tolist(), one.labels, strict=True)
    ]
    path.write_text("\n".join(["time,sensor,value,bad", *rows]) + "\n")
    layout = [str(path), "--sensor-column", "sensor", "--label-column", "bad"]
    picture = tmp_path / "curve.png"
    page = tmp_path / "curve.html"
    draw = ["--plot", str(picture), "--report", str(page)] if _installed() else []
    assert main(["tune", *layout, "--at-most", "3/day", *draw]) == 0
    printed = capsys.readouterr().out
    assert "<- chosen" in printed
    assert printed.splitlines()[-1].startswith("sensitivity: ")
    assert "of the held-out 0.8 weeks it" in printed
    assert picture.exists() == page.exists() == bool(draw)
    if draw:
        text = page.read_text()
        assert "Tuning with plant.csv" in text
        assert f"Sensitivity {printed.split()[-1]}: of the held-out" in text
        assert text.count('scope="row"') == len(tuning.STEPS)
        assert '"faults found, held out"' in text
    with pytest.raises(SystemExit):
        main(["tune", *layout, "--at-most", "often"])


def _installed():
    try:
        plots.check_installed()
    except Exception:  # noqa: BLE001 - whatever is missing
        return False
    return True


def test_a_limit_that_so_short_a_recording_cannot_tell_is_said():
    part = Part(weeks=0.2, false=1, found=0, faults=0)
    never = Tuning((Point(1.0, part, part),), None, labelled=False)
    assert _chosen(never, 1.0) == (
        "no sensitivity has at most 1 false alarms a week; 0.2 weeks are too few to tell: "
        "one alarm is 5.00 a week"
    )
    assert _chosen(never, 10.0) == "no sensitivity has at most 10 false alarms a week"
