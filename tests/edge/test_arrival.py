"""Times of arrival never go back, whatever the wall clock does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamdetect.service.arrival import ArrivalClock

NOON = 1_714_564_800.0


class Clocks:
    def __init__(self):
        self.wall, self.monotonic = NOON, 50.0

    def pass_by(self, seconds, step=0.0):
        self.wall += seconds + step
        self.monotonic += seconds

    def arrival(self):
        return ArrivalClock(lambda: self.wall, lambda: self.monotonic)


@pytest.fixture
def clocks():
    return Clocks()


def test_without_steps_it_is_the_wall_clock(clocks):
    arrival = clocks.arrival()
    for _ in range(3):
        clocks.pass_by(10)
        assert arrival.stamp() == arrival.time() == clocks.wall
    assert arrival.ahead == 0


def test_a_step_ahead_is_followed_at_once(clocks):
    arrival = clocks.arrival()
    arrival.stamp()
    clocks.pass_by(1, step=3600)
    assert arrival.stamp() == NOON + 3601


def test_after_a_step_back_it_goes_on_and_lets_the_wall_clock_catch_up(clocks, caplog):
    arrival = clocks.arrival()
    assert arrival.stamp() == NOON
    clocks.pass_by(10, step=-3600)
    assert arrival.stamp() == NOON + 9
    assert arrival.ahead == 3599
    assert arrival.time() == NOON + 9
    clocks.pass_by(10)
    assert arrival.stamp() == NOON + 18
    clocks.pass_by(36_000)
    assert arrival.stamp() == clocks.wall
    assert arrival.ahead == 0
    assert caplog.text.count("the clock went back: arrival times are 3599 s ahead") == 1


def test_a_restart_goes_on_from_the_last_stamp_of_the_run_before(clocks):
    arrival = clocks.arrival()
    arrival.go_on_from(NOON + 500)
    clocks.pass_by(10)
    assert arrival.stamp() == NOON + 509


def test_a_restart_with_a_sound_clock_changes_nothing(clocks):
    arrival = clocks.arrival()
    arrival.go_on_from(NOON - 500)
    assert arrival.stamp() == NOON


SPANS = st.floats(0, 1e6)
STEPS = st.floats(-1e8, 1e8)


@given(st.lists(st.tuples(SPANS, STEPS), max_size=30))
def test_it_never_goes_back_and_is_never_behind(moves):
    clocks = Clocks()
    arrival, last = clocks.arrival(), 0.0
    for passed, step in moves:
        clocks.pass_by(passed, step)
        stamp = arrival.stamp()
        assert stamp >= max(last, clocks.wall)
        last = stamp
