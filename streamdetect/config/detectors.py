"""One group of sensors: its topics, its payloads, its bundle and its rules."""

# No `from __future__ import annotations`: pydantic needs the annotations' types when the classes are made.

import math
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from streamdetect.codecs import PayloadSettings, Routing, SensorTemplate, TopicTemplate
from streamdetect.codecs.filters import check_filter, overlap
from streamdetect.codecs.paths import parse_path
from streamdetect.codecs.timestamps import TimeFormat
from streamdetect.config.judging import IncidentsConfig, ThresholdConfig
from streamdetect.config.quantities import Duration, Span
from streamdetect.config.section import Broken, Section
from streamdetect.core.missing import MissingPolicy

_PAYLOAD = PayloadSettings()  # a default stands where the setting is used, once


def _filter(text: str) -> str:
    check_filter(text)
    return text


def _topic_template(text: str) -> str:
    TopicTemplate(text)
    return text


def _sensor_template(text: str) -> str:
    SensorTemplate(text)
    return text


class PayloadConfig(Section):
    """How a payload is read."""

    format: Literal["json", "number", "influx"] = _PAYLOAD.format
    """JSON objects, one bare number, or InfluxDB line protocol."""
    value: Annotated[str, Field(min_length=1)] = _PAYLOAD.value
    """Where the value is: a path in JSON (value, data.temp, readings[0].v), a field key in line protocol."""
    values: (
        Annotated[
            dict[
                Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")], Annotated[str, Field(min_length=1)]
            ],
            Field(min_length=1, max_length=256),
        ]
        | None
    ) = None
    """Names and places of several values, in the order of the bundle's features; instead of `value`."""
    fields: Literal["together", "per_sensor"] = _PAYLOAD.fields
    """`values` are one reading of several features (together), or each a sensor of its own (per_sensor)."""
    numeric_strings: bool = _PAYLOAD.numeric_strings
    """Take "21.5" for 21.5."""
    time: Annotated[str, Field(min_length=1)] | None = _PAYLOAD.time
    """Where the time is in JSON; without it, the time of arrival."""
    time_format: TimeFormat | None = _PAYLOAD.time_format
    """By default s, in line protocol ns."""

    @property
    def stamped_on_arrival(self) -> bool:
        """Whether every reading has the time at which it arrived; line protocol may bring one of its own."""
        return self.time is None and self.format != "influx"

    def broken(self) -> Iterator[Broken]:
        """Find options that the format has no use for, and paths that are none."""
        if self.values is not None and self.value != _PAYLOAD.value:
            yield Broken("value", "must not stand beside values", self.value)
        if self.values is None and self.fields == "per_sensor":
            yield Broken("values", "is required with fields: per_sensor", also=("fields",))
        if self.format == "json":
            yield from self._broken_paths()
        else:
            yield from self._broken_others()

    def _broken_paths(self) -> Iterator[Broken]:
        places = {f"values.{name}": path for name, path in (self.values or {}).items()}
        for option, path in {"value": self.value, "time": self.time, **places}.items():
            try:
                parse_path(path or "unset")
            except ValueError as error:
                yield Broken(option, str(error), path, ("format",))
        if self.time_format is not None and self.time is None:
            yield Broken("time", "is required with time_format: where the time is", also=("time_format",))

    def _broken_others(self) -> Iterator[Broken]:
        also = ("format",)
        if self.time is not None:
            yield Broken("time", "is for the format json", self.time, also)
        if self.format == "influx" and self.time_format == "rfc3339":
            yield Broken(
                "time_format", "must be a unit: timestamps in line protocol are integers", "rfc3339", also
            )
        if self.format == "number":
            for option in ("values", "time_format"):
                if getattr(self, option) is not None:
                    yield Broken(option, "is not for the format number", getattr(self, option), also)
            if self.value != _PAYLOAD.value:
                yield Broken("value", "is not for the format number", self.value, also)


class JoinConfig(Section):
    """Features of one device that come on topics of their own, joined by time."""

    by: Annotated[str, Field(min_length=1)]
    """The template's name whose level says which feature of the bundle it is."""
    tolerance: Span = 1.0
    """How far apart the times of one reading's features may be."""


