"""`streamdetect record` behind a real broker: what is heard is on the disk, and is read as it was heard."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from streamdetect.codecs.series import SeriesSettings
from streamdetect.config import validate
from streamdetect.errors import ConfigError
from streamdetect.mqtt.publisher import Publisher
from streamdetect.offline.recorder import Bounds, Files, Recorder
from streamdetect.offline.recorder.listening import listener
from streamdetect.offline.recordings import Layout, Recording, read
from streamdetect.offline.replay import Messages


def configuration(broker, **detector):
    own = {
        "topics": ["in/#"],
        "templates": ["in/{sensor#}"],
        "sensor": "{sensor}",
        "payload": {"time": "time"},
    }
    return validate(
        {
            "mqtt": {"host": broker.host, "port": broker.port},
            "detectors": [own | {"name": "plant"} | detector],
        }
    )


def publish(config, recordings):
    messages = Messages(recordings, "in/{sensor}", "json")
    with Publisher(config.mqtt, qos=1, patience=30) as publisher:
        for message in messages:
            publisher.publish(messages.topics[message.sensor], messages.payload(message, message.time))
        publisher.finish()


@pytest.fixture
def record(until, tmp_path):
    def record(config, recordings, bounds=Bounds(), **more):  # noqa: B008 - frozen
        recorder = Recorder(config, tmp_path, bounds, **more)
        thread = threading.Thread(target=recorder.run)
        thread.start()
        try:
            until(lambda: recorder.edge.subscribed, "subscribed")
            publish(config, recordings)
            expected = sum(map(len, recordings))
            until(lambda: recorder.readings == expected, f"all {expected} readings")
        finally:
            recorder.stop()
            thread.join(30)
        assert not thread.is_alive()

    return record


def plant(start, count=300):
    rng = np.random.default_rng(4)
    times = 1.7e9 + start + np.cumsum(rng.choice([1.0, 1.00025, 0.3], count))
    return [
        Recording(f"line/{at}", f"line/{at}", times, rng.normal(size=(count, 1)), ("value",))
        for at in range(3)
    ]


def test_what_was_heard_is_read_to_the_last_bit_and_the_next_run_goes_on(mosquitto, record, tmp_path):
    config = configuration(mosquitto("max_inflight_messages 0"))
    first, second = plant(0), plant(1000)
    record(config, first)
    (path,) = (tmp_path / "plant").iterdir()
    with path.open("ab") as file:
        file.write(b"1700000999.5,line/0,2")  # what a crash may leave behind
    record(config, second)
    assert list((tmp_path / "plant").iterdir()) == [path]
    found = {one.name: one for one in read([tmp_path / "plant"], Layout(sensor_column="sensor"))}
    for one, other in zip(first, second, strict=True):
        assert found[one.name].times.tolist() == [*one.times, *other.times]
        np.testing.assert_array_equal(found[one.name].values, np.concatenate([one.values, other.values]))


def test_features_by_name_and_a_bundle_that_is_still_to_be_made(mosquitto, record, tmp_path):
    broker = mosquitto()
    two = [Recording("a", "a", np.arange(5) + 1.7e9, np.arange(10.0).reshape(5, 2), ("temp", "flow"))]
    payload = {"time": "time", "values": {"temp": "temp", "flow": "flow"}}
    record(configuration(broker, payload=payload, bundle="not/there/yet"), two)
    (found,) = read([tmp_path / "plant"], Layout(sensor_column="sensor"))
    assert found.features == ("temp", "flow")
    assert found.values.tolist() == two[0].values.tolist()
    joined = {
        "templates": ["in/{device}/{what}"],
        "sensor": "{device}",
        "join": {"by": "what"},
        "bundle": "not/there/yet",
    }
    with pytest.raises(ConfigError, match="--features names them"):
        Recorder(configuration(broker, **joined), tmp_path, Bounds())
    assert listener(configuration(broker, **joined), 0, ("t", "h")).features == ("t", "h")


def test_a_counter_is_recorded_as_it_comes_its_rate_is_taken_when_it_is_read(mosquitto):
    config = configuration(mosquitto(), difference="rate", resample="60s")
    assert config.detectors[0].series != SeriesSettings()
    assert listener(config, 0).config.series == SeriesSettings()


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_files_and_their_folder_are_bounded(tmp_path, form):
    if form == "parquet":
        pytest.importorskip("pyarrow", reason="the extra recordings is not installed")
    clock = iter(range(1000))
    bounds = Bounds(file_bytes=1000, folder_bytes=20_000, form=form)
    files = Files(tmp_path, ["v"], bounds, lambda: 1.7e9 + next(clock))
    written = []
    for at in range(2000):
        files.write([[1.7e9 + at, f"s{at % 3}", at / 7]])
        written.append(1.7e9 + at)
        if at % 10 == 9:
            files.flush()
    files.close()
    assert files.size <= 21_000
    assert {path.suffix for path in tmp_path.iterdir()} == {".csv", f".{form}"}
    found = read([tmp_path], Layout(sensor_column="sensor"))
    kept = sorted(time for one in found for time in one.times)
    assert kept == written[-len(kept) :]
    assert len(kept) > 200


def test_other_features_begin_another_file(tmp_path):
    clock = iter([1.7e9, 1.8e9, 1.9e9])
    for features in (["a"], ["a", "b"], ["a", "b"]):
        Files(tmp_path, features, Bounds(), lambda: next(clock)).close()
    assert len(list(tmp_path.iterdir())) == 2
