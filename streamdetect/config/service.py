"""Options of events, metrics, logs, batches, state and shutdown."""

# No `from __future__ import annotations`: pydantic needs the annotations' types when the classes are made.

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from streamdetect.codecs.filters import check_filter, overlap
from streamdetect.config import secrets
from streamdetect.config.quantities import Duration, Size, Span
from streamdetect.config.section import Broken, Section

_PLACEHOLDERS = ("{prefix}", "{detector}", "{sensor}")
_LABEL = r"^[a-z_][a-z0-9_]{0,63}$"


def _own_topic(topic: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,128}(/[A-Za-z0-9_.-]{1,128}){0,7}", topic):
        raise ValueError("must be levels of letters, digits, _ . - joined with /")
    return topic


def _status_topic(template: str) -> str:
    for level in template.split("/"):
        if level not in {"{prefix}", "{client_id}"}:
            _own_topic(level)
    return template


def _event_topic(template: str) -> str:
    levels = template.split("/")
    for level in levels:
        if "{" in level or "}" in level:
            if level not in _PLACEHOLDERS:
                raise ValueError("must have {prefix}, {detector} or {sensor} alone in its level")
        else:
            _own_topic(level)
    if "{sensor}" in levels[:-1]:
        raise ValueError("must have {sensor} as the last level: an id may have several")
    return template


class EventsConfig(Section):
    """The topics of events, and their content."""

    prefix: Annotated[str, AfterValidator(_own_topic)] = "streamdetect"
    """First levels of all our topics; <prefix>/status says online or offline."""
    status: bool = True
    """Publish online and offline; switch it off if a broker's policy forbids the topic, or wills."""
    status_topic: Annotated[str, AfterValidator(_status_topic)] = "{prefix}/status"
    """The topic of online and offline; daemons that share a prefix need "{prefix}/status/{client_id}"."""
    topic: Annotated[str, AfterValidator(_event_topic)] = "{prefix}/events/{detector}/{sensor}"
    """The topic of an event."""
    source: Annotated[str, Field(pattern=r"^[!-~]{1,256}$")] | None = None
    """CloudEvents `source`, a URI reference; by default /streamdetect/<client_id>."""
    qos: Annotated[int, Field(ge=0, le=1)] = 1
    """0: an event may be lost. 1: no event is lost, but one may come twice with the same id."""
    labels: dict[Annotated[str, Field(pattern=_LABEL)], Annotated[str, Field(max_length=256)]] = Field(
        default_factory=dict
    )
    """Put into every event besides the labels from the topic."""

    @property
    def status_filter(self) -> str:
        """The filter of the topics with online and offline of daemons with these settings."""
        return self.status_topic_of("+")

    def status_topic_of(self, client_id: str) -> str:
        """Return the topic with online and offline of the daemon with this client id."""
        parts = {"{prefix}": self.prefix, "{client_id}": client_id}
        return "/".join(parts.get(level, level) for level in self.status_topic.split("/"))

    @property
    def command_topic(self) -> str:
        """The topic of people's commands."""
        return f"{self.prefix}/command"

    @property
    def answers_topic(self) -> str:
        """The topic of the outcomes of commands."""
        return f"{self.prefix}/answers"

    def topic_for(self, detector: str, sensor: str) -> str:
        """Return the topic for events of one sensor."""
        parts = {"{prefix}": self.prefix, "{detector}": detector, "{sensor}": sensor}
        return "/".join(parts.get(level, level) for level in self.topic.split("/"))

    def own_filters(self, detectors: list[str]) -> list[str]:
        """Return MQTT filters for everything that we publish ourselves."""
        topics = self.status_filter, self.command_topic, self.answers_topic
        return [*topics, *(self.topic_for(detector, "+/#") for detector in detectors)]

    def broken(self) -> Iterator[Broken]:
        """Find event topics that would land on the status topic."""
        pattern = self.topic_for("+", "+/#")
        check_filter(pattern)
        if overlap(pattern, self.status_filter):
            yield Broken(
                "topic",
                f"must not match the status topic {self.status_filter}",
                self.topic,
                ("prefix", "status_topic"),
            )


class ServerTlsConfig(Section):
    """TLS on the HTTP port."""

    enabled: bool = False
    """Speak TLS only."""
    cert_file: str | None = None
    """Our certificate, with the intermediate ones."""
    key_file: str | None = None
    """Its private key: a file closed to other users."""
    client_ca_file: str | None = None
    """Let in only clients with a certificate of this authority."""

    def broken(self) -> Iterator[Broken]:
        """Find files that are missing, or that nothing uses."""
        for name in ("cert_file", "key_file"):
            if self.enabled and getattr(self, name) is None:
                yield Broken(name, "is required with enabled: true", also=("enabled",))
        if not self.enabled:
            for name in ("cert_file", "key_file", "client_ca_file"):
                if getattr(self, name) is not None:
                    yield Broken(name, "needs enabled: true", getattr(self, name), also=("enabled",))


