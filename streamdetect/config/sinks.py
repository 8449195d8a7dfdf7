"""The sinks of events besides the broker: webhooks, files and notification services."""

# No `from __future__ import annotations`: pydantic needs the annotations' types when the classes are made.

import re
import string
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Annotated, Literal, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from streamdetect.config import secrets
from streamdetect.config.quantities import Duration, Size, Span
from streamdetect.config.section import Broken, Section
from streamdetect.config.texts import TimeZone
from streamdetect.times import zone

FIELDS = (
    "message",
    "sensor",
    "detector",
    "severity",
    "state",
    "edge",
    "kind",
    "value",
    "unit",
    "score",
    "started",
    "incident",
    "labels",
)
"""Placeholders of a notification's templates; `state` is the severity, over, or new normal."""

OWN_SINKS = ("mqtt", "history")
"""Names of the sinks that need no section of their own."""

_CRON_FIELDS = 5  # the library takes seconds, too

Severity = Literal["warning", "critical"]
Edge = Literal["opened", "updated", "closed", "changed", "drifted"]
Glob = Annotated[str, Field(min_length=1, max_length=256)]
Who = tuple[str, str, Mapping[str, str]]
"""A sensor: its detector, its id, its labels."""


def _cron(text: str) -> str:
    rule = "must be five fields of cron: minute, hour, day, month, weekday"
    if len(text.split()) != _CRON_FIELDS:
        raise ValueError(rule)
    try:
        from cronsim import CronSim, CronSimError  # noqa: PLC0415 - of the extra notify
    except ImportError:
        raise ValueError("needs more than is installed: pip install 'streamdetect[notify]'") from None
    try:
        CronSim(text, datetime.now(UTC))
    except CronSimError as error:
        raise ValueError(f"{rule} ({error})") from None
    return text


def _template(text: str) -> str:
    try:
        places = [place for place in string.Formatter().parse(text) if place[1] is not None]
    except ValueError as error:
        raise ValueError(f"must have every brace closed, or doubled where it is meant ({error})") from None
    for _, name, form, conversion in places:
        if name not in FIELDS:
            raise ValueError(f"must have only placeholders of {', '.join(FIELDS)}, got {{{name}}}")
        if form or conversion:
            raise ValueError(f"must have placeholders without a format, as {{{name}}}")
    return text


def _http_url(url: SecretStr) -> SecretStr:
    text = url.get_secret_value()
    if not text.startswith(("http://", "https://")):
        raise ValueError("must begin with http:// or https://")
    try:
        parts = urlsplit(text)
        known = parts.hostname and parts.port != 0 and not re.search(r"\s", text)
    except ValueError:  # of the port, or of an address in brackets
        known = False
    if not known:
        raise ValueError("must have a host, at most a port from 1 to 65535, and no blanks")
    return url


class PeriodConfig(Section):
    """A time that comes again and again."""

    cron: Annotated[str, AfterValidator(_cron)]
    """When it begins: minute, hour, day of the month, month, day of the week."""
    lasts: Annotated[Span, Field(le=7 * 86_400)]
    """How long it lasts."""
    timezone: TimeZone = "UTC"
    """Its time zone, like Europe/Berlin; daylight saving is taken into account."""

    def holds(self, now: float) -> bool:
        """Tell whether these Unix seconds are in it."""
        from cronsim import CronSim  # noqa: PLC0415 - of the extra notify

        moment = datetime.fromtimestamp(now, zone(self.timezone))
        # Searched backwards from the next second: one that begins now holds.
        began = next(CronSim(self.cron, moment + timedelta(seconds=1), reverse=True), None)
        return began is not None and now - began.timestamp() < self.lasts


class MaintenanceConfig(PeriodConfig):
    """A time in which nobody is notified about some sensors; their events carry `muted`."""

    detectors: Annotated[tuple[Glob, ...], Field(min_length=1, strict=False)] = ("*",)
    """Sensors of these detectors; patterns with * and ?."""
    sensors: Annotated[tuple[Glob, ...], Field(min_length=1, strict=False)] = ("*",)
    """These sensors."""

    def covers(self, detector: str, sensor: str) -> bool:
        """Tell whether it is about this sensor."""
        return any(fnmatchcase(detector, glob) for glob in self.detectors) and any(
            fnmatchcase(sensor, glob) for glob in self.sensors
        )


class SomeSensorsConfig(Section):
    """Some sensors."""

    detectors: Annotated[tuple[Glob, ...], Field(min_length=1, strict=False)] = ("*",)
    """Sensors of these detectors; patterns with * and ?."""
    sensors: Annotated[tuple[Glob, ...], Field(min_length=1, strict=False)] = ("*",)
    """These sensors."""
    labels: dict[str, Glob] = Field(default_factory=dict)
    """Sensors with labels that match these."""

    def covers(self, detector: str, sensor: str, labels: Mapping[str, str]) -> bool:
        """Tell whether a sensor is one of them."""
        return (
            any(fnmatchcase(detector, glob) for glob in self.detectors)
            and any(fnmatchcase(sensor, glob) for glob in self.sensors)
            and all(fnmatchcase(labels.get(name, ""), glob) for name, glob in self.labels.items())
        )


class InhibitConfig(Section):
    """While one of the parents has an incident, nobody is notified about the children."""

    parents: SomeSensorsConfig
    """Sensors whose incidents explain those of others: a gateway, a mains supply."""
    children: SomeSensorsConfig = SomeSensorsConfig()
    """Sensors about which nobody is notified meanwhile, nor afterwards if they are back to normal."""
    same: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(strict=False)] = ()
    """Labels that both must have, with the same value."""

    def holds(self, parent: Who, child: Who) -> bool:
        """Tell whether a parent inhibits a child: detector, sensor and labels of each."""
        return (
            self.parents.covers(*parent)
            and self.children.covers(*child)
            and all(name in child[2] and parent[2].get(name) == child[2][name] for name in self.same)
        )


