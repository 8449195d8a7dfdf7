"""A subscription is granted by an answer for every filter, and asked for until then."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from streamdetect.config import MqttConfig
from streamdetect.mqtt.subscription import Subscription

GRANTED, REFUSED = SimpleNamespace(is_failure=False), SimpleNamespace(is_failure=True)


class Bench:
    """A subscription with a client that only notes what it is asked."""

    def __init__(self):
        self.now, self.asked = 0.0, []
        self.subscription = Subscription(MqttConfig(), self, lambda: self.now)

    def subscribe(self, topics):
        self.asked.append([topic for topic, _ in topics])
        return 0, len(self.asked)

    def unsubscribe(self, topics):
        self.asked.append(["-", *topics])

    def after(self, seconds):
        self.now += seconds
        self.subscription.turn()
        return self.asked


@pytest.fixture
def bench():
    return Bench()


def test_an_answer_for_each_grants_it(bench):
    bench.subscription.ask(("a", "b"))
    assert not bench.subscription.granted
    bench.subscription.answered(1, [GRANTED, GRANTED])
    assert bench.subscription.granted
    assert bench.after(1000) == [["a", "b"]]


def test_no_answer_is_no_grant_and_is_asked_again(bench):
    bench.subscription.ask(("a",))
    assert bench.after(9) == [["a"]]
    assert bench.after(2) == [["a"], ["a"]]
    bench.subscription.answered(1, [GRANTED])  # too late: it was given up
    assert not bench.subscription.granted
    bench.subscription.answered(2, [GRANTED])
    assert bench.subscription.granted
    assert bench.subscription.problem == ""


def test_a_short_answer_grants_what_it_names_and_the_rest_is_asked_again(bench, caplog):
    bench.subscription.ask(("a", "b", "c"))
    bench.subscription.answered(1, [GRANTED])
    assert not bench.subscription.granted
    assert bench.subscription.problem == "subscription to 'b' not answered"
    assert bench.after(6)[1:] == [["b", "c"]]
    bench.subscription.answered(2, [GRANTED, REFUSED])
    assert "subscription to 'c' refused" in bench.subscription.problem
    assert bench.after(20)[2:] == [["c"]]
    bench.subscription.answered(3, [GRANTED])
    assert bench.subscription.granted
    assert len(caplog.records) == 3


def test_an_answer_that_is_too_long_grants_no_more(bench):
    bench.subscription.ask(("a",))
    bench.subscription.answered(1, [GRANTED, REFUSED])
    assert bench.subscription.granted


def test_a_refusal_is_asked_again_more_and_more_slowly_and_told_once(bench, caplog):
    bench.subscription.ask(("a",))
    for _ in range(200):
        bench.subscription.answered(len(bench.asked), [REFUSED])
        bench.after(2)
    assert 8 <= len(bench.asked) <= 12
    assert len(caplog.records) == 1
