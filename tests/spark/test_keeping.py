"""A kept shard stands for the state that it wrote last, and for no other."""

import numpy as np
from assembling import again, pack, shard

from streamdetect.core.readings import Readings
from streamdetect.spark.keeping import Kept


def taken_in(one, at):
    readings = Readings(["a"], np.array([1e9 + at]), np.array([[float(at)]]))
    return one.process([pack(0, [at], readings)])


def test_it_is_given_once_for_the_very_bytes():
    kept, one = Kept(), shard(3, 4)
    sealed = one.to_bytes()
    kept.put(sealed, one)
    assert kept.take(3, bytes(sealed)) is one
    assert kept.take(3, sealed) is None


def test_a_state_that_another_wrote_is_not_it():
    kept, one = Kept(), shard()
    before = one.to_bytes()
    taken_in(one, 1)
    kept.put(one.to_bytes(), one)
    assert kept.take(0, before) is None  # as after the task that wrote it failed
    assert kept.take(0, one.to_bytes()) is None


def test_the_oldest_make_room():
    sealed = shard(0, 4).to_bytes()
    kept = Kept(most=3 * len(sealed))
    shards = [shard(number, 4) for number in range(4)]
    for one in shards:
        kept.put(one.to_bytes(), one)
    found = [kept.take(number, one.to_bytes()) for number, one in enumerate(shards)]
    assert found == [None, *shards[1:]]


def test_one_that_goes_on_says_what_one_that_is_read_back_says():
    here, there = shard(), shard()
    for at in range(60):
        ours, theirs = taken_in(here, at), taken_in(there, at)
        assert [one.id for one in ours.events] == [one.id for one in theirs.events]
        assert here.to_bytes() == there.to_bytes()
        there = again(there)
