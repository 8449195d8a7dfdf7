"""Each sink has its own place in the outbox, and none waits for another."""

from __future__ import annotations

import threading

import pytest

from streamdetect.sinks.sink import RefusedError, UnavailableError, Worker
from streamdetect.store import Queued


class Toy(Worker):
    """Does what `behaviour` does."""

    kind = "toy"

    def __init__(self, name, behaviour=bool) -> None:
        super().__init__(name, give_up_after=1e9)
        self.taken = []
        self.behaviour = behaviour

    def deliver(self, event) -> None:
        self.behaviour(event)
        self.taken.append(event.id)


def raises(error):
    def behaviour(_event) -> None:
        raise error

    return behaviour


@pytest.fixture
def hang():
    end = threading.Event()
    yield lambda _event: end.wait() and None
    end.set()


def test_every_sink_gets_every_event_in_order(outbox, settle, event):
    toys = Toy("a"), Toy("b")
    settle(outbox(*toys), *map(event, range(500)))
    assert toys[0].taken == toys[1].taken == [f"id{number}" for number in range(500)]


@pytest.mark.parametrize("bad", ["hangs", "refuses", "unavailable", "broken"])
def test_a_bad_sink_delays_no_other(outbox, until, event, hang, bad, caplog):
    behaviour = {
        "hangs": hang,
        "refuses": raises(RefusedError("no")),
        "unavailable": raises(UnavailableError("away")),
        "broken": raises(ZeroDivisionError("a bug")),
    }[bad]
    good = Toy("good")
    one = outbox(Toy("bad", behaviour), good)
    one.add(one.queued(map(event, range(300))))
    until(lambda: one.drain() or len(good.taken) == 300, "the good one has all")
    assert not one.full
    if bad in {"refuses", "broken"}:
        until(lambda: one.drain() or not len(one), "the bad one's are dead")
        assert len(one.dead) == 300
    else:
        assert len(one.lanes["bad"]) == 300
    assert caplog.text.count("Traceback") == (5 if bad == "broken" else 0)


def test_a_sink_that_takes_nothing_costs_the_oldest_of_its_events(outbox, event, hang):
    one = outbox(Toy("bad", hang), limit=150)
    one.add(one.queued(map(event, range(100))))
    one.drain()  # the window of the worker is full
    one.add(one.queued(map(event, range(100, 300))))
    assert len(one) == 150
    assert [letter.queued.event.id for letter in one.dead] == [f"id{number}" for number in range(100, 250)]
    assert {letter.reason for letter in one.dead} == {"more than 150 events wait for this sink"}


def test_events_of_an_earlier_run_go_on_and_those_of_no_sink_are_given_up(outbox, settle, event, caplog):
    saved = [Queued("a", 7, event(7), 0.0), Queued("gone", 3, event(3), 0.0), Queued("a", 5, event(5), 0.0)]
    toy = Toy("a")
    one = outbox(toy, queued=saved)
    assert [queued.number for queued in one.queued([event(9)])] == [8]
    settle(one, event(9))
    assert toy.taken == ["id5", "id7", "id9"]
    assert [letter.reason for letter in one.dead] == ["the sink is no longer configured"]
    assert "1 events are discarded: the sink gone is no longer configured" in caplog.text


def test_nobody_waits_for_a_sink_that_hangs(outbox, until, event, hang, monkeypatch):
    monkeypatch.setattr("streamdetect.sinks.sink.HANGS_AFTER", 0.05)
    one = outbox(Toy("bad", hang))
    assert not one.hopeful
    one.add(one.queued([event()]))
    until(lambda: one.drain() or one.hopeful, "it works on it")
    until(lambda: not one.hopeful, "it hangs")


def test_a_delivery_without_an_end_counts_as_failing(outbox, until, event, hang, monkeypatch):
    monkeypatch.setattr("streamdetect.sinks.sink.FAILS_AFTER", 0.05)
    one = outbox(Toy("bad", hang), Toy("good"))
    (failing,) = [metric for metric in one.metrics if metric.name == "sink_failing"]
    assert failing.read(one) == {("bad",): False, ("good",): False}
    one.add(one.queued([event()]))
    until(lambda: one.drain() or failing.read(one)["bad",], "it has not ended for too long")
    assert not failing.read(one)["good",]


@pytest.mark.usefixtures("fast")
def test_a_sink_that_is_away_and_back_says_so_once(outbox, settle, event, caplog):
    caplog.set_level("INFO")
    left = iter(range(5))

    def behaviour(_event) -> None:
        if next(left, None) is not None:
            raise UnavailableError("away")

    toy = Toy("a", behaviour)
    settle(outbox(toy), *map(event, range(10)))
    assert [record.getMessage() for record in caplog.records] == [
        "sink a does not take events, they wait in the outbox: away",
        "sink a takes events again",
    ]
    assert toy.failures == 5
