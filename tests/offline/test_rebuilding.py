"""The windows that are shown, with their real readings and reconstructions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from streamdetect.bundles.bundle import Bundle
from streamdetect.core.detector import Detector, DetectorSettings
from streamdetect.core.incidents import IncidentSettings
from streamdetect.core.rules import Rule
from streamdetect.core.scaling import Scaling
from streamdetect.offline.backtest import backtest
from streamdetect.offline.backtest.choosing import Choice, apart, ending_by, telling
from streamdetect.offline.backtest.examples import examples
from streamdetect.offline.backtest.rebuilding import rebuild


def averaging(windows):
    """Rebuild a window as the mean of its steps, halfway."""
    return ((windows + windows.mean(1, keepdims=True)) / 2).astype(np.float32)


def with_scaling(detector, scaling, **more):
    return Detector(replace(detector.settings, scaling=scaling, **more), averaging)


@pytest.mark.parametrize(
    "scaling",
    [
        Scaling("none"),
        Scaling("affine", offset=(40.0, -3.0), scale=(2.5, 0.1)),
        Scaling("window"),
        Scaling("sensor", history=256),
    ],
    ids=lambda scaling: scaling.kind,
)
@pytest.mark.parametrize("features", [1, 2])
def test_readings_and_reconstruction_are_in_the_sensors_own_units(
    make_detector, make_recording, scaling, features
):
    random = np.random.default_rng(3)
    values = np.array([40.0, -3.0])[:features] + random.normal(0, [2.5, 0.1][:features], (3000, features))
    recording = make_recording(values, times=np.delete(1e9 + np.arange(3500.0), np.arange(700, 1200)))
    if scaling.kind == "affine":
        scaling = replace(scaling, offset=scaling.offset[:features], scale=scaling.scale[:features])
    detector = with_scaling(make_detector(features=features), scaling, max_gap=100.0)
    (result,) = backtest(detector, [recording])
    windows = np.flatnonzero(result.windows)
    choices = [Choice(int(windows[at]), "") for at in (0, 1, 695, 700, 2000, -1)]
    for choice, window in zip(choices, rebuild(detector, result, choices), strict=True):
        end = result.index[choice.at] + 1
        np.testing.assert_array_equal(window.readings, values[end - 4 : end])
        # The model's halving of the way to the mean is the same in every unit.
        expected = (window.readings + window.readings.mean(0)) / 2
        np.testing.assert_allclose(window.reconstruction, expected, rtol=1e-5, atol=1e-5)
        assert window.time == result.times[choice.at]
        assert window.error == result.errors[choice.at]


def test_padding_is_neither_a_reading_nor_rebuilt(make_detector, make_recording):
    detector = with_scaling(make_detector(time_steps=6), Scaling("window"), min_steps=2)
    (result,) = backtest(detector, [make_recording(np.arange(9.0) ** 2)])
    first, last = rebuild(detector, result, [Choice(1, ""), Choice(8, "")])
    np.testing.assert_array_equal(first.readings[:, 0], [np.nan] * 4 + [0.0, 1.0])
    assert np.isnan(first.reconstruction[:4]).all()
    assert np.isfinite(first.reconstruction[4:]).all()
    assert np.isfinite(last.reconstruction).all()


def test_nothing_chosen_nothing_rebuilt(make_detector, make_recording):
    detector = make_detector()
    (result,) = backtest(detector, [make_recording(np.ones(9))])
    assert rebuild(detector, result, []) == []


def test_the_detector_stays_as_it_is(make_detector, spiked):
    detector = make_detector()
    (result,) = backtest(detector, [spiked])
    before = detector.snapshot()
    assert rebuild(detector, result, telling(result))
    after = detector.snapshot()
    for name in before:
        np.testing.assert_array_equal(before[name], after[name])


def test_telling_windows(make_detector, spiked):
    """The worst window of each incident, three more that share no reading, and what was asked for."""
    (result,) = backtest(make_detector(), [spiked])
    choices = telling(result, [spiked.times[50], spiked.times[50] + 0.4, spiked.times[-1] + 9])
    named = {choice.why: choice.at for choice in choices}
    assert [choice.at for choice in choices] == sorted(named.values())
    assert set(named) == {
        "asked for", *(f"incident {n}" for n in (1, 2, 3)), *(f"largest error {n}" for n in (1, 2, 3))
    }  # fmt: skip
    assert result.index[named["asked for"]] == 50
    ends = result.index[[named["incident 1"], named["incident 2"], named["incident 3"]]]
    assert [100 <= ends[0] < 104, 200 <= ends[1] < 204, 210 <= ends[2] < 214] == [True] * 3
    others = [at for why, at in named.items() if why.startswith("largest")]
    for at in others:
        assert min(abs(at - other) for other in named.values() if other != at) >= 4
    assert result.errors[named["largest error 1"]] >= result.errors[named["largest error 2"]]


def test_an_incident_without_a_window_is_not_told(make_recording):
    """No model rebuilds a reading before the sensor's first window, and limits find it all the same."""
    settings = DetectorSettings(
        time_steps=8, features=1, scaling=Scaling("none"), rules=(Rule(views=("limits",), high=(9.0,)),)
    )
    incidents = IncidentSettings(excess=0.0, close_after=1)
    detector = Detector(replace(settings, incidents=incidents), averaging)
    (result,) = backtest(detector, [make_recording([1.0, 12.0] + [1.0] * 10)])
    assert [incident.closed for incident in result.incidents] == [True]
    assert not [choice for choice in telling(result) if choice.why.startswith("incident")]


