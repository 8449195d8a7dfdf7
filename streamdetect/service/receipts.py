"""Receipts: which messages were taken in, so that a message that is sent again is recognised.

A broker sends again what it has no acknowledgement for, and ours may have been lost with the connection or
with the process: the effect is committed first. Readings with times of their own are then duplicates to their
sensors, but a reading that is stamped on arrival would count as a new one. MQTT has no durable message id. A
redelivery has the packet id of the first time, though, and says so (DUP), and its content is the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar
from zlib import crc32

import numpy as np

from streamdetect.metrics import counter
from streamdetect.store import Receipted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from streamdetect.metrics import Metric
    from streamdetect.mqtt.inbox import Message

LEAST_RECEIPTS = 1 << 15
"""Half of all packet ids: Mosquitto gives them out in turn, so a receipt is too old before its id returns."""

_RECEIPT = np.dtype([("mid", "<u2"), ("digest", "<u4")])


class Receipts:
    """The packet ids and digests of the latest messages above QoS 0.

    What a broker may send again is among the latest that it has sent: it stops at Receive Maximum. Mosquitto
    2.0.11 does not, and acknowledgements may be on their way for long, so `most` should be many times that.
    Older ones are not known any more; a packet id that is used again must not make an equal message look like
    the one before.

    Attributes:
        recognised: messages that came again.
    """

    def __init__(self, most: int, saved: Iterable[bytes] = ()) -> None:
        """Begin with those of an earlier run, in their order."""
        self.recognised = 0
        self._pending: list[NDArray[np.void]] = []
        self._most = most
        self._count = 0
        # By packet id. A dictionary of 65,535 would take 12 MB.
        self._digests = np.zeros(1 << 16, np.uint32)
        self._numbers = np.full(1 << 16, -most - 1)
        for record in saved:
            self._add(np.frombuffer(record, _RECEIPT))

    metrics: ClassVar[Sequence[Metric[Receipts]]] = (
        counter(
            "mqtt_redeliveries",
            "Messages that the broker sent again although they had been taken; they count once.",
            lambda receipts: receipts.recognised,
        ),
    )

    def fresh(self, messages: Sequence[Message]) -> Sequence[Message]:
        """Return the messages that were not taken in before."""
        if not any([message.dup for message in messages]):  # noqa: C419 - three times as fast
            return messages
        return [message for message in messages if not self.knows(message)]

    def knows(self, message: Message) -> bool:
        """Tell whether this message was taken in before; counts it."""
        if not message.dup:
            return False
        recent = self._numbers[message.mid] >= self._count - self._most
        known = bool(recent and self._digests[message.mid] == _digest(message))
        self.recognised += known
        return known

    def note(self, messages: Iterable[Message]) -> None:
        """Remember messages that were taken in."""
        receipts = [(message.mid, _digest(message)) for message in messages if message.qos]
        if receipts:
            added = np.array(receipts, _RECEIPT)
            self._add(added)
            self._pending.append(added)

    def pending(self) -> Receipted | None:
        """Return the receipts that are not committed yet."""
        if not self._pending:
            return None
        receipts = np.concatenate(self._pending)
        return Receipted(receipts.tobytes(), len(receipts), self._most)

    def committed(self) -> None:
        """Note that the pending receipts are on the disk."""
        self._pending.clear()

    def _add(self, receipts: NDArray[np.void]) -> None:
        mids = receipts["mid"]
        self._digests[mids] = receipts["digest"]
        self._numbers[mids] = np.arange(self._count, self._count + len(mids))
        self._count += len(mids)


def _digest(message: Message) -> int:
    return crc32(message.payload, crc32(message.topic.encode()))
