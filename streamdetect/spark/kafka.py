"""Kafka as a log: one topic; a message's key is its MQTT topic, as MQTT connectors write it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from confluent_kafka import OFFSET_INVALID, Consumer, KafkaException, TopicPartition

from streamdetect.errors import StreamdetectError
from streamdetect.spark.log import STRETCH, Bounds, Entry, Log

if TYPE_CHECKING:
    from collections.abc import Iterator

    from confluent_kafka import Message

    from streamdetect.config import SparkConfig

_PATIENCE = 10.0  # s for an answer
_POLL = 0.2  # s that `consume` waits for all messages that it was asked for
_MS = 1000.0


class KafkaLog(Log):
    """The partitions of one topic."""

    def __init__(self, settings: SparkConfig) -> None:
        self._topic = settings.streams[0]
        self._options = {
            "bootstrap.servers": ",".join(settings.servers),
            "group.id": "streamdetect",  # is required; nothing is committed under it
            "enable.auto.commit": False,
            "enable.partition.eof": False,
            "isolation.level": "read_committed",
            **settings.options,
        }

    def bounds(self) -> list[Bounds]:
        """Return the bounds of each partition; see Log."""
        with self._consumer() as consumer:
            known = consumer.list_topics(self._topic, timeout=_PATIENCE).topics[self._topic]
            if known.error is not None:
                raise StreamdetectError(f"Kafka: topic {self._topic}: {known.error.str()}")
            return [self._bound(consumer, partition) for partition in sorted(known.partitions)]

    def read(self, partition: int, start: int, end: int) -> Iterator[list[Entry]]:
        """Yield messages; see Log. Offsets that transactions use have no message."""
        with self._consumer() as consumer:
            place = TopicPartition(self._topic, partition, start)
            consumer.assign([place])
            waited = 0.0
            while self._position(consumer, partition, start) < end:
                wanted = min(STRETCH, end - self._position(consumer, partition, start))
                messages = consumer.consume(wanted, _POLL)
                waited = 0.0 if messages else waited + _POLL
                if waited > _PATIENCE:
                    raise StreamdetectError(f"Kafka: no message for {waited:g} s before offset {end}")
                if stretch := [_entry(one) for one in messages if int(one.offset() or 0) < end]:
                    yield stretch

    def _bound(self, consumer: Consumer, partition: int) -> Bounds:
        return Bounds(*consumer.get_watermark_offsets(TopicPartition(self._topic, partition), _PATIENCE))

    def _position(self, consumer: Consumer, partition: int, start: int) -> int:
        (place,) = consumer.position([TopicPartition(self._topic, partition)])
        return start if place.offset == OFFSET_INVALID else place.offset

    @contextmanager
    def _consumer(self) -> Iterator[Consumer]:
        try:
            consumer = Consumer(self._options)
            try:
                yield consumer
            finally:
                consumer.close()
        except KafkaException as error:
            raise StreamdetectError(f"Kafka: {error.args[0].str()}") from error


def _entry(message: Message) -> Entry:
    if message.error() is not None:
        raise KafkaException(message.error())
    _, milliseconds = message.timestamp()
    key, value = message.key() or b"", message.value() or b""
    topic = key.decode(errors="replace") if isinstance(key, bytes) else key
    payload = value if isinstance(value, bytes) else value.encode()
    return Entry(int(message.offset() or 0), milliseconds / _MS, topic, payload)
