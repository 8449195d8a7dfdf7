import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streams import cut, detector, process_in, rows_of, streams

from streamdetect.core.cutting import windows_of
from streamdetect.core.incidents import IncidentSettings
from streamdetect.core.judge_settings import JudgeSettings
from streamdetect.core.readings import Outcome, Readings
from streamdetect.core.rules import Rule
from streamdetect.core.scaling import PADDING, Scaling

SCALINGS = [
    Scaling("none"),
    Scaling("affine", (1.0,), (2.0,)),
    Scaling("window"),
    Scaling("sensor", history=64),
]


def one(sensor, times, values):
    values = np.asarray(values, dtype=np.float64).reshape(len(values), -1)
    return Readings([sensor] * len(values), np.asarray(times, dtype=np.float64), values)


def test_the_core_imports_numpy_and_nothing_else_that_is_installed():
    others = ["paho", "yaml", "prometheus_client", "onnxruntime", "tensorflow", "pydantic", "orjson"]
    code = f"import sys, streamdetect.core.detector\nprint([m for m in {others} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


@pytest.mark.parametrize("scaling", SCALINGS, ids=lambda scaling: scaling.kind)
@pytest.mark.parametrize("stride", [1, 3])
@given(readings=streams(), sizes=st.lists(st.integers(1, 60), min_size=1, max_size=3))
def test_batch_boundaries_are_unobservable(scaling, stride, readings, sizes):
    whole = process_in(detector(scaling=scaling, stride=stride), readings, [len(readings.times)])
    singly = process_in(detector(scaling=scaling, stride=stride), readings, [1])
    cut_up = process_in(detector(scaling=scaling, stride=stride), readings, sizes)
    assert whole == singly == cut_up


@given(readings=streams(), sizes=st.lists(st.integers(1, 60), min_size=1, max_size=3))
def test_with_rules_of_what_counts_batch_boundaries_are_unobservable_too(readings, sizes):
    rules = (
        Rule(least=(0.5,)),
        Rule("s0", side=(1.0,)),
        Rule("s1", side=(-1.0,), share=(0.3,)),
        Rule("s2", exclude=True),
    )
    whole = process_in(detector(rules=rules), readings, [len(readings.times)])
    singly = process_in(detector(rules=rules), readings, [1])
    cut_up = process_in(detector(rules=rules), readings, sizes)
    assert whole == singly == cut_up


@pytest.mark.parametrize("scaling", SCALINGS, ids=lambda scaling: scaling.kind)
@given(readings=streams(), share=st.floats(0, 1))
def test_a_restored_detector_goes_on_as_if_nothing_had_happened(scaling, readings, share):
    middle = int(share * len(readings.times))
    first, second = cut(readings, 0, middle), cut(readings, middle, None)
    uninterrupted = detector(scaling=scaling)
    uninterrupted.process(first)
    stopped = detector(scaling=scaling)
    stopped.process(first)
    resumed = detector(scaling=scaling)
    resumed.restore(stopped.snapshot())
    expected, found = uninterrupted.process(second), resumed.process(second)
    assert repr(rows_of(found)) == repr(rows_of(expected))
    assert repr(found.transitions) == repr(expected.transitions)


@given(readings=streams(), sizes=st.lists(st.integers(1, 60), min_size=1, max_size=3))
def test_recorded_errors_rebuild_the_state_without_the_model(readings, sizes):
    live, rebuilt = detector(), detector()
    start = turn = 0
    while start < len(readings.times):
        batch = cut(readings, start, start + sizes[turn % len(sizes)])
        pushed = live.push(batch)
        errors, by_feature = live.score(pushed)
        live.judge(pushed, errors, by_feature)
        rebuilt.judge(rebuilt.push(batch), errors, by_feature)
        start, turn = start + len(batch.times), turn + 1
    expected = live.snapshot()
    for name, column in rebuilt.snapshot().items():
        np.testing.assert_array_equal(column, expected[name], err_msg=name)


@given(readings=streams(sensors=6), other=streams(sensors=6))
def test_a_freed_row_carries_nothing_over(readings, other):
    used = detector(max_sensors=6)
    used.process(readings)
    used.evict(np.inf)
    assert len(used) == 0
    fresh = detector(max_sensors=6)
    expected, found = fresh.process(other), used.process(other)
    assert repr(rows_of(found)) == repr(rows_of(expected))
    assert repr(found.transitions) == repr(expected.transitions)


def test_times_decide_what_is_accepted():
    found = detector().process(one("a", [10, 10, 9, 11, 8, 11, 12], [1] * 7))
    names = [Outcome(outcome).name for outcome in found.outcomes]
    assert names == ["ACCEPTED", "DUPLICATE", "LATE", "ACCEPTED", "LATE", "DUPLICATE", "ACCEPTED"]


def test_a_window_is_the_latest_readings_oldest_first():
    pushed = detector().push(one("a", range(6), [1, 2, 3, 4, 5, 6]))
    assert pushed.windows[..., 0].tolist() == [[1, 2, 3, 4], [2, 3, 4, 5], [3, 4, 5, 6]]
    assert pushed.index.tolist() == [3, 4, 5]


