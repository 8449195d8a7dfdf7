"""A persistent session outlives the configuration; what it is subscribed to must not."""

from __future__ import annotations

import pytest

from streamdetect.errors import StateError
from streamdetect.service.subscriptions import Subscriptions
from streamdetect.store import Store


@pytest.fixture
def run(tmp_path, mosquitto, edge, until):
    """Be a daemon with these filters until they are granted: `run("a/#")`."""
    broker = mosquitto()

    def once(*filters, settle=True):
        store = Store(tmp_path, 300.0)
        store.load()
        one, inbox = edge(broker, "none/#", wait=False)
        subscriptions = Subscriptions(store, one, filters)
        until(lambda: one.subscribed, "subscribed")
        if settle:
            subscriptions.turn()
        noted = store.filters()
        return broker, one, inbox, store, noted

    return once


def end(one, store):
    assert one.stop(5)
    store.close()


@pytest.mark.parametrize("settled", [True, False], ids=["orderly", "killed before it noted"])
def test_what_is_no_longer_configured_is_given_up(run, take, settled):
    _, one, _, store, noted = run("a/#", "b/#")
    assert noted == {"a/#", "b/#"}
    end(one, store)
    broker, one, inbox, store, noted = run("b/#", "c/#", settle=settled)
    assert noted == ({"b/#", "c/#"} if settled else {"a/#", "b/#", "c/#"})
    for topic in ("a/x", "b/x", "c/x"):
        broker.publish(topic, ["1"])
    assert [message.topic for message in take(inbox, 2)] == ["b/x", "c/x"]
    end(one, store)


def test_a_disk_that_does_not_take_it_keeps_nobody_from_subscribing(run, monkeypatch, caplog):
    def full(*_):
        raise StateError("database or disk is full")

    monkeypatch.setattr(Store, "note_filters", full)
    _, one, _, store, noted = run("a/#")
    assert noted == set()
    assert "cannot note the topic filters: database or disk is full" in caplog.text
    end(one, store)
