"""A pack: the readings for one shard from one stretch of a partition.

Spark moves rows one by one, but a shard takes its readings in as columns. So one row carries all readings of
a shard that a task has decoded.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

import numpy as np
import orjson

from streamdetect.core.readings import Readings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from streamdetect.service.gathered import Gathered

_LENGTH = Struct("<I")  # of the head


class Share(NamedTuple):
    """One detector's readings in a pack."""

    detector: str
    readings: Readings
    labels: Mapping[str, Mapping[str, str]]  # by sensor; only sensors whose topic or payload gives labels


class Pack(NamedTuple):
    """Readings of one shard that came from one stretch of one partition of the log."""

    partition: int
    start: int  # offset of the first message of the stretch
    end: int  # offset after its last message
    shares: Sequence[Share]

    def to_bytes(self) -> bytes:
        """Write the pack as bytes."""
        head = [
            [one.detector, list(one.readings.sensors), one.readings.values.shape[1], one.labels]
            for one in self.shares
        ]
        said = orjson.dumps([self.partition, self.start, self.end, head])
        columns = (
            np.ascontiguousarray(column).data
            for one in self.shares
            for column in (one.readings.times, one.readings.values)
        )
        return b"".join([_LENGTH.pack(len(said)), said, *columns])

    @classmethod
    def from_bytes(cls, written: bytes) -> Pack:
        """Read what `to_bytes` has written."""
        (length,) = _LENGTH.unpack_from(written)
        at = _LENGTH.size + length
        partition, start, end, head = orjson.loads(written[_LENGTH.size : at])
        shares = []
        for detector, sensors, features, labels in head:
            count = len(sensors)
            times = np.frombuffer(written, np.float64, count, at)
            at += times.nbytes
            values = np.frombuffer(written, np.float64, count * features, at).reshape(count, features)
            at += values.nbytes
            shares.append(Share(detector, Readings(sensors, times, values), labels))
        return cls(partition, start, end, shares)


class Sharding:
    """Says which shard a sensor belongs to; fixed for as long as the state lives."""

    def __init__(self, shards: int, most: int = 1_000_000) -> None:
        """Begin with no sensor remembered.

        Args:
            shards: how many there are.
            most: sensors whose shard is remembered at most: a hash takes 0.5 µs, a look-up 0.05 µs.
        """
        self.shards = shards
        self._most = most
        self._known: dict[str, int] = {}

    def of(self, sensor: str) -> int:
        """Return the shard of a sensor."""
        return crc32(sensor.encode()) % self.shards

    def of_all(self, sensors: Sequence[str]) -> NDArray[np.int64]:
        """Return the shard of each sensor, (N,)."""
        try:
            return np.fromiter(map(self._known.__getitem__, sensors), np.int64, len(sensors))
        except KeyError:
            if len(self._known) > self._most:
                self._known.clear()
            self._known |= {sensor: self.of(sensor) for sensor in set(sensors)}
        return np.fromiter(map(self._known.__getitem__, sensors), np.int64, len(sensors))

    def split(self, detector: str, gathered: Gathered) -> Iterator[tuple[int, Share]]:
        """Yield each shard's share of a detector's readings, in the order in which they came."""
        readings = gathered.readings()
        shards = self.of_all(readings.sensors)
        order = np.argsort(shards, kind="stable")
        ends = np.flatnonzero(np.diff(shards[order])) + 1
        for places in np.split(order, ends):
            sensors = [readings.sensors[place] for place in places.tolist()]
            labels = {one: gathered.labels[one] for one in set(sensors) & gathered.labels.keys()}
            share = Share(
                detector, Readings(sensors, readings.times[places], readings.values[places]), labels
            )
            yield int(shards[places[0]]), share
