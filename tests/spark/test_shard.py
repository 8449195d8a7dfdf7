"""Shards give the verdicts of one detector, however readings are cut, read again and shuffled."""

import shutil
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from assembling import CONFIG, again, assembly, pack, packs_of, shard
from hypothesis import given
from hypothesis import strategies as st
from streams import rows_of, streams

from streamdetect.core.readings import Readings
from streamdetect.core.rules import Rule
from streamdetect.errors import StateError
from streamdetect.spark.packs import Pack, Sharding, Share
from streamdetect.spark.sealing import seal, unseal
from streamdetect.spark.shard import KIND, Place, Shard
from streamdetect.store import tables
from streamdetect.store.database import connect
from streamdetect.store.migration import MIGRATIONS
from streamdetect.store.state import decode

OLD = Path(__file__).parents[1] / "store" / "from_0_1_0" / "state.db"


def expected(readings):
    one = assembly()
    verdicts = one.detector.process(readings)
    events = [one.encoder.encode(each, {}) for each in verdicts.transitions]
    return rows_of(verdicts), events


def by_sensor(rows):
    """The verdicts of each sensor in order, without their place in a batch."""
    found = {}
    for row in rows:
        found.setdefault(row[1], []).append(repr(row[2:]))
    return found


def told(events):
    return sorted(event.payload for event in events)


class Cluster:
    """Shards that are written and read between any two batches, as Spark does."""

    def __init__(self, shards):
        self.states = {}
        self.shards = shards
        self.rows, self.events = [], []

    def run(self, batch, clock):
        for number in {number for number, _ in batch}:
            one = self.load(number)
            result = one.process([each for at, each in batch if at == number])
            self.keep(one, result)
        for number in list(self.states):
            one = self.load(number)
            if clock > one.due:
                self.keep(one, one.look(clock))

    def load(self, number):
        place = Place(number, self.shards)
        if number not in self.states:
            return shard(*place)
        return Shard.from_bytes(self.states[number], place, [assembly()], CONFIG)

    def keep(self, one, result):
        self.states[one.place.number] = one.to_bytes()
        self.rows += [row for _, verdicts in result.verdicts for row in rows_of(verdicts)]
        self.events += result.events


@given(
    streams(sensors=6, most=150),
    st.integers(1, 4),
    st.integers(1, 5),
    st.lists(st.integers(1, 40), min_size=1, max_size=4),
    st.randoms(use_true_random=False),
)
def test_any_cut_replay_and_shuffle_gives_the_verdicts_of_one_detector(
    readings, partitions, shards, sizes, chance
):
    rows, events = expected(readings)
    cluster, before, clock = Cluster(shards), [], -np.inf
    for fresh in packs_of(readings, partitions, shards, sizes):
        clock = max([clock, *(float(share.readings.times.max()) for _, one in fresh for share in one.shares)])
        batch = [*fresh, *chance.sample(before, min(len(before), 3))]
        chance.shuffle(batch)
        cluster.run(batch, clock)
        before = fresh
    assert by_sensor(cluster.rows) == by_sensor(rows)
    assert told(cluster.events) == told(events)


@given(streams(), st.integers(1, 60))
def test_a_pack_that_is_in_by_a_part_adds_what_is_new(readings, at):
    rows, _ = expected(readings)
    one = shard()
    places = list(range(len(readings.times)))

    def part(start, stop):
        cut = slice(start, stop)
        offsets = places[cut]
        return pack(0, offsets, Readings(readings.sensors[cut], readings.times[cut], readings.values[cut]))

    found = [one.process([part(0, at)]), again(one).process([part(0, None)]) if at < len(places) else None]
    seen = [row for result in found if result for _, verdicts in result.verdicts for row in rows_of(verdicts)]
    assert by_sensor(seen) == by_sensor(rows)


def test_a_sensor_whose_partition_is_read_less_far_is_not_silent():
    def part(partition, start, stop):
        steps = np.arange(float(start), stop)
        readings = Readings(["ab"[partition]] * len(steps), 1e9 + steps, np.ones((len(steps), 1)))
        return pack(partition, [start, stop - 1], readings)

    one = shard(rules=(Rule("*", silent_after=100.0),))
    assert not one.process([part(0, 0, 60), part(1, 0, 60)]).events
    assert one.due == 1e9 + 59 + 100
    assert not one.process([part(0, 60, 400)]).events
    assert not one.process([part(1, 60, 400)]).events
    assert [event.sensor for event in one.look(1e9 + 800).events] == ["a", "b"]


def test_an_idle_sensor_is_forgotten_by_the_clock_of_all():
    one = shard(idle_after=50.0)
    one.process([pack(0, [0], Readings(["a"], np.array([1e9]), np.array([[1.0]])))])
    assert len(one.states()[0].detector) == 1
    assert one.due <= 1e9 + 50
    one.look(1e9 + 49)
    assert len(one.states()[0].detector) == 1
    one.look(1e9 + 51)
    assert len(one.states()[0].detector) == 0
    assert one.due == np.inf


def test_work_counts_what_was_done_and_what_is_known():
    one = shard()
    times = 1e9 + np.array([0.0, 1.0, 1.0, 0.5])
    result = one.process([pack(0, [0, 3], Readings(["a"] * 4, times, np.zeros((4, 1))))])
    work = one.work(result)["default"]
    assert work.readings.tolist()[:3] == [2, 1, 1]
    assert work.readings.sum() == 4
    assert (work.sensors, work.sensors_warming_up, work.incidents_open, work.windows) == (1, 1, 0, 0)


