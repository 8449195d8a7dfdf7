"""The daemon behind a real broker gives the events of a backtest of the same readings, to the last bit."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

from streamdetect.bundles.bundle import Bundle
from streamdetect.config import validate
from streamdetect.mqtt.publisher import Publisher
from streamdetect.offline.backtest import backtest
from streamdetect.offline.recordings import Layout, Recording, read
from streamdetect.offline.replay import Messages
from streamdetect.service.assembly import make_detector
from streamdetect.service.daemon import Daemon

COLUMNS = ("times", "errors", "means", "sigmas", "thresholds", "anomalous")


def synthetic():
    rng = np.random.default_rng(7)
    recordings = []
    for at in range(5):
        size = 900
        times = 1.7e9 + np.cumsum(rng.choice([1.0, 1.0, 1.5, 0.25], size))
        times[100] = times[99]  # a duplicate
        times[200] = times[190]  # late
        values = 20 + 5 * np.sin(np.arange(size) / (10 + at)) + rng.normal(0, 0.3, size)
        values[400:410] += 25
        values[600:] += 3
        recordings.append(Recording(f"s{at}", f"s{at}", times, values[:, None], ("value",)))
    return recordings


def motes(data):
    found = read(
        [data / "suthaharan_single_hop" / "single_hop_data.csv"],
        Layout(columns=("temperature",), sensor_column="mote_id", time_column="none", step=5.0),
    )
    return [replace(one, times=one.times + 1.7e9) for one in found]  # the daemon takes no time before 2000


def opensmarthome(data):
    return read(sorted((data / "opensmarthome").glob("*_Temperature.csv")))


def nab(data):
    return read(sorted((data / "nab_dev" / "data" / "artificialWithAnomaly").glob("*.csv")))


def live(broker, recordings, until):
    """Verdicts and transitions of every sensor, from the daemon behind the broker."""
    config = validate(
        {
            "mqtt": {"host": broker.host, "port": broker.port},
            "metrics": {"enabled": False},
            "detectors": [
                {
                    "topics": ["in/#"],
                    "templates": ["in/{sensor#}"],
                    "sensor": "{sensor}",
                    "payload": {"time": "time"},
                }
            ],
        }
    )
    batches = []
    daemon = Daemon(config, observers=(batches.append,))
    thread = threading.Thread(target=daemon.run)
    thread.start()
    try:
        until(lambda: daemon.edge.subscribed, "subscribed")
        messages = Messages(recordings, "in/{sensor}", "json")
        with Publisher(config.mqtt, qos=1, patience=30) as publisher:
            for message in messages:
                publisher.publish(messages.topics[message.sensor], messages.payload(message, message.time))
            publisher.finish()

        def seen():
            return sum(sum(batch.report.messages.values()) for batch in batches)

        until(lambda: seen() == len(messages), f"all {len(messages)} messages")
    finally:
        daemon.stop()
        thread.join(30)
    assert not thread.is_alive()
    return [verdicts for batch in batches for _, verdicts in batch.verdicts]


def told(transitions):
    return sorted(map(repr, transitions))


@pytest.mark.parametrize("source", [synthetic, motes, opensmarthome, nab], ids=lambda source: source.__name__)
def test_live_equals_replay(source, mosquitto, until, request):
    recordings = source() if source is synthetic else source(request.getfixturevalue("data"))
    config = validate({}).detectors[0]
    expected = backtest(make_detector(config, Bundle.load(config.bundle)), recordings)
    broker = mosquitto("max_inflight_messages 0")
    found = live(broker, recordings, until)
    columns = {name: np.concatenate([getattr(part, name) for part in found]) for name in COLUMNS}
    sensors = np.array([sensor for part in found for sensor in part.sensors])
    transitions = [transition for part in found for transition in part.transitions]
    assert sum(map(len, found)) == sum(len(result.index) for result in expected) > 0
    newest = max(result.recording.times.max() for result in expected)
    for result in expected:
        own = sensors == result.recording.sensor
        for name in COLUMNS:
            np.testing.assert_array_equal(columns[name][own], getattr(result, name), err_msg=name)
        # Who has fallen silent is noticed between batches; a recording's clock stops at its end.
        mine = [one for one in transitions if one.sensor == result.recording.sensor and one.time <= newest]
        assert told(mine) == told(result.transitions)