class DetectorConfig(Section):
    """Everything about one group of sensors that share a bundle."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")] = "default"
    """Unique; it names the detector in events and metrics."""
    topics: Annotated[
        tuple[Annotated[str, AfterValidator(_filter)], ...], Field(min_length=1, strict=False)
    ] = ("sensors/#",)
    """MQTT topic filters."""
    templates: Annotated[
        tuple[Annotated[str, AfterValidator(_topic_template)], ...], Field(strict=False)
    ] = ()
    """Topic templates like plant/{site}/_/{sensor}; the first that matches counts."""
    sensor: Annotated[str, AfterValidator(_sensor_template)] | None = None
    """Sensor id from the template's names, like {site}/{sensor}; without it, the whole topic."""
    bundle: Annotated[str, Field(min_length=1)] = "general"
    """A bundle's directory, or general for the one that comes along."""
    runtime: Literal["onnx", "openvino", "tensorflow"] = "onnx"
    """What runs the model: the compiled graph in ONNX Runtime or OpenVINO, or TensorFlow itself."""
    threads: Annotated[int, Field(ge=0, le=256)] = 0
    """Of the model; 0: one for each core, at most 4."""
    payload: PayloadConfig = PayloadConfig()
    """How a payload is read."""
    join: JoinConfig | None = None
    """Join features that come one by one; without it, a payload is a whole reading."""
    missing: MissingPolicy = "drop"
    """A reading with a missing feature is left out (drop), has the value that the feature last had (hold),
    or has it without counting in the error (mask)."""
    max_future: Duration = _PAYLOAD.max_future
    """A reading further ahead of its arrival is rejected."""
    stride: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    """Judge every n-th window."""
    max_gap: Span | None = None
    """A longer time between two readings starts the window afresh; without it, none does."""
    max_sensors: Annotated[int, Field(ge=1, le=10_000_000)] = 100_000
    """New sensors beyond so many are rejected; idle ones are forgotten first."""
    idle_after: Span | None = 7 * 86_400.0
    """A sensor silent for so long is forgotten; without it, none is."""
    threshold: ThresholdConfig = ThresholdConfig()
    """When a reconstruction error is anomalous."""
    incidents: IncidentsConfig = IncidentsConfig()
    """When anomalous verdicts are an incident."""
    unit: str | dict[str, str] = ""
    """Of the values, for the sentence in events, like °C; of several features, each by its name."""
    latent_in_events: bool = False
    """Put the latent vector of its window into an event; needs a bundle with an encoder."""

    @property
    def max_gap_seconds(self) -> float:
        """`max_gap`, infinite when there is none."""
        return math.inf if self.max_gap is None else self.max_gap

    @property
    def idle_after_seconds(self) -> float:
        """`idle_after`, infinite when there is none."""
        return math.inf if self.idle_after is None else self.idle_after

    def payload_settings(self, max_payload: int) -> PayloadSettings:
        """Give the codec's settings."""
        return PayloadSettings(
            **self.payload.model_dump(),
            partial=self.missing != "drop" and self.payload.values is not None,
            max_payload=max_payload,
            max_future=self.max_future,
        )

    def routing(self) -> Routing:
        """Give the router's settings."""
        fields = tuple(self.payload.values or ()) if self.payload.fields == "per_sensor" else ()
        return Routing(self.topics, self.templates, self.sensor, fields)

    def broken(self) -> Iterator[Broken]:
        """Find templates that never match, and ids that cannot be made."""
        shapes = [TopicTemplate(text).as_filter() for text in self.templates]
        for index, shape in enumerate(shapes):
            if not any(overlap(shape, topic) for topic in self.topics):
                rule = "must be able to match a topic of topics"
                yield Broken(f"templates[{index}]", rule, self.templates[index], ("topics",))
        for index, topic in enumerate(self.topics):
            if shapes and not any(overlap(shape, topic) for shape in shapes):
                rule = "must have topics that one of the templates matches"
                yield Broken(f"topics[{index}]", rule, topic, ("templates",))
        yield from self._broken_sensor()
        yield from self._broken_join()

    def _broken_sensor(self) -> Iterator[Broken]:
        per_sensor = self.payload.fields == "per_sensor"
        wanted = set(SensorTemplate(self.sensor).names if self.sensor else ())
        also = ("templates", "payload")
        if "field" in wanted and not per_sensor:
            yield Broken(
                "sensor", "must not have {field} without payload.fields: per_sensor", self.sensor, also
            )
        wanted -= {"field"}
        if wanted and not self.templates:
            yield Broken("templates", f"is required: sensor has {{{min(wanted)}}}", also=("sensor",))
        for text in self.templates:
            missing = wanted - set(TopicTemplate(text).names)
            if missing:
                rule = f"must have only names of every template; {text} has no {{{min(missing)}}}"
                yield Broken("sensor", rule, self.sensor, also)

    def _broken_join(self) -> Iterator[Broken]:
        if self.join is None:
            return
        also = ("templates", "sensor", "payload")
        if self.payload.values is not None:
            yield Broken(
                "join", "must not stand beside payload.values: each payload is one feature", also=also
            )
        if not self.templates or any(
            self.join.by not in TopicTemplate(text).names for text in self.templates
        ):
            yield Broken("join.by", "must be a name of every template", self.join.by, also)
        if self.sensor is None or self.join.by in SensorTemplate(self.sensor).names:
            rule = f"is required with join, without {{{self.join.by}}}: it names the device"
            yield Broken("sensor", rule, self.sensor, also)