def test_labels_are_in_events_after_a_restart():
    one = shard()
    quiet = Readings(["a"] * 60, 1e9 + np.arange(60.0), np.random.default_rng(1).normal(size=(60, 1)))
    one.process([Pack(0, 0, 60, [Share("default", quiet, {"a": {"room": "hall"}})])])
    loud = Readings(["a"] * 5, 1e9 + 60 + np.arange(5.0), np.full((5, 1), 50.0))
    events = again(one).process([Pack(0, 60, 65, [Share("default", loud, {})])]).events
    assert [event.facts["data"]["labels"] for event in events][:1] == [{"room": "hall"}]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda sealed: sealed[:10], "length: must be >= 22 bytes, got 10"),
        (lambda sealed: b"SDOTHER\0" + sealed[8:], "kind: must be SDSHARD, got SDOTHER"),
        (
            lambda sealed: sealed[:8] + b"\2\0" + sealed[10:],
            "version: must be 1, got 2; go back to the version of streamdetect that wrote it",
        ),
        (lambda sealed: sealed[:-1], "length: must be"),
        (lambda sealed: sealed[:-1] + bytes([sealed[-1] ^ 1]), "checksum: must be"),
        (
            lambda _: seal(KIND, {"shard": 1, "shards": 4, "seen": []}, []),
            "shard: must be 3, got 1",
        ),
        (
            lambda _: seal(KIND, {"shard": 3, "shards": 8, "seen": []}, []),
            "shards: must be 4, got 8",
        ),
    ],
)
def test_a_state_that_does_not_fit_is_refused_by_name(spoil, message):
    sealed = shard(3, 4).to_bytes()
    with pytest.raises(StateError, match=message) as refused:
        Shard.from_bytes(spoil(sealed), Place(3, 4), [assembly()], CONFIG)
    assert "state of shard 3" in str(refused.value)


def open_incident():
    """A shard with an open incident."""
    one = shard()
    quiet = Readings(["a"] * 60, 1e9 + np.arange(60.0), np.random.default_rng(1).normal(size=(60, 1)))
    loud = Readings(["a"] * 5, 1e9 + 60 + np.arange(5.0), np.full((5, 1), 50.0))
    one.process([pack(0, [0, 59], quiet), pack(0, [60, 64], loud)])
    assert one.work(one.began)["default"].incidents_open == 1
    return one


def test_detectors_of_another_version_are_refused_by_the_name_of_the_shard(monkeypatch):
    sealed = shard(3, 4).to_bytes()
    monkeypatch.setattr("streamdetect.core.windows.Windows.restore", lambda *_: {}["gone"])
    rule = "state of shard 3: snapshot: must be one of this version, .*; go back to the version"
    with pytest.raises(StateError, match=rule):
        Shard.from_bytes(sealed, Place(3, 4), [assembly()], CONFIG)


def test_detectors_in_the_columns_of_0_1_0_go_on_as_in_a_daemon(monkeypatch, tmp_path):
    path = shutil.copy(OLD, tmp_path / "state.db")
    with closing(connect(path, tables.SCHEMA, MIGRATIONS)) as connection:
        parts = tables.read_parts(connection, tables.read_current(connection))
    monkeypatch.setattr("streamdetect.spark.sealing.encode", lambda _: parts)
    (state,) = unseal(KIND, seal(KIND, {}, []), "state of shard 3").states
    (daemon,) = decode(parts[0], b"".join(parts[1:]))
    found, wanted = state.detector.snapshot(), daemon.detector.snapshot()
    assert sorted(found["sensors"].tolist()) == [b"line-1/flow", b"line-2/temp"]
    assert {name: its.tobytes() for name, its in found.items()} == {
        name: its.tobytes() for name, its in wanted.items()
    }


def test_another_bundle_takes_the_sensors_and_their_incidents_over():
    one = open_incident()
    states = [state._replace(bundle="another") for state in one.states()]
    successor = Shard(one.place, [assembly()], CONFIG, states)
    assert successor.work(successor.began)["default"].incidents_open == 1
    assert not successor.began.events


def test_a_detector_that_is_no_longer_configured_closes_what_is_open():
    one = open_incident()
    states = [state._replace(name="another") for state in one.states()]
    successor = Shard(one.place, [assembly()], CONFIG, states)
    assert [event.facts["data"]["reason"] for event in successor.began.events] == ["restarted"]
    assert len(successor.states()[0].detector) == 0


def test_a_pack_is_read_as_it_was_written():
    values = np.array([[1.0, np.nan], [2.0, 3.0]])
    written = Pack(
        7, 5, 9, [Share("d", Readings(["å", "b"], np.array([1.5, 2.5]), values), {"b": {"x": "y"}})]
    )
    read = Pack.from_bytes(written.to_bytes())
    assert read[:3] == (7, 5, 9)
    (share,) = read.shares
    assert (share.detector, share.labels, list(share.readings.sensors)) == (
        "d",
        {"b": {"x": "y"}},
        ["å", "b"],
    )
    np.testing.assert_array_equal(share.readings.values, values)
    np.testing.assert_array_equal(share.readings.times, [1.5, 2.5])


def test_a_sensor_stays_in_its_shard_however_many_are_remembered():
    sharding = Sharding(16, most=10)
    names = [f"s{at}" for at in range(100)]
    assert sharding.of_all(names).tolist() == [sharding.of(name) for name in names]
    assert sharding.of_all(names[:3]).tolist() == [sharding.of(name) for name in names[:3]]
