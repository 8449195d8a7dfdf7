"""The whole configuration."""

# No `from __future__ import annotations`: pydantic needs the annotations' types when the classes are made.

from collections.abc import Iterator
from typing import Annotated, Self

from pydantic import Field

from streamdetect.codecs.filters import overlap
from streamdetect.config.broker import MqttConfig
from streamdetect.config.detectors import DetectorConfig
from streamdetect.config.section import Broken, Section
from streamdetect.config.service import (
    BatchConfig,
    EventsConfig,
    LoggingConfig,
    MetricsConfig,
    ShutdownConfig,
)


class Config(Section):
    """Everything that the daemon can be told."""

    mqtt: MqttConfig = MqttConfig()
    events: EventsConfig = EventsConfig()
    metrics: MetricsConfig = MetricsConfig()
    logging: LoggingConfig = LoggingConfig()
    batch: BatchConfig = BatchConfig()
    shutdown: ShutdownConfig = ShutdownConfig()
    detectors: Annotated[tuple[DetectorConfig, ...], Field(min_length=1, strict=False)] = (DetectorConfig(),)

    @classmethod
    def defaults(cls) -> Self:
        """Give the configuration of a run without a file."""
        return cls()

    @property
    def event_source(self) -> str:
        """The `source` of our CloudEvents."""
        return self.events.source or f"/streamdetect/{self.mqtt.client_id}"

    def broken(self) -> Iterator[Broken]:
        """Find what detectors, topics and queues have against each other."""
        names = [detector.name for detector in self.detectors]
        for index, name in enumerate(names):
            if name in names[:index]:
                yield Broken(f"detectors[{index}].name", "must be unique", name)
        own = self.events.own_filters(names)
        for index, detector in enumerate(self.detectors):
            for position, topic in enumerate(detector.topics):
                ours = [pattern for pattern in own if overlap(pattern, topic)]
                if ours:
                    rule = f"must not match our own topics ({ours[0]})"
                    option = f"detectors[{index}].topics[{position}]"
                    yield Broken(option, rule, topic, ("events.prefix", "events.topic"))
        if self.batch.inbox < self.mqtt.max_undelivered_messages:
            rule = f"must be >= mqtt.max_undelivered_messages ({self.mqtt.max_undelivered_messages})"
            yield Broken("batch.inbox", rule, self.batch.inbox, ("mqtt.max_undelivered_messages",))
