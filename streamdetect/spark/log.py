"""A log that can be read again from any offset. Spark needs that to be exact; MQTT does not give it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

STRETCH = 20_000
"""About how many messages are read at once."""
STRETCH_BYTES = 32 << 20


class Entry(NamedTuple):
    """One message of the log."""

    offset: int
    time: float  # Unix seconds at which the log took it
    topic: str  # of MQTT
    payload: bytes


class Bounds(NamedTuple):
    """The messages that a partition holds now."""

    first: int  # offset of its oldest message
    end: int  # offset of the next message to come


class Log(ABC):
    """Partitions of messages; a topic is always in the same one."""

    @abstractmethod
    def bounds(self) -> list[Bounds]:
        """Return the bounds of each partition.

        Raises:
            StreamdetectError: the log does not answer.
        """

    @abstractmethod
    def read(self, partition: int, start: int, end: int) -> Iterator[list[Entry]]:
        """Yield the messages from one offset to before another, in stretches.

        Raises:
            StreamdetectError: some messages are no longer there, or the log does not answer.
        """
