"""Decodes messages of the log into packs for shards, with the daemon's own codecs."""

from __future__ import annotations

from functools import lru_cache
from math import inf
from typing import TYPE_CHECKING, NamedTuple

from streamdetect.bundles.bundle import Bundle
from streamdetect.codecs import codec
from streamdetect.config import parse
from streamdetect.mqtt.inbox import Message
from streamdetect.service.gathering import Gathering
from streamdetect.service.listener import Listener
from streamdetect.spark.packs import Pack, Sharding

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Sequence

    from streamdetect.config import Config, DetectorConfig
    from streamdetect.service.gathered import Gathered
    from streamdetect.spark.log import Entry
    from streamdetect.spark.packs import Share


class Decoded(NamedTuple):
    """The decoded messages of a stretch of the log."""

    packs: list[tuple[int, Pack]]  # by shard
    newest: float  # Unix seconds at which the last message came
    outcomes: Counter[str]  # messages, see monitoring.reports.MESSAGE_OUTCOMES
    rejected: Counter[str]  # messages and parts of messages, by reason


class Decoder:
    """Decodes one stretch after the other; keeps nothing from one to the next."""

    def __init__(self, config: Config) -> None:
        """Load what the codecs need.

        Raises:
            BundleError: a bundle is unusable.
        """
        self._listeners = [_listener(one, config.mqtt.max_payload) for one in config.detectors]
        self._gathering = Gathering(self._listeners, [{} for _ in self._listeners], take_retained=True)
        self._sharding = Sharding(config.spark.shards)

    def decode(self, partition: int, entries: Sequence[Entry]) -> Decoded:
        """Decode a stretch.

        Args:
            partition: which one the stretch is from.
            entries: at least one message.
        """
        gathered, outcomes, rejected = self._gather(entries)
        outcomes["accepted"] = len(entries) - outcomes.total()
        shares: dict[int, list[Share]] = {}
        for one, its in zip(self._listeners, gathered, strict=True):
            for shard, share in self._sharding.split(one.name, its) if its.sensors else ():
                shares.setdefault(shard, []).append(share)
        start, end = entries[0].offset, entries[-1].offset + 1
        packs = [(shard, Pack(partition, start, end, its)) for shard, its in shares.items()]
        return Decoded(packs, entries[-1].time, +outcomes, rejected)

    def newest(self, entries: Sequence[Entry]) -> float:
        """Unix seconds of the newest reading in these messages; -inf without any."""
        return max((max(its.times, default=-inf) for its in self._gather(entries)[0]), default=-inf)

    def _gather(self, entries: Sequence[Entry]) -> tuple[Sequence[Gathered], Counter[str], Counter[str]]:
        messages = [Message(one.topic, one.payload, 1, 0, 0, one.time, retain=False) for one in entries]
        gathered, outcomes, rejected, _, _ = self._gathering.gather(messages)
        return gathered, outcomes, rejected


def _listener(one: DetectorConfig, max_payload: int) -> Listener:
    features = Bundle.load(one.bundle).manifest.features
    return Listener(one, codec(one.payload_settings(max_payload)), features)


@lru_cache(maxsize=2)
def decoder(text: str) -> Decoder:
    """Return the decoder of a configuration, one for each process."""
    return Decoder(parse(text))
