"""Rolling moments against exact arithmetic."""

from fractions import Fraction
from functools import reduce
from operator import add

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamdetect.core.blocks import BlockHistory
from streamdetect.core.moments import Moments, merge, sum_in_order

ROW = np.array([0])


def exact(values):
    """Mean and population standard deviation by rational arithmetic."""
    numbers = [Fraction(value) for value in values]
    mean = sum(numbers) / len(numbers)
    variance = sum((number - mean) ** 2 for number in numbers) / len(numbers)
    return float(mean), float(variance) ** 0.5


def follow(history, values, cut=1):
    """Remember values; yields (count, mean, sigma) after each call."""
    start = 0
    while start < len(values):
        take = min(cut, int(history.room(ROW)[0]), len(values) - start)
        part = np.array(values[start : start + take], dtype=np.float64)[None]
        _, sums = history.ahead(ROW, part)
        history.remember(ROW, np.array([take]), sums)
        start += take
        now = merge(history.sealed(ROW), history.open.moments(ROW))
        yield start, int(now.n[0]), float(now.mean[0]), float(now.sigma()[0])


def new(history):
    made = BlockHistory(history)
    made.resize(1)
    return made


STREAMS = {
    "offset 1e8, noise 2": 1e8 + 2 * np.random.default_rng(0).normal(size=700),
    "a spike of 1e12, then quiet": np.r_[
        np.random.default_rng(1).normal(size=90), 1e12, np.random.default_rng(2).normal(size=600)
    ],
    "the spike opens a block": np.r_[1e12, np.random.default_rng(3).normal(size=600)],
    "a constant": np.full(300, 0.1),
    "tiny": 1e-12 * np.random.default_rng(4).normal(size=300),
    "a random walk": np.cumsum(np.random.default_rng(5).normal(size=900)),
}


@pytest.mark.parametrize("size", [1, 5, 16, 100, 256])
@pytest.mark.parametrize("name", STREAMS)
def test_moments_match_exact_arithmetic(name, size):
    values = STREAMS[name].tolist()
    for seen, count, mean, sigma in follow(new(size), values):
        past = values[seen - count : seen]
        true_mean, true_sigma = exact(past)
        scale = max(abs(true_mean), true_sigma)
        assert mean == pytest.approx(true_mean, rel=1e-12, abs=1e-12 * scale)
        # An offset of 1e8 leaves 1e-8 of each value: sigma cannot be known better from the values themselves.
        assert sigma == pytest.approx(true_sigma, rel=1e-9, abs=1e-14 * scale)


def test_a_constant_has_no_spread_at_all():
    assert all(sigma == 0.0 for *_, sigma in follow(new(100), [0.1] * 500))


def test_a_spike_is_forgotten_without_a_trace():
    quiet = np.random.default_rng(2).normal(size=600)
    *_, (_, count, mean, sigma) = follow(new(100), [1e12, *quiet])
    true_mean, true_sigma = exact(quiet[-count:].tolist())
    assert mean == pytest.approx(true_mean, rel=1e-12)
    assert sigma == pytest.approx(true_sigma, rel=1e-12)


@pytest.mark.parametrize("size", [1, 2, 15, 16, 17, 31, 100, 2000])
def test_history_is_as_asked_to_within_a_block(size):
    counts = [count for _, count, *_ in follow(new(size), np.arange(3.0 * size).tolist(), cut=7)]
    block = -(-size // 16)
    assert size - block < min(counts[len(counts) // 2 :]) <= max(counts) < size + block


@given(values=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=80), cut=st.integers(1, 9))
def test_how_values_are_cut_into_calls_changes_no_bit(values, cut):
    by_one = {seen: state for seen, *state in follow(new(20), values)}
    for seen, *state in follow(new(20), values, cut):
        assert state == by_one[seen]


def test_ahead_gives_the_moments_before_each_value():
    history = new(64)
    values = np.array([[3.0, 5.0, 10.0]])
    moments, _ = history.ahead(ROW, values)
    assert moments.n.tolist() == [[0, 1, 2]]
    assert moments.mean[0, 1:].tolist() == [3.0, 4.0]
    assert moments.sigma()[0].tolist() == [0.0, 0.0, 1.0]


@given(
    before=st.tuples(st.integers(0, 9), st.integers(0, 9)),
    kept=st.tuples(st.integers(0, 40), st.integers(0, 40)),
)
def test_what_is_kept_of_a_look_over_many_blocks_changes_no_bit(before, kept):
    rows, values = np.array([0, 1]), np.random.default_rng(0).normal(1e3, size=(2, 50))
    looked, single = new(64), new(64)  # blocks of 4
    for history in (looked, single):
        history.resize(2)
    for row in rows:
        for at in range(before[row] + kept[row]):
            _, sums = single.ahead(rows[[row]], values[[row], at : at + 1])
            single.remember(rows[[row]], np.array([1]), sums)
            if at < before[row]:
                looked.remember(rows[[row]], np.array([1]), sums)
    ahead = np.stack([values[row, before[row] : before[row] + 40] for row in rows])
    _, sums = looked.ahead(rows, ahead)
    looked.remember(rows, np.array(kept), sums)
    expected = single.snapshot(rows)
    for name, column in looked.snapshot(rows).items():
        assert column.tolist() == expected[name].tolist(), name


def test_merging_with_nothing_changes_nothing():
    nothing = Moments(np.zeros(1), np.zeros(1), np.zeros(1))
    something = Moments(np.array([3.0]), np.array([1e8]), np.array([2.0]))
    for merged in (merge(nothing, something), merge(something, nothing)):
        assert [float(part[0]) for part in merged] == [3.0, 1e8, 2.0]


@pytest.mark.parametrize("lines", [1, 2, 3, 64])
@pytest.mark.parametrize("size", [1, 2, 7, 8, 9, 19, 200])
def test_a_sum_in_order_is_that_of_a_plain_loop_to_the_last_bit(lines, size):
    values = np.random.default_rng(size).gamma(4.0, 0.1, (lines, size))
    assert sum_in_order(values.T).tolist() == [reduce(add, line) for line in values.tolist()]


@given(seed=st.integers(0, 1000), size=st.integers(1, 90))
def test_values_one_at_a_time_leave_what_a_look_ahead_leaves(seed, size):
    values = np.random.default_rng(seed).normal(1e3, size=size)
    single, looked = new(20), new(20)
    for value in values:
        single.append(ROW, np.array([value]))
    for _ in follow(looked, values.tolist(), cut=7):
        pass
    expected = looked.snapshot(ROW)
    for name, column in single.snapshot(ROW).items():
        assert column.tolist() == expected[name].tolist(), name
