"""Shards that a process has written and may be asked for again: to read one back takes as long as to judge.

Spark's state is what counts. A shard that was kept stands for it only if the state is what was written last,
byte for byte; after a failure, or when another machine had the shard meanwhile, it is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamdetect.spark.shard import Shard

MOST_BYTES = 256 << 20


class Kept:
    """Shards by number, the latest of them, at most `most` bytes as they were written."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._most = most
        self._size = 0
        self._shards: dict[int, tuple[bytes, Shard]] = {}  # oldest first

    def take(self, number: int, sealed: bytes) -> Shard | None:
        """Give the shard, and keep it no longer: who takes it changes it. None if it is not this state."""
        if number not in self._shards:
            return None
        written, shard = self._shards.pop(number)
        self._size -= len(written)
        return shard if written == sealed else None

    def put(self, sealed: bytes, shard: Shard) -> None:
        """Keep a shard that was just written so."""
        self.take(shard.place.number, b"")
        self._shards[shard.place.number] = sealed, shard
        self._size += len(sealed)
        while self._size > self._most:
            self.take(next(iter(self._shards)), b"")
