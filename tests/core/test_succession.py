"""Another model in the place of one: sensors go on, and only what the model alone knows is learnt afresh."""

from __future__ import annotations

import numpy as np
import pytest
from quick_detector import settings
from streams import cut, detector

from streamdetect.core.detector import Detector
from streamdetect.core.readings import Readings
from streamdetect.core.rules import VIEWS
from streamdetect.core.scaling import Scaling
from streamdetect.core.succession import succeed

RECONSTRUCTION = VIEWS.index("reconstruction")


def stream(size=400, sensors=3, features=1):
    rng = np.random.default_rng(4)
    ids = [f"s{at % sensors}" for at in range(size)]
    values = rng.normal(20.0, 1.0, (size, features))
    values[size // 2 - 6 : size // 2 + 6] += 30.0  # an incident that is open where the model changes
    return Readings(ids, 1e9 + np.arange(size), values)


def rebuilds(windows):
    return np.asarray(0.5 * windows)


def edge(transition):
    return transition.kind, transition.sensor, transition.time, transition.started, transition.ended


def after(first, readings, **changes):
    """Verdicts of the second half, of another model that took the first one's place in the middle."""
    half = len(readings.times) // 2
    first.process(cut(readings, 0, half))
    second = Detector(settings(**changes), rebuilds)
    succeed(second, first)
    return second, second.process(cut(readings, half, 2 * half))


def test_with_the_same_model_all_but_the_reconstruction_view_stays_as_it_was():
    readings, one = stream(), detector()
    half = len(readings.times) // 2
    one.process(cut(readings, 0, half))
    other = Detector(one.settings, one.reconstruct)
    succeed(other, one)
    assert other.columns().ids == one.columns().ids
    assert np.isnan(other.columns().error).all()
    for each in (one, other):
        each.rules.chosen = True
        each.rules.views[:, RECONSTRUCTION] = False
    stayed, went_on = (each.process(cut(readings, half, 2 * half)) for each in (one, other))
    for column in ("scores", "expected", "lower", "upper", "errors"):
        np.testing.assert_array_equal(getattr(went_on, column), getattr(stayed, column), err_msg=column)
    assert stayed.transitions
    assert list(map(edge, went_on.transitions)) == list(map(edge, stayed.transitions))


def test_incidents_go_on_and_errors_are_learnt_afresh():
    first = detector(features=2)
    second, verdicts = after(first, stream(features=2), features=2)
    assert first.state.judge.incidents.open.any()
    closed = [one for one in verdicts.transitions if one.kind == "closed"]
    assert {one.started for one in closed} <= set(stream().times[:200])
    assert np.isnan(verdicts.means[:3]).all()  # nothing is known of the other model's errors yet
    assert np.isfinite(verdicts.means[-3:]).all()
    assert not np.isnan(verdicts.expected[:3]).any()  # of the values everything is
    judge = second.state.judge
    assert (judge.panel.worst_feature.errors.count[:3] > 0).all()


@pytest.mark.parametrize("steps", [3, 4, 6])
def test_a_window_of_another_length_fills_up_from_what_is_there(steps):
    _, verdicts = after(detector(), stream(), time_steps=steps)
    due = ~np.isnan(verdicts.errors)
    missing = max(steps - 4, 0)
    for sensor in ("s0", "s1", "s2"):
        own = due[[one == sensor for one in verdicts.sensors]]
        assert own.tolist() == [False] * max(missing - 1, 0) + [True] * (len(own) - max(missing - 1, 0))
    whole = detector(time_steps=steps).process(stream())
    half = len(whole.errors) // 2
    np.testing.assert_allclose(verdicts.errors[due], 0.5 * whole.errors[half:][due])


@pytest.mark.parametrize(
    ("was", "now", "kept"),
    [
        (Scaling("sensor", history=64), Scaling("sensor", history=64), True),
        (Scaling("none"), Scaling("sensor", history=64), False),
        (Scaling("sensor", history=64), Scaling("none"), True),
        (Scaling("sensor", history=64), Scaling("sensor", history=640), False),
    ],
)
def test_scales_go_on_where_they_are_found_in_the_same_way(was, now, kept):
    second, verdicts = after(detector(scaling=was), stream(), scaling=now)
    assert np.isnan(verdicts.errors[:9]).all() != kept
    assert np.isfinite(verdicts.errors[-30:]).all()
    if was == now:
        assert second.state.cutter.scale.turn.min() > 4


def test_a_sensor_whose_scale_is_not_known_yet_begins_anew():
    scaling = Scaling("sensor", history=64)
    first = detector(scaling=scaling, time_steps=6)
    readings = stream(60)
    first.process(cut(readings, 0, 13))  # 5, 4 and 4 readings of each
    second = Detector(settings(scaling=scaling, time_steps=4), rebuilds)
    succeed(second, first)
    errors = second.process(cut(readings, 13, 60)).errors
    assert np.isnan(errors[:9]).all()
    assert np.isfinite(errors[12:]).all()


@pytest.mark.parametrize(
    ("change", "named"),
    [({"features": 2}, "features"), ({"missing": "hold"}, "missing"), ({"judging": None}, "threshold")],
)
def test_what_means_something_else_is_refused(change, named):
    if "judging" in change:
        change = {"judging": type(settings().judging)(level=1.0)}
    with pytest.raises(ValueError, match=f"^{named}: must"):
        succeed(detector(**change), detector())