def test_a_gap_restarts_the_window():
    pushed = detector().push(one("a", [0, 1, 2, 3, 34, 35, 36, 37], range(8)))
    assert pushed.windows[..., 0].tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_a_pause_of_exactly_max_gap_is_no_gap():
    pushed = detector().push(one("a", [0, 1, 2, 32], range(4)))
    assert len(pushed.windows) == 1


def test_stride_counts_from_the_first_full_window():
    pushed = detector(stride=2).push(one("a", range(9), range(9)))
    assert pushed.index.tolist() == [3, 5, 7]


def test_several_features_keep_their_places():
    model = detector(features=2)
    values = np.arange(10, dtype=np.float64).reshape(5, 2)
    pushed = model.push(Readings(["a"] * 5, np.arange(5.0), values))
    assert pushed.windows[1].tolist() == [[2, 3], [4, 5], [6, 7], [8, 9]]
    errors, by_feature = model.score(pushed)
    assert by_feature[1].tolist() == [5, 6]
    assert errors[1] == 5.5


def test_a_new_sensor_past_the_cap_is_turned_away_and_leaves_no_trace():
    model = detector(max_sensors=2)
    found = model.process(Readings(["a", "b", "c", "a", "c"], np.arange(5.0), np.ones((5, 1))))
    assert found.outcomes.tolist() == [0, 0, Outcome.CARDINALITY, 0, Outcome.CARDINALITY]
    assert sorted(model.columns().ids) == ["a", "b"]


def test_idle_sensors_make_room_for_new_ones():
    model = detector(max_sensors=2, idle_after=100.0, max_gap=1e9)
    model.process(Readings(["a", "b"], np.array([0.0, 150.0]), np.ones((2, 1))))
    found = model.process(Readings(["c", "d"], np.array([200.0, 200.0]), np.ones((2, 1))))
    assert found.outcomes.tolist() == [Outcome.ACCEPTED, Outcome.CARDINALITY]
    assert sorted(model.columns().ids) == ["b", "c"]


def test_a_sensor_of_this_very_batch_is_not_idle():
    model = detector(max_sensors=2, idle_after=100.0, max_gap=1e9)
    model.process(Readings(["a", "b"], np.array([0.0, 0.0]), np.ones((2, 1))))
    found = model.process(Readings(["a", "c"], np.array([500.0, 500.0]), np.ones((2, 1))))
    assert found.outcomes.tolist() == [Outcome.ACCEPTED, Outcome.ACCEPTED]
    assert sorted(model.columns().ids) == ["a", "c"]


def test_the_newest_reading_is_the_clock():
    model = detector()
    assert model.newest == -np.inf
    model.process(Readings(["a", "b"], np.array([5.0, 3.0]), np.ones((2, 1))))
    assert model.newest == 5.0
    model.evict(4.0)
    assert model.columns().ids == ["a"]


def test_the_clock_goes_by_the_sensors_that_are_there():
    model, other = detector(max_sensors=1), detector(max_sensors=2)
    model.process(Readings(["a", "b"], np.array([1.0, 9.0]), np.zeros((2, 1))))  # no room for b
    assert model.newest == 1.0
    other.process(Readings(["c"], np.array([0.0]), np.zeros((1, 1))))
    assert other.newest == 0.0
    other.restore(model.snapshot())
    assert other.newest == 1.0
    other.process(Readings(["c", "c"], np.array([5.0, 3.0]), np.zeros((2, 1))))
    assert other.newest == 5.0


def test_eviction_closes_what_is_open():
    model = detector(incidents=IncidentSettings(excess=0.0), judging=JudgeSettings(level=100.0))
    model.process(one("a", range(5), [0, 0, 0, 0, 1000]))
    closed = model.evict(1e12)
    assert [(edge.kind, edge.reason, edge.sensor) for edge in closed] == [("closed", "evicted", "a")]


def test_a_model_that_answers_with_no_number_is_an_anomaly_not_a_silence():
    model = detector(judging=JudgeSettings(level=100.0))
    model.reconstruct = lambda windows: np.full_like(windows, np.nan)
    found = model.process(one("a", range(4), [1, 2, 3, 4]))
    assert found.errors[-1] == 1e30
    assert found.anomalous.tolist() == [False, False, False, True]


def test_values_of_any_finite_size_give_finite_errors():
    values = np.array([[3e38], [-3e38], [1e-300], [0.0], [3e38]])
    for scaling in SCALINGS:
        found = detector(scaling=scaling).process(Readings(["a"] * 5, np.arange(5.0), values))
        assert np.isfinite(found.errors[3:]).all(), scaling.kind


def test_a_snapshot_of_another_shape_is_refused():
    model = detector()
    model.process(one("a", range(5), range(5)))
    with pytest.raises(ValueError, match="must be made with"):
        detector(time_steps=5).restore(model.snapshot())


def test_windows_of_gives_what_a_detector_scores():
    values = np.random.default_rng(1).normal(size=(3000, 1))
    scaling = Scaling("sensor", history=64)
    scored = detector(scaling=scaling).push(one("a", range(3000), values)).windows
    np.testing.assert_array_equal(windows_of(values, 4, scaling), scored)