def test_of_many_incidents_the_worst_are_told(make_detector, make_recording):
    values = np.random.default_rng(0).normal(0, 0.1, 600)
    uneven = np.cumsum([60, 50, 80, 50, 90, 50, 80, 50, 80])  # what comes evenly is a rhythm, and stays open
    values[uneven] += 10 + np.arange(9)
    (result,) = backtest(make_detector(), [make_recording(values)])
    assert len(result.incidents) == 9
    told = [choice.why for choice in telling(result) if choice.why.startswith("incident")]
    assert told == [f"incident {number}" for number in range(4, 10)]


@pytest.mark.parametrize("length", [0, 3, 4, 5])
def test_hardly_any_window(make_detector, make_recording, length):
    recordings = [make_recording(np.ones(length)), make_recording(np.ones(9), sensor="other")]
    result = backtest(make_detector(), recordings)[0]
    assert len(telling(result, [1.7e9 + 3])) == (length > 3)
    assert ending_by(result, 1.7e9) is None


def test_apart_shares_no_reading(make_detector, make_recording):
    (result,) = backtest(make_detector(), [make_recording(np.ones(23))])
    order = np.arange(len(result.index))
    assert apart(result, order, most=9) == [3, 7, 11, 15, 19]  # the first window ends at reading 3
    assert apart(result, order, [3, 13], most=9) == [7, 17, 21]
    assert apart(result, order[3:6]) == [3]


def test_examples_of_a_bundle(make_recording):
    """Some of the largest errors, up to what training knew, and some usual ones, of all recordings."""
    random = np.random.default_rng(0)
    calm = make_recording(50 + random.normal(0, 1, 900), sensor="calm")
    wild = make_recording(50 + random.normal(0, 1, 900), sensor="wild")
    wild.values[700] += 90
    bundle = Bundle.load("general")
    windows = examples(bundle, [calm, wild])
    assert [window.why for window in windows] == ["large error"] * 3 + ["usual error"] * 3
    assert windows[0].recording is wild
    assert windows[0].readings.max() > 120
    errors = [window.error for window in windows]
    assert errors[0] >= errors[1] >= errors[2] > max(errors[3:])
    assert np.ptp(errors[3:]) < 0.01
    capped = examples(bundle, [calm, wild], largest=errors[3])
    assert max(window.error for window in capped) <= errors[3]
    assert examples(bundle, [make_recording(np.ones(3))]) == []
