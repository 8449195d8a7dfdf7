"""Which messages of the log are old enough to move the clock by which sensors fall silent.

A sensor is silent if it has no reading, although readings that are newer by enough have come from others. So
a message may move the clock only when all that was published before it has been read. The order of the log
does not say that: partitions are written independently, and of a burst NATS stores its fullest stream last.
What was published before a message is in the log `SETTLING` seconds after it, though, so the message counts
once everything has been read that the log held by then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

SETTLING = 30.0
"""Seconds by which one partition may store later than another what was published at the same time. With 2 s,
sensors of the fullest stream fell silent for a moment on a busy machine."""
_MOST = 600  # times that are remembered


class _Seen(NamedTuple):
    """The log as it was at some time."""

    time: float  # s, by any clock that runs evenly
    ends: Sequence[int]  # of each partition, the offset of the next message to come


class Settling:
    """Remembers how long the log was, and says which messages of it have settled."""

    def __init__(self) -> None:
        """Begin with nothing seen: after a start, nothing settles for `SETTLING` seconds."""
        self._seen: list[_Seen] = []

    def settled(self, now: float, ends: Sequence[int], read: Sequence[int]) -> Sequence[int]:
        """Say up to which offset of each partition messages have settled; empty: none are known to have.

        Args:
            now: seconds.
            ends: of each partition now, the offset of the next message to come.
            read: of each partition, the offset before which everything has been read.
        """
        self._seen.append(_Seen(now, ends))
        if len(self._seen) > _MOST:
            del self._seen[1::2]
        whole = [one.time for one in self._seen if _covers(read, one.ends)]
        settled = [at for at, one in enumerate(self._seen) if whole and one.time <= whole[-1] - SETTLING]
        if not settled:
            return ()
        del self._seen[: settled[-1]]
        return self._seen[0].ends


def _covers(read: Sequence[int], ends: Sequence[int]) -> bool:
    return all(one >= end for one, end in zip(read, ends, strict=False))  # partitions may have been added