def half_a_login(username: str | None, password_file: str | None) -> Iterator[Broken]:
    """Find a name without a password, or a password without a name."""
    if (username is None) != (password_file is None):
        missing, given = ("username", "password_file") if username is None else ("password_file", "username")
        yield Broken(missing, f"is required with {given}", also=(given,))


class MetricsConfig(Section):
    """The HTTP port for Prometheus and health checks."""

    enabled: bool = True
    """Serve /metrics, /healthz and /readyz."""
    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    """The address to listen on; 0.0.0.0 lets other machines in."""
    port: Annotated[int, Field(ge=0, le=65_535)] = 9464
    """The port that OpenTelemetry gives to Prometheus endpoints of applications; 0 takes a free one."""
    per_sensor: bool = True
    """Give single sensors series of their own."""
    max_sensors: Annotated[int, Field(ge=0)] = 1_000
    """The number of sensors that have them at most; the others are only counted."""
    username: Annotated[str, Field(pattern=r"^[^:\x00-\x1f]{1,256}$")] | None = None
    """The user name for basic authentication. Without TLS it is sent in clear text."""
    password_file: Annotated[str, Field(min_length=1)] | None = None
    """A file, closed to other users, that holds the password."""
    tls: ServerTlsConfig = ServerTlsConfig()
    """TLS, with client certificates if you like."""

    def password_value(self) -> str:
        """Read the password.

        Raises:
            ConfigError: it cannot be read.
        """
        return secrets.from_file("metrics.password_file", str(self.password_file))

    def broken(self) -> Iterator[Broken]:
        """Find a name without a password, or a password without a name."""
        yield from half_a_login(self.username, self.password_file)


class LoggingConfig(Section):
    """Logs on stderr."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least severe messages that are logged."""
    format: Literal["text", "json"] = "text"
    """The format: text for people, json for machines."""


class BatchConfig(Section):
    """The settings for gathering messages for the model. Verdicts do not depend on it."""

    max_batch: Annotated[int, Field(ge=1, le=65_536)] = 2048
    """The number of messages in a batch at most; at QoS 1 also at most half of max_undelivered_messages."""
    max_wait: Annotated[Duration, Field(le=60)] = 0.0
    """How long to wait for a batch to fill; the daemon never waits while there is a backlog."""
    inbox: Annotated[int, Field(ge=1, le=10_000_000)] = 10_000
    """Messages that may wait between the network and the model."""


class StateConfig(Section):
    """The state that survives a restart, a crash or a power cut: windows, thresholds, incidents, events."""

    directory: Annotated[str, Field(min_length=1)] | None = None
    """The directory; by default the one from systemd (StateDirectory=), and without that only memory."""
    snapshot_every: Annotated[Span, Field(ge=1)] = 300.0
    """How often the whole state is written, or sooner after many readings. Changes are written at once."""

    @property
    def path(self) -> Path | None:
        """The directory, if there is any."""
        directory = self.directory or os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
        return Path(directory) if directory else None


class HistoryConfig(Section):
    """Incidents of the past, in a database in the state directory."""

    enabled: bool = True
    """Keep them, if there is a state directory."""
    keep: Span = 365 * 86_400.0
    """How long an incident is kept after its end."""
    max_size: Annotated[Size, Field(ge=256 * 1024)] = 64 * 1024**2
    """The size of the database at most; the oldest incidents are removed."""
    readings: bool = True
    """Keep the readings around an incident with it: about 3 kB each, and 2.5 MB of memory a detector."""


class AnswersConfig(Section):
    """Commands of people: mute, unmute, false, true, sensitivity; see the operations guide."""

    enabled: bool = False
    """Take commands from <prefix>/command; anybody who may publish there can give them."""


class HomeAssistantConfig(Section):
    """Sensors as devices of Home Assistant, by MQTT discovery."""

    enabled: bool = False
    """Announce them; `homeassistant: true` for short."""
    discovery_prefix: Annotated[str, AfterValidator(_own_topic)] = "homeassistant"
    """The discovery prefix of Home Assistant's MQTT settings."""
    sensors: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(strict=False)] = ("*",)
    """Which sensors; patterns with * and ?."""
    max_sensors: Annotated[int, Field(ge=1, le=10_000)] = 500
    """The number of devices at most."""
    state_every: Annotated[Span, Field(ge=1)] = 30.0
    """How often a score is published at most; a change of an incident is published at once."""

    @property
    def birth_topic(self) -> str:
        """The topic on which Home Assistant announces its start."""
        return f"{self.discovery_prefix}/status"


class ShutdownConfig(Section):
    """The settings of the daemon's end at SIGTERM."""

    deadline: Span = 20.0
    """The time to finish received messages and to publish events."""
