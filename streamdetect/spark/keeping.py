"""Keeps the shards that a process has written, because reading one back takes as long as judging.

Spark's state decides. A kept shard is used only if that state is, byte for byte, what the shard wrote last:
after a failure, or when another machine had the shard meanwhile, it is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamdetect.spark.shard import Shard

MOST_BYTES = 256 << 20


class Kept:
    """The latest shards by number; as written they take at most `most` bytes."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._most = most
        self._size = 0
        self._shards: dict[int, tuple[bytes, Shard]] = {}  # oldest first

    def take(self, number: int, sealed: bytes) -> Shard | None:
        """Return the shard and keep it no longer, as it will change; None if it did not write these bytes."""
        if number not in self._shards:
            return None
        written, shard = self._shards.pop(number)
        self._size -= len(written)
        return shard if written == sealed else None

    def put(self, sealed: bytes, shard: Shard) -> None:
        """Keep a shard with the bytes that it has just written."""
        self.take(shard.place.number, b"")
        self._shards[shard.place.number] = sealed, shard
        self._size += len(sealed)
        while self._size > self._most:
            self.take(next(iter(self._shards)), b"")
