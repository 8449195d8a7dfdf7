"""`check --connect` in words: each message taken, with its topic and sensor, and each that is not."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from streamdetect.codecs.filters import overlapping, uncovered
from streamdetect.logs import printable
from streamdetect.offline.discovery.witness import Taken, Witness
from streamdetect.times import rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from streamdetect.config import Config
    from streamdetect.mqtt.inbox import Message
    from streamdetect.offline.discovery.witness import Left

_LINES = 50  # of each kind


def notes(config: Config) -> Iterator[str]:
    """Describe what is valid and may still surprise."""
    filters = uncovered([topic for one in config.detectors for topic in one.topics])
    for first, second in overlapping(filters) if config.mqtt.protocol != "5" else ():
        yield (
            f"a topic can match both {first} and {second}: a broker of MQTT 3.1.1 may send a message twice, "
            "and nothing tells the copies apart"
        )


class Explanation:
    """The messages received, gathered by detector, topic and sensor."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._witness = Witness(config)
        self._taken: dict[tuple[str, str, str], Taken] = {}  # the latest
        self._left: dict[tuple[str, str, str, bool], Left] = {}
        self._counts: Counter[tuple[str, ...]] = Counter()
        self.messages = 0

    def look(self, messages: Iterable[Message]) -> None:
        """Take in messages."""
        for message in messages:
            self.messages += 1
            for one in self._witness.look(message):
                if isinstance(one, Taken):
                    self._taken[one.detector, one.topic, one.sensor] = one
                    self._counts[one.detector, one.topic, one.sensor] += 1
                else:
                    self._left[one.detector, one.topic, one.reason, one.ignored] = one
                    self._counts[one.detector, one.topic, one.reason] += 1

    @property
    def deaf(self) -> list[str]:
        """Detectors that used no message."""
        heard = {name for name, _, _ in self._taken}
        return [one.name for one in self._config.detectors if one.name not in heard]

    @property
    def rejected(self) -> int:
        """Topics with a rejected message."""
        return len({topic for _, topic, _, ignored in self._left if not ignored})

    def lines(self) -> Iterator[str]:
        """Write the explanation, line by line."""
        for one in self._config.detectors:
            yield f"{one.name}: {', '.join(one.topics)}"
            yield from self._of(one.name)
            if one.name in self.deaf:
                yield "  took nothing"
        if others := list(self._of("")):
            yield "for no detector:"
            yield from others

    def _of(self, detector: str) -> Iterator[str]:
        taken = [one for one in self._taken.values() if one.detector == detector]
        for one in sorted(taken)[:_LINES]:
            values = ", ".join(f"{value:g}" for value in one.values)
            times = self._times(detector, one.topic, one.sensor)
            at = rfc3339(one.time, "seconds")
            yield f"  takes    {printable(one.topic)} -> {one.sensor} = {values} at {at}{times}"
        if len(taken) > _LINES:
            yield f"  … and {len(taken) - _LINES} more"
        for word, ignored in (("rejects", False), ("ignores", True)):
            left = [one for one in self._left.values() if one.detector == detector and one.ignored is ignored]
            for what in sorted(left)[:_LINES]:
                times = self._times(detector, what.topic, what.reason)
                yield f"  {word:<8} {printable(what.topic)}: {printable(what.detail)}{times}"
            if len(left) > _LINES:
                yield f"  … and {len(left) - _LINES} more"

    def _times(self, *key: str) -> str:
        count = self._counts[key]
        return f" ({count} times)" if count > 1 else ""
