"""Detectors hand what they know to their successors, and close what nobody else can."""

from __future__ import annotations

import json
import shutil
from math import inf
from pathlib import Path

import numpy as np
import pytest
from lab import same

import streamdetect.bundles
from streamdetect.bundles.bundle import Bundle
from streamdetect.config import validate
from streamdetect.errors import ConfigError, Problem
from streamdetect.monitoring.metrics import Metrics
from streamdetect.mqtt.inbox import Message
from streamdetect.service.assembly import assemble
from streamdetect.service.lineup import Lineup
from streamdetect.store import Change, Store

GENERAL = Path(streamdetect.bundles.__file__).with_name("general")
NORMAL = np.random.default_rng(0).normal(20.0, 1.0, 300)
BROKEN = np.linspace(1e3, 5e3, 5)


def general(path, **changes):
    """The general bundle again, but under another fingerprint, and continuing no other."""
    shutil.copytree(GENERAL, path)
    manifest = json.loads((path / "bundle.json").read_text())
    (path / "bundle.json").write_text(json.dumps(manifest | {"continues": None} | changes))
    return str(path)


@pytest.fixture
def other_bundle(tmp_path):
    return general(tmp_path / "bundle")


@pytest.fixture
def renamed_bundle(tmp_path):
    return general(tmp_path / "renamed", features=["flow"])


def config(*detectors):
    base = {
        "topics": ["in/#"],
        "templates": ["in/{site}/{sensor}"],
        "sensor": "{sensor}",
        "payload": {"time": "time"},
    }
    return validate({"detectors": [base | detector for detector in detectors or [{}]]})


def lineup(wanted, states=()):
    return Lineup(wanted, assemble(wanted), states, Metrics(per_sensor=True, max_sensors=10))


def feed(one, values, start=0, sensor="s"):
    """Send readings; returns the events, decoded."""
    messages = [message(1e9 + at, value, f"north/{sensor}") for at, value in enumerate(values, start)]
    return decoded(one.pipeline.process(messages).events)


START = 1_700_000_000


def message(time, value, place):
    time += START
    return Message(f"in/{place}", b'{"time": %d, "value": %f}' % (time, value), 1, 1, 1, time, retain=False)


def decoded(events):
    return [json.loads(event.payload) for event in events]


def with_open_incident(wanted):
    """A lineup with an incident that goes on; returns its opening, too."""
    one = lineup(wanted)
    events = feed(one, [*NORMAL, *BROKEN])
    assert events[-1]["type"].endswith((".opened", ".updated"))
    return one, events[-1]


def saved(one, path):
    """Save these detectors, and read them as a restart would."""
    store = Store(path, 300.0)
    store.load()
    store.commit(Change(), one.states())
    store.close()
    again = Store(path, 300.0)
    states = again.load().states
    again.close()
    return states


def test_a_restart_goes_on_in_the_middle_of_an_incident(directory):
    one, opened = with_open_incident(config())
    again = lineup(config(), saved(one, directory()))
    assert again.unsaved is None
    assert again.restarted == 0
    (mine,), (theirs,) = again.states(), one.states()
    assert same(mine.detector, theirs.detector)
    assert mine.labels == theirs.labels == {"s": {"site": "north", "sensor": "s"}}
    after = feed(again, NORMAL, len(NORMAL) + len(BROKEN))
    assert after == feed(one, NORMAL, len(NORMAL) + len(BROKEN))
    closed = next(event for event in after if event["type"].endswith(".closed"))
    assert closed["data"]["incident"] == opened["data"]["incident"]
    assert closed["data"]["reason"] == "recovered"


def test_settings_may_change_as_long_as_the_columns_mean_the_same(directory):
    one, _ = with_open_incident(config())
    changed = config({"incidents": {"cooldown": 3}})
    again = lineup(changed, saved(one, directory()))
    assert again.unsaved == []  # nothing to close, but other settings from now on
    assert same(again.states()[0].detector, one.states()[0].detector)
    assert again.states()[0].detector.settings.incidents.cooldown == 3


def test_a_sensor_that_is_excluded_from_now_on_is_closed_and_forgotten(directory):
    one, opened = with_open_incident(config())
    excluding = config({"overrides": [{"sensors": "s", "exclude": True}]})
    again = lineup(excluding, saved(one, directory()))
    (closed,) = decoded(again.unsaved)
    assert closed["type"].endswith(".closed")
    assert closed["data"]["reason"] == "excluded"
    assert closed["data"]["message"] == "s is excluded from now on; its incident ends"
    assert closed["data"]["incident"] == opened["data"]["incident"]
    assert closings(again) == 1
    assert feed(again, BROKEN, 1000) == []
    assert len(again.states()[0].detector) == 0


def test_another_bundle_goes_on_with_the_sensors_and_their_incidents(directory, other_bundle, caplog):
    caplog.set_level("INFO")
    one, opened = with_open_incident(config())
    before = one.states()[0]
    bundle = Bundle.load(other_bundle).fingerprint
    again = lineup(config({"bundle": other_bundle}), saved(one, directory()))
    assert again.unsaved == []
    assert again.restarted == 0
    assert f"uses another model now, bundle {before.bundle} -> {bundle}: its 1 sensors and" in caplog.text
    (state,) = again.states()
    assert (state.bundle, state.origin, state.labels) == (bundle, before.origin, before.labels)
    (third,) = saved(again, directory())  # another start
    assert third.origin == before.origin
    events = feed(lineup(config({"bundle": other_bundle}), [third]), NORMAL, len(NORMAL) + len(BROKEN))
    closed = next(event for event in events if event["type"].endswith(".closed"))
    assert closed["data"]["incident"] == opened["data"]["incident"]
    assert (closed["data"]["reason"], closed["data"]["bundle"]) == ("recovered", bundle)


