"""The whole configuration."""

# No `from __future__ import annotations`: pydantic needs the annotations' types when the classes are made.

from collections.abc import Iterator
from typing import Annotated, Self

from pydantic import BeforeValidator, Field

from streamdetect.codecs.filters import overlap
from streamdetect.config.broker import MqttConfig
from streamdetect.config.detectors import DetectorConfig
from streamdetect.config.page import PageConfig
from streamdetect.config.section import Broken, Section
from streamdetect.config.service import (
    AnswersConfig,
    BatchConfig,
    EventsConfig,
    HistoryConfig,
    HomeAssistantConfig,
    LoggingConfig,
    MetricsConfig,
    ShutdownConfig,
    StateConfig,
)
from streamdetect.config.sinks import (
    OWN_SINKS,
    FileConfig,
    InhibitConfig,
    MaintenanceConfig,
    NotifyConfig,
    SinkConfig,
    WebhookConfig,
)
from streamdetect.config.spark import SparkConfig
from streamdetect.config.yaml_subset import write_yaml


def _enabled(value: object) -> object:
    return {"enabled": value} if isinstance(value, bool) else value


class Config(Section):
    """All options of the daemon."""

    mqtt: MqttConfig = MqttConfig()
    """The broker, and our login there."""
    events: EventsConfig = EventsConfig()
    """The topics of events, and their content."""
    webhooks: Annotated[tuple[WebhookConfig, ...], Field(strict=False)] = ()
    """URLs that events are posted to."""
    files: Annotated[tuple[FileConfig, ...], Field(strict=False)] = ()
    """Files that events are appended to."""
    notify: Annotated[tuple[NotifyConfig, ...], Field(strict=False)] = ()
    """Services that tell people, by Apprise."""
    history: HistoryConfig = HistoryConfig()
    """Incidents of the past, in the state directory."""
    answers: AnswersConfig = AnswersConfig()
    """Commands of people."""
    homeassistant: Annotated[HomeAssistantConfig, BeforeValidator(_enabled)] = HomeAssistantConfig()
    """Sensors as devices of Home Assistant."""
    inhibit: Annotated[tuple[InhibitConfig, ...], Field(strict=False)] = ()
    """Sensors whose incidents explain those of others, about which nobody is notified then."""
    maintenance: Annotated[tuple[MaintenanceConfig, ...], Field(strict=False)] = ()
    """Times in which nobody is notified about some sensors."""
    metrics: MetricsConfig = MetricsConfig()
    """The HTTP port for Prometheus and health checks."""
    page: Annotated[PageConfig, BeforeValidator(_enabled)] = PageConfig()
    """The live page and its API."""
    logging: LoggingConfig = LoggingConfig()
    """Logs on stderr."""
    batch: BatchConfig = BatchConfig()
    """How messages are gathered for the model."""
    state: StateConfig = StateConfig()
    """What survives a restart, and where it is kept."""
    shutdown: ShutdownConfig = ShutdownConfig()
    """How the daemon stops at SIGTERM."""
    spark: SparkConfig = SparkConfig()
    """The log that `streamdetect spark` reads."""
    detectors: Annotated[tuple[DetectorConfig, ...], Field(min_length=1, strict=False)] = (DetectorConfig(),)
    """One for each group of sensors that share a bundle and settings."""

    @classmethod
    def defaults(cls) -> Self:
        """Return the configuration of a run without a file."""
        return cls()

    @property
    def batch_size(self) -> int:
        """Messages in a batch: at QoS 1 half of those that may be here, so that others can come meanwhile."""
        most = self.batch.max_batch
        return min(most, max(self.mqtt.max_undelivered_messages // 2, 1)) if self.mqtt.qos else most

    @property
    def event_source(self) -> str:
        """The `source` of our CloudEvents."""
        return self.events.source or f"/streamdetect/{self.mqtt.client_id}"

    @property
    def status_topic(self) -> str:
        """The topic on which this daemon publishes online and offline."""
        return self.events.status_topic_of(self.mqtt.client_id)

    def to_yaml(self) -> str:
        """Write every option in force; a password is stars."""
        return write_yaml(self.model_dump(mode="json"))

    def broken(self) -> Iterator[Broken]:
        """Find conflicts between detectors, topics and queues."""
        names = [detector.name for detector in self.detectors]
        for index, name in enumerate(names):
            if name in names[:index]:
                also = (f"detectors[{names.index(name)}].name",)
                yield Broken(f"detectors[{index}].name", "must be unique", name, also)
        yield from self._broken_sinks()
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

    def _broken_sinks(self) -> Iterator[Broken]:
        places = dict.fromkeys(OWN_SINKS, "")
        for section in type(self).model_fields:
            listed = getattr(self, section)
            sinks = (
                [one for one in listed if isinstance(one, SinkConfig)] if isinstance(listed, tuple) else ()
            )
            for index, sink in enumerate(sinks):
                option = f"{section}[{index}].name"
                if sink.name in places:
                    also = tuple(filter(None, [places[sink.name]]))
                    yield Broken(option, "must be unique among all sinks", sink.name, also)
                places.setdefault(sink.name, option)
