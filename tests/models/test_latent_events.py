"""Events that carry the latent vector of their window: the same however the stream is cut or interrupted."""

from __future__ import annotations

import json
from importlib.resources import files

import jsonschema
import numpy as np
import pytest

from streamdetect.bundles.architecture import Architecture
from streamdetect.config import validate
from streamdetect.core.cutting import windows_of
from streamdetect.errors import ConfigError
from streamdetect.monitoring.metrics import Metrics
from streamdetect.mqtt.inbox import Message
from streamdetect.service.assembly import assemble
from streamdetect.service.lineup import Lineup
from streamdetect.store import Change, Store
from streamdetect.training.fit import train
from streamdetect.training.settings import TrainingSettings

pytest.importorskip("tensorflow")

SCHEMA = json.loads(files("streamdetect.sinks").joinpath("event.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
START = 1.7e9
STEPS = 8
SENSORS = ("a", "b")
RULES = {
    "threshold": {"kind": "fixed", "level": 2.0},
    "views": ["reconstruction"],
    "incidents": {"excess": 0.0, "close_after": 3, "update_every": 2, "regime_change_after": "40s"},
}


@pytest.fixture(scope="module")
def bundle(sine, tmp_path_factory):
    settings = TrainingSettings(
        Architecture("dense", units=(12,), latent=2), time_steps=STEPS, epochs=3, scaler="sensor"
    )
    return train([sine], settings, tmp_path_factory.mktemp("latent") / "bundle").bundle


@pytest.fixture(scope="module")
def series(sine):
    """Make series of two sensors: each normal, then off for a while, then off for good."""
    values = np.stack([sine.values[:260], sine.values[100:360]])
    values[0, 120:128] += 30
    values[1, 150:155] += 60
    values[0, 200:] += np.random.default_rng(0).normal(size=60) * 90
    return values


def config(bundle, **more):
    detector = {"topics": ["in/+"], "sensor": "{sensor}", "templates": ["in/{sensor}"], **RULES}
    detector |= {"payload": {"time": "time"}, "bundle": str(bundle.path)}
    return validate({"detectors": [detector | more]})


def lineup(wanted, states=()):
    return Lineup(wanted, assemble(wanted), states, Metrics(per_sensor=True, max_sensors=10))


def messages(series, part=slice(None)):
    for at in range(series.shape[1])[part]:
        for place, sensor in enumerate(SENSORS):
            payload = json.dumps({"time": START + at, "value": series[place, at]}).encode()
            yield Message(f"in/{sensor}", payload, 1, 1, 1, START + at, retain=False)


def feed(one, sent, size=64):
    sent = list(sent)
    return [
        event
        for at in range(0, len(sent), size)
        for event in one.pipeline.process(sent[at : at + size]).events
    ]


def decoded(event):
    cloud_event = json.loads(event.payload)
    VALIDATOR.validate(cloud_event)
    return cloud_event


def test_an_event_carries_the_latent_vector_of_its_window(bundle, series):
    events = feed(lineup(config(bundle, latent_in_events=True)), messages(series))
    windows = {
        sensor: bundle.encode(windows_of(series[place][:, None], STEPS, bundle.manifest.scaling))
        for place, sensor in enumerate(SENSORS)
    }
    kinds = set()
    for event in map(decoded, events):
        kinds.add(event["type"].rpartition(".")[2])
        second = int(np.datetime64(event["time"][:19], "s").astype(int) - START)
        expected = windows[event["subject"]][second - (STEPS - 1)]
        assert np.array_equal(np.array(event["data"]["latent"], dtype=np.float32), expected), (
            "to the last bit"
        )
    assert kinds == {"opened", "updated", "closed"}


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_batches_cannot_be_seen(bundle, series, size):
    wanted = config(bundle, latent_in_events=True)
    cut = feed(lineup(wanted), messages(series), size)
    assert sorted(cut) == sorted(feed(lineup(wanted), messages(series)))


def test_off_by_default_and_otherwise_the_same(bundle, series):
    without = feed(lineup(config(bundle)), messages(series))
    carrying = feed(lineup(config(bundle, latent_in_events=True)), messages(series))
    assert without
    for plain, more in zip(map(decoded, without), map(decoded, carrying), strict=True):
        assert "latent" not in plain["data"]
        del more["data"]["latent"]
        assert plain == more


def test_a_restart_from_the_journal_changes_nothing(bundle, series, tmp_path):
    wanted = config(bundle, latent_in_events=True)
    one = lineup(wanted)
    store = Store(tmp_path, 300.0)
    store.load()
    store.commit(Change(), one.states())
    sent = list(messages(series, slice(0, 123)))  # in the middle of an incident
    for at in range(0, len(sent), 50):
        store.commit(Change(one.pipeline.process(sent[at : at + 50]).entries))
    store.close()
    again = Store(tmp_path, 300.0)
    restarted = lineup(wanted, again.load().states)
    again.close()
    rest = list(messages(series, slice(123, None)))
    events = feed(restarted, rest)
    assert events == feed(one, rest)
    assert all(decoded(event)["data"]["latent"] for event in events)


def test_an_incident_that_ends_without_a_window_carries_none(bundle, series):
    one = lineup(config(bundle, latent_in_events=True, idle_after=60))
    opened = decoded(feed(one, messages(series, slice(0, 125)))[-1])
    assert opened["data"]["latent"]
    late = Message("in/c", b'{"time": %d, "value": 0}' % (START + 300), 1, 1, 1, START + 300, retain=False)
    feed(one, [late])
    closed = [decoded(event)["data"] for event in one.pipeline.evict()[1]]
    assert closed
    assert {data["reason"] for data in closed} == {"evicted"}
    assert not any("latent" in data for data in closed)


def test_the_encoder_runs_for_events_only(bundle, series):
    one = lineup(config(bundle, latent_in_events=True))
    (assembly,) = one.pipeline.assemblies
    seen = []
    counting = type(assembly)(
        assembly.config, assembly.bundle, assembly.detector, assembly.codec, assembly.encoder,
        lambda windows: seen.append(len(windows)) or assembly.encode(windows),
    )  # fmt: skip
    one.pipeline.assemblies = [counting]
    events = feed(one, messages(series))
    assert 0 < sum(seen) <= len(events)


def test_a_bundle_without_an_encoder_is_refused_at_the_start(without_encoder):
    path = str(without_encoder.path)
    wanted = validate({"detectors": [{"bundle": path, "latent_in_events": True}]})
    with pytest.raises(ConfigError) as caught:
        assemble(wanted)
    (problem,) = caught.value.problems
    assert problem.path == "detectors[0].latent_in_events"
    assert f"the bundle {path} has no encoder" in str(problem)