class SinkConfig(Section):
    """The choice of a sink's events."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
    """A name that is unique among all sinks; the outbox and metrics use it."""
    detectors: Annotated[tuple[Glob, ...], Field(min_length=1, strict=False)] = ("*",)
    """Only events of these detectors; patterns with * and ?."""
    sensors: Annotated[tuple[Glob, ...], Field(min_length=1, strict=False)] = ("*",)
    """Only events of these sensors; * stands for any characters, / among them."""
    labels: dict[str, Glob] = Field(default_factory=dict)
    """Only events whose labels match these."""
    severity: Severity = "warning"
    """The least severity of its events."""
    edges: Annotated[tuple[Edge, ...], Field(min_length=1, strict=False)] = get_args(Edge)
    """Which events: an incident is opened, updated or closed, a regime has changed, a model has drifted."""
    give_up_after: Span = 86_400.0
    """How long to try; then an event goes to the dead letters."""


class UrlConfig(SinkConfig):
    """A sink with a URL, which may be a secret."""

    url: SecretStr | None = None
    """The URL itself; it is never logged."""
    url_file: Annotated[str, Field(min_length=1)] | None = None
    """A file, closed to other users, that holds the URL."""
    url_env: Annotated[str, Field(min_length=1)] | None = None
    """The name of an environment variable that holds the URL."""
    timeout: Annotated[Span, Field(ge=0.1, le=300)] = 10.0
    """The time for one attempt."""

    def url_value(self, section: str) -> str:
        """Fetch the URL from wherever it is kept.

        Raises:
            ConfigError: it cannot be read.
        """
        if self.url_file is not None:
            return secrets.from_file(f"{section}.url_file", self.url_file)
        if self.url_env is not None:
            return secrets.from_environment(f"{section}.url_env", self.url_env)
        return self.url.get_secret_value() if self.url else ""

    def broken(self) -> Iterator[Broken]:
        """Find a URL that is missing or given twice."""
        given = [name for name in ("url", "url_file", "url_env") if getattr(self, name) is not None]
        if not given:
            yield Broken("url", "is required, or url_file or url_env")
        for name in given[1:]:
            yield Broken(name, f"cannot be combined with {given[0]}", also=(given[0],))


class WebhookConfig(UrlConfig):
    """A URL that every event is posted to."""

    url: Annotated[SecretStr, AfterValidator(_http_url)] | None = None
    """Where events are posted; it is never logged."""
    mode: Literal["structured", "binary"] = "structured"
    """CloudEvents: one JSON document, or its attributes as headers and its data as the body."""
    secret_file: Annotated[str, Field(min_length=1)] | None = None
    """A file, closed to other users, with the secret that signs: HMAC-SHA256 as in Standard Webhooks."""
    authorization_file: Annotated[str, Field(min_length=1)] | None = None
    """A file, closed to other users, with the value of the Authorization header, like Bearer abc."""
    headers: dict[
        Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")],
        Annotated[str, Field(pattern=r"^[ -~]{0,1024}$")],
    ] = Field(default_factory=dict)
    """Further headers."""
    ca_file: str | None = None
    """Certificates to trust instead of the system's."""

    def secret_value(self, section: str) -> str | None:
        """Read the secret that signs.

        Raises:
            ConfigError: it cannot be read.
        """
        return secrets.from_file(f"{section}.secret_file", self.secret_file) if self.secret_file else None

    def header_values(self, section: str) -> dict[str, str]:
        """Return all further headers.

        Raises:
            ConfigError: that for the authorization cannot be read.
        """
        if not self.authorization_file:
            return dict(self.headers)
        value = secrets.from_file(f"{section}.authorization_file", self.authorization_file)
        return self.headers | {"Authorization": value}


class FileConfig(SinkConfig):
    """A file that every event is appended to, one JSON document a line."""

    path: Annotated[str, Field(min_length=1)]
    """The file; its folder must exist."""
    max_size: Annotated[Size, Field(ge=1024)] = 10 * 1024**2
    """The size of the file at most; a full one is renamed, and a new one started."""
    keep: Annotated[int, Field(ge=0, le=1000)] = 5
    """How many full files are kept."""


class NotifyConfig(UrlConfig):
    """A service that tells people: a URL of Apprise, like tgram://token/chat or mailto://user:password@host."""

    title: Annotated[str, AfterValidator(_template)] = "{state}: {sensor}"
    """The title of a notification about one incident."""
    body: Annotated[str, AfterValidator(_template)] = "{message}"
    """Its text, in a digest a line for each incident."""
    picture: bool = True
    """Attach a small picture of the readings and their band, if the service accepts pictures."""
    wait: Annotated[Duration, Field(le=3_600)] = 0.0
    """How long to wait for incidents that belong together before one is told: they are one notification."""
    digest: Duration = 0.0
    """After a notification, what happens within this time is gathered into one."""
    most_per_hour: Annotated[int, Field(ge=1, le=10_000)] = 30
    """How many notifications per hour at most; further ones are gathered into one."""
    quiet_hours: Annotated[tuple[PeriodConfig, ...], Field(strict=False)] = ()
    """Times in which everything that is not urgent is held back and sent afterwards."""
    urgent: Annotated[tuple[Severity, ...], Field(strict=False)] = ("critical",)
    """Severities that neither quiet hours nor a digest hold back."""
