"""Thresholds against a plain reference that takes one error at a time."""

import math
from typing import get_args

import hypothesis
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamdetect.core.grid import Grid
from streamdetect.core.judging import Judge
from streamdetect.core.thresholds import ThresholdKind, ThresholdSettings, TrainingError

TRAINING = TrainingError(0.5, 0.2)


def judged(settings, errors, calm_after=1):
    """The verdicts of one sensor's errors, one at a time: (error, threshold, anomalous, regime changed)."""
    judge = Judge(settings, TRAINING, calm_after)
    judge.resize(1)
    found = []
    for error in errors:
        grid = Grid(np.array([0]))
        ruling = judge.judge(grid, np.array([error], dtype=np.float64))
        columns = ruling.errors, ruling.thresholds, ruling.anomalous, ruling.regime_changed
        found.append(tuple(column[0].item() for column in columns))
    return found


def reference(settings, errors, calm_after=1):
    """The same rules, written for one sensor and in lists."""
    raw, past, streak, calm, found = [], [], [], 0, []
    block = -(-settings.history // 16)
    most = settings.history // block * block
    whole = 0  # what a change of regime left is one block
    for error in errors:
        raw = [*raw, error][-settings.smoothing :]
        smooth = sum(raw) / len(raw)
        if len(past) < settings.min_count:
            known = settings.until_min_count == "training"
            mean, sigma = (TRAINING.mean, TRAINING.std) if known else (math.nan, math.nan)
        else:
            mean, sigma = np.mean(past), np.std(past)
        threshold = mean + settings.sigma * max(sigma, settings.sigma_floor * TRAINING.std)
        anomalous, changed = smooth > threshold, False
        remembered = [smooth]
        if anomalous:
            cap = mean + settings.guard * max(sigma, settings.sigma_floor * TRAINING.std)
            remembered = [min(smooth, cap)] if settings.guard else []
            streak.append(smooth)
            calm = 0
        else:
            calm += 1
            if calm >= calm_after:
                streak = []
        past = [*past, *remembered]
        if remembered and (len(past) - whole) % block == 0 and len(past) - whole >= most:
            past, whole = past[-most:], 0
        if len(streak) == settings.regime_change_after:
            past, streak, changed, whole = streak, [], True, len(streak)
        found.append((smooth, threshold, anomalous, changed))
    return found


def stream(seed, size=400):
    rng = np.random.default_rng(seed)
    errors = rng.gamma(4.0, 0.1, size)
    errors[rng.random(size) < 0.03] += 3.0
    errors[size // 2 : size // 2 + 60] += 2.0
    return errors


@pytest.mark.parametrize("until", ["training", "silent"])
@pytest.mark.parametrize("smoothing", [1, 4])
@pytest.mark.parametrize("calm_after", [1, 3])
@pytest.mark.parametrize("guard", [0.0, 4.0])
@pytest.mark.parametrize("seed", range(2))
def test_verdicts_are_those_of_a_plain_reference(until, smoothing, calm_after, guard, seed):
    settings = ThresholdSettings(
        history=10_000,
        min_count=20,
        smoothing=smoothing,
        guard=guard,
        until_min_count=until,
        regime_change_after=40,
        sigma_floor=0.05,
    )
    errors = stream(seed)
    expected = reference(settings, errors, calm_after)
    for found, wanted in zip(judged(settings, errors, calm_after), expected, strict=True):
        assert found[:2] == pytest.approx(wanted[:2], rel=1e-9, nan_ok=True)
        assert found[2:] == wanted[2:]


@pytest.mark.parametrize("history", [16, 48, 160])
def test_old_errors_leave_the_history_block_by_block(history):
    settings = ThresholdSettings(
        history=history, min_count=5, sigma=50.0, regime_change_after=0, smoothing=1, sigma_floor=0.05
    )
    errors = np.random.default_rng(4).gamma(4.0, 0.1, 500)
    block = history // 16
    for at, (_, threshold, *_) in enumerate(judged(settings, errors)):
        if at >= 5:
            held = at if at <= history else history + (at - history) % block
            past = errors[at - held : at]
            assert threshold == pytest.approx(past.mean() + 50 * max(past.std(), 0.01), rel=1e-9)


@pytest.mark.parametrize("kind", get_args(ThresholdKind))
@pytest.mark.parametrize("regime_change_after", [0, 25])
@given(seed=st.integers(0, 1000), cuts=st.lists(st.integers(1, 90), min_size=1, max_size=4))
@hypothesis.settings(max_examples=10)
def test_looking_ahead_changes_no_bit(kind, regime_change_after, seed, cuts):
    settings = ThresholdSettings(
        kind=kind,
        history=48,
        min_count=6,
        regime_change_after=regime_change_after,
        smoothing=2,
        sigma_floor=0.05,
    )
    errors = stream(seed)
    judge = Judge(settings, TRAINING, 2)
    judge.resize(1)
    found, start, turn = [], 0, 0
    while start < len(errors):
        part = errors[start : start + cuts[turn % len(cuts)]]
        grid = Grid(np.zeros(len(part), dtype=np.intp))
        ruling = judge.judge(grid, part)
        columns = ruling.errors, ruling.thresholds, ruling.anomalous, ruling.regime_changed
        found.extend(zip(*(column.tolist() for column in columns), strict=True))
        start, turn = start + len(part), turn + 1
    assert found == judged(settings, errors, calm_after=2)


def test_what_is_anomalous_need_not_be_remembered_at_all():
    settings = ThresholdSettings(history=100, min_count=10, guard=0.0, smoothing=1, sigma_floor=0.05)
    quiet = np.random.default_rng(0).gamma(4.0, 0.1, 50)
    *_, before = judged(settings, [*quiet, 0.4])
    *_, after = judged(settings, [*quiet, 1e12, 0.4])
    assert after[1] == before[1]


def test_a_spike_of_any_size_lifts_the_threshold_no_more_than_the_guard_allows():
    settings = ThresholdSettings(history=100, min_count=10, guard=4.0, smoothing=1, sigma_floor=0.05)
    quiet = np.random.default_rng(0).gamma(4.0, 0.1, 50)
    *_, before = judged(settings, [*quiet, 0.4])
    *_, small = judged(settings, [*quiet, 2.0, 0.4])
    *_, large = judged(settings, [*quiet, 1e12, 0.4])
    assert before[1] < small[1] == large[1] < 1.1 * before[1]


def test_the_tail_of_normal_errors_does_not_flag_more_and_more_of_itself():
    errors = np.random.default_rng(5).gamma(4.0, 0.1, 3000)
    share = {}
    for guard in (0.0, 4.0):
        settings = ThresholdSettings(
            history=500, min_count=100, guard=guard, regime_change_after=0, smoothing=1, sigma_floor=0.05
        )
        share[guard] = np.mean([row[2] for row in judged(settings, errors)[1000:]])
    true_share = np.mean(errors > errors.mean() + 2 * errors.std())
    assert share[4.0] < 1.5 * true_share < share[0.0]


def test_a_level_shift_does_not_lock_the_threshold():
    settings = ThresholdSettings(
        history=100, min_count=10, regime_change_after=30, guard=0.0, smoothing=1, sigma_floor=0.05
    )
    rng = np.random.default_rng(0)
    found = judged(settings, [*rng.gamma(4.0, 0.1, 50), *(10 + rng.gamma(4.0, 0.1, 200))])
    changed = [at for at, row in enumerate(found) if row[3]]
    assert changed == [79]
    assert sum(row[2] for row in found[80:]) < 30
    assert found[80][1] > 10


def test_without_the_escape_it_stays_locked():
    settings = ThresholdSettings(
        history=100, min_count=10, regime_change_after=0, guard=0.0, smoothing=1, sigma_floor=0.05
    )
    rng = np.random.default_rng(0)
    found = judged(settings, [*rng.gamma(4.0, 0.1, 50), *(10 + rng.gamma(4.0, 0.1, 2000))])
    assert all(row[2] for row in found[50:])


def test_a_constant_error_is_no_anomaly():
    settings = ThresholdSettings(history=100, min_count=10, smoothing=1, sigma_floor=0.05)
    assert not any(row[2] for row in judged(settings, [0.3] * 300))


def test_a_threshold_of_zero_is_a_threshold():
    settings = ThresholdSettings(history=100, min_count=3, sigma_floor=0.0, smoothing=1)
    found = judged(settings, [0.0] * 5 + [1e-9])
    assert found[4][1] == 0.0
    assert [row[2] for row in found] == [False] * 5 + [True]


def test_silence_until_enough_is_known():
    settings = ThresholdSettings(
        history=100, min_count=5, until_min_count="silent", smoothing=1, sigma_floor=0.05
    )
    found = judged(settings, [9.0, 1.0, 1.1, 0.9, 1.0, 1e6])
    assert [math.isnan(row[1]) for row in found] == [True] * 5 + [False]
    assert [row[2] for row in found] == [False] * 5 + [True]
