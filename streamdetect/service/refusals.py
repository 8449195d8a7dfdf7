"""Refused messages: counted, kept as a few examples, and logged without flooding the log."""

from __future__ import annotations

import logging
from collections import Counter, deque
from typing import TYPE_CHECKING, Final, NamedTuple

from streamdetect.logs import Sparingly

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamdetect.errors import RejectedPayload
    from streamdetect.mqtt.inbox import Message

log = logging.getLogger(__name__)

_KEPT: Final = 5  # examples of each kind
_EXCERPT: Final = 200  # bytes of a payload
_EVERY: Final = 1.0  # s between two of them: to describe a message takes as long as to read it


class Refusal(NamedTuple):
    """An example of a message, or a part of one, that could not be taken in."""

    detector: str
    """Empty when no detector was concerned."""
    reason: str
    """One of codecs.REASONS."""
    ignored: bool
    """True if it was foreign under a wildcard, which is not a fault."""
    topic: str
    """As it came."""
    path: str
    """The configured path that led nowhere; empty if the fault is another."""
    detail: str
    """The fault, and what was found instead."""
    arrival: float
    """Unix seconds."""
    payload: bytes
    """The first bytes of the payload."""


class Refusals:
    """Examples of every kind, the latest last; a kind is a detector, a reason and whether it was ignored.

    Attributes:
        examples: by kind. They hold what came in: escape it before it is shown.
        counts: how many there were, by kind.
    """

    def __init__(self) -> None:
        self.examples: dict[tuple[str, str, bool], deque[Refusal]] = {}
        self.counts: Counter[tuple[str, str, bool]] = Counter()
        self._sparingly = Sparingly()

    def latest(self, detector: str) -> Refusal | None:
        """Return the latest example of a detector."""
        its = [kept[-1] for kind, kept in self.examples.items() if kind[0] in {detector, ""}]
        return max(its, key=lambda one: one.arrival, default=None)

    def note(self, message: Message, detector: str, error: RejectedPayload, *, ignored: bool) -> None:
        """Take note of a refusal."""
        kind = (detector, error.reason, ignored)
        self.counts[kind] += 1
        kept = self.examples.setdefault(kind, deque(maxlen=_KEPT))
        if kept and message.arrival < kept[-1].arrival + _EVERY:
            return
        detail = error.detail
        began = bytes(message.payload[:_EXCERPT])
        kept.append(Refusal(*kind, message.topic, error.path, detail, message.arrival, began))
        allowed, held_back = self._sparingly.allows(str(kind))
        if allowed:
            more = f" ({held_back} more of this kind were not logged)" if held_back else ""
            said = "ignored" if ignored else "rejected"
            level = logging.INFO if ignored else logging.WARNING
            of = f" for {detector}" if detector else ""
            log.log(
                level, "%s a message%s on %r: %s: %s%s", said, of, message.topic, error.reason, detail, more
            )


class Unheard:
    """Warns, once, of detectors that have used no message although they had time."""

    def __init__(self, names: Sequence[str], topics: Sequence[Sequence[str]], refusals: Refusals) -> None:
        self._waiting = dict(zip(names, topics, strict=True))
        self._refusals = refusals

    def took(self, name: str) -> None:
        """Note that a detector took something in."""
        self._waiting.pop(name, None)

    def say(self) -> None:
        """Warn of the other detectors, each once."""
        for name, topics in self._waiting.items():
            latest, where = self._refusals.latest(name), ", ".join(map(repr, topics))
            if latest is None:
                log.warning("detector %s is subscribed to %s, and no message has come yet", name, where)
            else:
                log.warning(
                    "detector %s could use no message on %s; the latest was on %r: %s: %s",
                    name, where, latest.topic, latest.reason, latest.detail,
                )  # fmt: skip
        self._waiting.clear()