def test_columns_say_where_each_sensor_stands():
    model = detector()
    model.process(one("a", range(20), np.ones(20)))
    model.process(one("b", range(2), [5, 6]))
    now = model.columns()
    assert now.ids == ["a", "b"]
    assert now.warming_up.tolist() == [False, True]
    assert now.value[:, 0].tolist() == [1, 6]
    assert now.last_time.tolist() == [19, 1]
    assert np.isnan(now.error).tolist() == [False, True]


def test_with_min_steps_a_window_is_judged_before_it_is_full():
    pushed = detector(min_steps=2).push(one("a", [0, 1, 2, 3, 4, 50, 51], [1, 2, 3, 4, 5, 6, 7]))
    assert pushed.index.tolist() == [1, 2, 3, 4, 6]
    assert pushed.real.sum(axis=(1, 2)).tolist() == [2, 3, 4, 4, 2]
    assert pushed.windows[..., 0].tolist() == [
        [PADDING, PADDING, 1, 2],
        [PADDING, 1, 2, 3],
        [1, 2, 3, 4],
        [2, 3, 4, 5],
        [PADDING, PADDING, 6, 7],
    ]


@pytest.mark.parametrize("scaling", SCALINGS, ids=lambda scaling: scaling.kind)
@given(readings=streams(), sizes=st.lists(st.integers(1, 60), min_size=1, max_size=3))
def test_with_min_steps_batch_boundaries_are_unobservable_too(scaling, readings, sizes):
    singly = process_in(detector(scaling=scaling, min_steps=2), readings, [1])
    assert process_in(detector(scaling=scaling, min_steps=2), readings, sizes) == singly


@pytest.mark.parametrize("metric", ["mae", "mse", "last"])
@pytest.mark.parametrize("scaling", SCALINGS, ids=lambda scaling: scaling.kind)
def test_padding_never_adds_to_the_error(scaling, metric):
    values = np.random.default_rng(2).normal(size=12)
    found = []
    for junk in (0.0, 1e6, -3.0):
        model = detector(scaling=scaling, error=metric, min_steps=2)
        model.reconstruct = lambda windows, junk=junk: np.where(windows == PADDING, junk, 0.5).astype("f4")
        found.append(model.process(one("a", range(12), values)).errors[1:].tolist())
    assert found[0] == found[1] == found[2]
    assert np.isfinite(found[0]).all()


def incomplete(sensors=2, size=80, seed=0):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(size, 2))
    values[rng.random(values.shape) < 0.3] = np.nan
    return Readings([f"s{at}" for at in rng.integers(0, sensors, size)], np.arange(float(size)), values)


def test_a_reading_with_a_missing_feature_is_left_out_by_default():
    values = np.array([[1.0, 2.0], [np.nan, 3.0], [4.0, 5.0]])
    found = detector(features=2).process(Readings(["a"] * 3, np.arange(3.0), values))
    assert found.outcomes.tolist() == [Outcome.ACCEPTED, Outcome.INCOMPLETE, Outcome.ACCEPTED]


def test_hold_stands_in_with_what_the_feature_last_was():
    nan = np.nan
    values = np.array([[nan, 1.0], [2.0, nan], [nan, 3.0], [4.0, nan], [nan, nan]])
    pushed = detector(features=2, missing="hold").push(Readings(["a"] * 5, np.arange(5.0), values))
    assert pushed.outcomes.tolist() == [Outcome.INCOMPLETE, *[Outcome.ACCEPTED] * 4]
    assert pushed.windows[0].tolist() == [[2, 1], [2, 3], [4, 3], [4, 3]]


def test_mask_does_not_count_what_is_missing():
    nan = np.nan
    values = np.array([[1.0, 10.0], [1.0, nan], [nan, 30.0], [1.0, nan]])
    model = detector(features=2, missing="mask")
    pushed = model.push(Readings(["a"] * 4, np.arange(4.0), values))
    assert pushed.windows[0].tolist() == [[1, 10], [1, 10], [1, 30], [1, 30]]
    assert pushed.real[0].tolist() == [[True, True], [True, False], [False, True], [True, False]]
    errors, by_feature = model.score(pushed)
    assert by_feature.tolist() == [[1, 20]]
    assert errors.tolist() == [10.5]


@pytest.mark.parametrize("policy", ["drop", "hold", "mask"])
@pytest.mark.parametrize("kind", ["none", "sensor", "window"])
@given(seed=st.integers(0, 99), sizes=st.lists(st.integers(1, 60), min_size=1, max_size=3))
@settings(max_examples=10)
def test_with_missing_features_batch_boundaries_are_unobservable_too(policy, kind, seed, sizes):
    changes = {"features": 2, "missing": policy, "scaling": Scaling(kind, history=64)}
    singly = process_in(detector(**changes), incomplete(seed=seed), [1])
    found = process_in(detector(**changes), incomplete(seed=seed), sizes)
    assert repr(found) == repr(singly)  # what is missing is NaN, which equals nothing