@pytest.mark.parametrize("change", ["features", "kind", "removed"])
def test_what_cannot_be_taken_over_is_closed_under_its_old_name(change, directory, renamed_bundle, caplog):
    one, opened = with_open_incident(config())
    wanted = config(
        {
            "features": {"bundle": renamed_bundle},
            "kind": {"threshold": {"kind": "fixed", "level": 0.7}},
            "removed": {"name": "another"},
        }[change]
    )
    again = lineup(wanted, saved(one, directory()))
    (closed,) = decoded(again.unsaved)
    assert closed["type"].endswith(".closed")
    assert closed["data"]["reason"] == "restarted"
    for same_as_before in ("incident", "bundle", "labels", "detector", "sensor", "started"):
        assert closed["data"][same_as_before] == opened["data"][same_as_before]
    assert again.restarted == 1
    assert len(again.states()[0].detector) == 0
    assert "discarded the state of detector default" in caplog.text
    assert closings(again) == 1


def closings(one):
    name = 'streamdetect_incident_transitions_total{detector="default",kind="closed"} '
    lines = one._metrics.exposition().decode().splitlines()
    return sum(float(line.removeprefix(name)) for line in lines if line.startswith(name))


def test_an_incident_that_an_eviction_closes_is_counted():
    one, _ = with_open_incident(config({"idle_after": "1min"}))
    one.pipeline.process([message(1e9 + 100_000, 1.0, "north/other")])
    entries, events, kinds = one.pipeline.evict()
    assert len(entries) == len(events) == 1
    assert kinds == {"default": ["closed"]}
    one._metrics.count_transitions(kinds)
    assert closings(one) == 1


def test_a_restart_that_is_repeated_says_the_same(directory, renamed_bundle):
    one, _ = with_open_incident(config())
    path = directory()
    saved(one, path)
    found = []
    for _ in range(2):  # the first one was killed before it could commit
        store = Store(path, 300.0)
        found.append(lineup(config({"bundle": renamed_bundle}), store.load().states).unsaved)
        store.close()
    assert found[0] == found[1]


def test_a_reload_does_what_a_restart_does(renamed_bundle):
    one, _ = with_open_incident(config({"name": "a"}, {"name": "b"}))
    before = {state.name: state.detector.snapshot() for state in one.states()}
    events = one.load_again(
        lambda: config({"name": "b"}, {"name": "a", "bundle": renamed_bundle}, {"name": "c"})
    )
    assert [event["data"]["detector"] for event in decoded(events)] == ["a"]
    now = {state.name: state.detector for state in one.states()}
    assert now["b"].snapshot().keys() == before["b"].keys()
    assert len(now["b"]) == 1
    assert len(now["a"]) == len(now["c"]) == 0
    assert list(one._metrics.detectors) == ["b", "a", "c"]
    assert one.pipeline._labels[0] == {"s": {"site": "north", "sensor": "s"}}
    assert not one.load_failed


def test_only_times_of_arrival_tell_when_the_last_message_came():
    stamped, timed = {"name": "stamped", "payload": {}}, {"name": "timed"}
    line = {"name": "line", "payload": {"format": "influx"}}
    one = lineup(config(stamped, timed, line))
    assert one.newest_arrival == -inf
    ahead = b'{"time": 2000000000, "value": 1}'
    one.pipeline.process([Message("in/north/a", ahead, 1, 1, 1, 2e9, retain=False)])
    one.pipeline.process([Message("in/north/b", b'{"value": 1}', 1, 1, 1, 1e9, retain=False)])
    assert one.pipeline.assemblies[1].detector.newest == 2e9
    assert one.newest_arrival == 2e9, "the first detector takes its readings by arrival, too"
    assert lineup(config(timed, line), one.states()).newest_arrival == -inf


def test_a_reload_that_changes_nothing_saves_nothing():
    one, _ = with_open_incident(config())
    held = one.states()[0].detector
    assert one.load_again(config) is None
    assert one.states()[0].detector is held


def test_an_invalid_configuration_changes_nothing(caplog):
    one, _ = with_open_incident(config())
    held = one.pipeline

    def invalid():
        raise ConfigError([Problem("detectors", "must be valid")])

    assert one.load_again(invalid) is None
    assert one.pipeline is held
    assert one.load_failed
    assert "detectors: must be valid" in caplog.text


def test_labels_are_kept_of_sensors_that_were_let_in_only():
    one = lineup(config({"max_sensors": 2}))
    for sensor in "abc":
        feed(one, NORMAL[:2], sensor=sensor)
    assert set(one.pipeline._labels[0]) == {"a", "b"}


def test_labels_travel_in_the_journal_once():
    one = lineup(config())
    places = ["north/s", "south/s", "south/s"]
    batches = [[message(time, 1.0, place)] for time, place in enumerate(places)]
    news = [one.pipeline.process(batch).entries[0].labels for batch in batches]
    assert news == [{"s": {"site": "north", "sensor": "s"}}, {"s": {"site": "south", "sensor": "s"}}, {}]
