"""Recordings through log, decoding, packs and shards give the verdicts of a backtest, to the last bit."""

import subprocess
import sys
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cluster.readings import columns

from streamdetect.bundles.bundle import Bundle
from streamdetect.config import validate
from streamdetect.offline.backtest import backtest
from streamdetect.offline.recordings import Layout, read
from streamdetect.offline.replay import Messages
from streamdetect.service.assembly import assemble, make_detector
from streamdetect.spark.decoding import Decoder
from streamdetect.spark.log import Entry
from streamdetect.spark.moving import joined
from streamdetect.spark.packs import Pack, Sharding
from streamdetect.spark.shard import Place, Shard

sys.path.insert(0, str(Path(__file__).parents[1] / "broker"))

from test_live_equals_replay import COLUMNS, motes, nab, opensmarthome, told

SHARDS, PARTITIONS = 8, 3
MOST = 15_000  # readings of each data set
CONFIG = validate(
    {
        "spark": {"shards": SHARDS},
        "detectors": [
            {
                "topics": ["in/#"],
                "templates": ["in/{sensor#}"],
                "sensor": "{sensor}",
                "payload": {"time": "time"},
                "idle_after": None,
                "threads": 1,
            }
        ],
    }
)


def house(data, folder):
    """A house of sensors, by the tool beside the data."""
    tool = data.parent / "tools" / "house.py"
    if not tool.exists():
        pytest.skip(f"no {tool}")
    subprocess.run([sys.executable, str(tool), "make", str(folder), "--seed", "1"], check=True)
    return read([folder / "train.csv"], Layout(sensor_column="sensor", time_column="time"))


def first_readings(recordings):
    """The recordings up to a time by which there are `MOST` readings."""
    times = np.sort(np.concatenate([one.times for one in recordings]))
    last = times[min(MOST, len(times)) - 1]
    kept = [(one, one.times <= last) for one in recordings]
    return [
        replace(one, times=one.times[mask], values=one.values[mask], labels=None)
        for one, mask in kept
        if mask.any()
    ]


def batches(recordings, rng):
    """The log, cut at random into batches: the stretches by partition, which all end at the same time."""
    messages, sharding = Messages(recordings, "in/{sensor}", "json"), Sharding(PARTITIONS)
    stretches, counts, left = defaultdict(list), defaultdict(int), 0
    for one in messages:
        topic = messages.topics[one.sensor]
        partition = sharding.of(topic)
        entry = Entry(counts[partition], one.time, topic, messages.payload(one, one.time))
        counts[partition] += 1
        if not left:
            left = int(rng.integers(1, 4000))
            yield dict(stretches)
            stretches.clear()
        left -= 1
        stretches[partition].append(entry)
    yield dict(stretches)


class Cluster:
    """Shards that are written and read between any two batches."""

    def __init__(self):
        self._assemblies = assemble(CONFIG)
        self.states, self.rows, self.transitions = {}, defaultdict(list), []

    def load(self, number):
        place = Place(number, SHARDS)
        if number in self.states:
            return Shard.from_bytes(self.states[number], place, self._assemblies, CONFIG)
        return Shard(place, self._assemblies, CONFIG)

    def take(self, number, packs):
        shard = self.load(number)
        result = shard.process(packs)
        for _, verdicts in result.verdicts:
            self.transitions += verdicts.transitions
            for at, sensor in enumerate(verdicts.sensors):
                self.rows[sensor].append([getattr(verdicts, name)[at] for name in COLUMNS])
        self.states[number] = shard.to_bytes()

    def look(self, clock):
        for number in list(self.states):
            shard = self.load(number)
            if clock > shard.due:
                self.transitions += shard.states()[0].detector.look(clock)
                self.states[number] = shard.to_bytes()


@pytest.mark.parametrize("source", [motes, opensmarthome, nab, house], ids=lambda source: source.__name__)
def test_shards_say_what_a_backtest_says(source, data, tmp_path):
    recordings = first_readings(source(data, tmp_path) if source is house else source(data))
    whole = make_detector(CONFIG.detectors[0], Bundle.load("general"))
    expected = backtest(whole, recordings)
    cluster, decoder, clock = Cluster(), Decoder(CONFIG), -np.inf
    for batch in batches(recordings, np.random.default_rng(5)):
        packs = defaultdict(list)
        for partition, entries in batch.items():
            clock = max(clock, decoder.newest(entries))
            for number, pack in decoder.decode(partition, entries).packs:
                packs[number].append(Pack.from_bytes(pack.to_bytes()))
        for number, its in packs.items():
            cluster.take(number, its)
        cluster.look(clock)
    assert sum(map(len, cluster.rows.values())) == sum(len(result.index) for result in expected) > 0
    for result in expected:
        mine = cluster.rows[result.recording.sensor]
        for place, name in enumerate(COLUMNS):
            np.testing.assert_array_equal([row[place] for row in mine], getattr(result, name), err_msg=name)
        edges = [one for one in cluster.transitions if one.sensor == result.recording.sensor]
        newest = max(one.recording.times.max() for one in expected)
        assert told(one for one in edges if one.time <= newest) == told(result.transitions)
    (state,) = joined(cluster.states.items())
    assert columns(state.detector) == columns(whole)
