"""One group of sensors: its topics, its payloads, its bundle and its rules."""

# No `from __future__ import annotations`: pydantic needs the annotations' types when the classes are made.

import difflib
import math
from collections.abc import Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, create_model

from streamdetect.codecs import CODECS, Codec, PayloadSettings, Routing, SensorTemplate, TopicTemplate
from streamdetect.codecs.filters import check_filter, check_pattern, overlap
from streamdetect.codecs.paths import KEY
from streamdetect.codecs.raw import TYPES, located
from streamdetect.codecs.series import SeriesSettings
from streamdetect.codecs.timestamps import check_format
from streamdetect.config.judging import (
    Factor,
    IncidentsConfig,
    LeastPerFeature,
    LimitsConfig,
    OverrideConfig,
    Side,
    ThresholdConfig,
    Views,
)
from streamdetect.config.quantities import Duration, Span
from streamdetect.config.section import Broken, Section
from streamdetect.config.texts import TimeZone, checked_by
from streamdetect.core.missing import MissingPolicy
from streamdetect.core.rules import VIEWS, Rule

Number = Annotated[float, Field(allow_inf_nan=False)]

_LOCATED = rf"^({'|'.join(TYPES)})(@\d{{1,6}})?$"
_PAYLOAD = PayloadSettings()  # the default is where the setting is used, once


def _known_format(name: str) -> str:
    if name not in CODECS:
        raise ValueError(f"must be {', '.join(map(repr, CODECS))}")
    return name


Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
Text = Annotated[str, Field(min_length=1)]
CodecClass = type[Codec]


class _Payload(Section):
    """The settings for reading a payload."""

    format: Annotated[str, AfterValidator(_known_format), Field(json_schema_extra={"enum": list(CODECS)})] = (
        _PAYLOAD.format
    )
    """The format of a payload."""
    value: Text = _PAYLOAD.value
    """The path of the value (value, data.temp, readings[0].v; $ is all of it), a field key of influx."""
    values: Annotated[dict[Name, Text], Field(min_length=1, max_length=256)] | None = None
    """Names and paths of several values; instead of `value`."""
    fields: Literal["together", "per_sensor"] = _PAYLOAD.fields
    """together: `values` are one reading of several features. per_sensor: each is a sensor of its own."""
    each: Text | None = _PAYLOAD.each
    """The path of a list or object of readings: data, devices[*].readings; $ is the payload."""
    labels: Annotated[dict[Name, Text], Field(min_length=1, max_length=16)] | None = None
    """Names of labels and their paths in the payload; labels tell sensors apart."""
    map: Annotated[dict[Text, Number], Field(min_length=1, max_length=1000)] | None = None
    """Words and the numbers that they stand for: {ON: 1, OFF: 0}."""
    booleans: bool = _PAYLOAD.booleans
    """Take true for 1 and false for 0."""
    numeric_strings: bool = _PAYLOAD.numeric_strings
    """Take "21.5" for 21.5."""
    decimal_comma: bool = _PAYLOAD.decimal_comma
    """Take "21,5" for 21.5."""
    units: Literal["any"] | Annotated[tuple[Text, ...], Field(min_length=1, strict=False)] | None = None
    """Units that may follow a number ("20.6 °C" is 20.6): a list, or any."""
    type: Annotated[str, checked_by(located), Field(json_schema_extra={"pattern": _LOCATED})] | None = (
        _PAYLOAD.type
    )
    """The type of a raw number, like uint8 or int16-be; int16-be@4 begins at the fifth byte."""
    encoding: Literal["base64", "hex"] | None = _PAYLOAD.encoding
    """How bytes are written as text."""
    compression: Literal["auto", "none", "gzip", "zlib"] = _PAYLOAD.compression
    """How payloads are compressed; auto detects it from the first bytes."""
    time: Text | None = _PAYLOAD.time
    """The path of the time ($key: the key of an entry of `each`); without it, the time of arrival counts."""
    time_format: Annotated[str, checked_by(check_format)] | None = _PAYLOAD.time_format
    """s, ms, us, ns, rfc3339, auto or a pattern like %d.%m.%Y %H:%M:%S; by default s, in line protocol ns."""
    time_zone: TimeZone | None = _PAYLOAD.time_zone
    """The zone of times without an offset, such as Europe/Berlin."""
    time_missing: Literal["reject", "arrival"] = _PAYLOAD.time_missing
    """What happens to a reading without its time: it is rejected, or gets the time of its arrival."""

    @property
    def codec(self) -> CodecClass:
        """The class of the format."""
        return CODECS[self.format]

    @property
    def stamped_on_arrival(self) -> bool:
        """True if every reading has the time of its arrival; some formats may bring a time of their own."""
        return self.time is None and not self.codec.has_times

    def settings(self, **more: Any) -> PayloadSettings:  # noqa: ANN401 - those of a dataclass
        """Return the codec's settings; those that are not options of this section are given by name."""
        given = self.model_dump()
        own = {name: given.pop(name) for name in OWN}
        return PayloadSettings(**given | more, options=own)

    def broken(self) -> Iterator[Broken]:
        """Find options that the format does not take, and faults of the others."""
        if self.values is not None and self.value != _PAYLOAD.value:
            yield Broken("value", "cannot be combined with values", self.value)
        if self.values is None and self.fields == "per_sensor":
            yield Broken("values", "is required with fields: per_sensor", also=("fields",))
        if self.time is None and not self.codec.has_times:
            for option in ("time_format", "time_zone"):
                if getattr(self, option) is not None and "time" in self.codec.takes:
                    yield Broken("time", f"is required with {option}: where the time is", also=(option,))
        yield from self._without_use()
        if self.codec.needs and not find_spec(self.codec.needs):
            rule = f"needs the package {self.codec.needs}: pip install 'streamdetect[formats]'"
            yield Broken("format", rule, self.format)
        for option, rule in self.codec.problems(self.settings()):
            value = getattr(self, option, None) if "." not in option else _part(self, option)
            yield Broken(option, rule, value, ("format", "values"))

    def _without_use(self) -> Iterator[Broken]:
        takes = {"format", "compression", *self.codec.takes, *self.codec.own}
        for option, field in type(self).model_fields.items():
            if option not in takes and getattr(self, option) != field.default:
                yield Broken(
                    option, f"is not for the format {self.format}", _shown(self, option), ("format",)
                )


OWN: Final = {name: option for one in CODECS.values() for name, option in one.own.items()}
"""Options of single formats, by name."""

if TYPE_CHECKING:
    PayloadConfig = _Payload
else:  # the section with what the formats bring along
    _OWN = {name: (one.kind, Field(one.default, description=one.text)) for name, one in OWN.items()}
    PayloadConfig = create_model("PayloadConfig", __base__=_Payload, __doc__=_Payload.__doc__, **_OWN)


def _part(section: Section, option: str) -> object:
    """Return an entry of a mapping: `values.temp`."""
    name, _, key = option.partition(".")
    return getattr(section, name)[key]


def _shown(section: Section, option: str) -> object:
    value = getattr(section, option)
    return value if isinstance(value, str | int | float) else None


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
        tuple[Annotated[str, checked_by(check_filter)], ...], Field(min_length=1, strict=False)
    ] = ("sensors/#",)
    """MQTT topic filters."""
    ignore: Annotated[tuple[Annotated[str, checked_by(check_pattern)], ...], Field(strict=False)] = ()
    """Topics among them to leave alone: filters in which * may stand for part of a level (homie/+/$*)."""
    templates: Annotated[tuple[Annotated[str, checked_by(TopicTemplate)], ...], Field(strict=False)] = ()
    """Topic templates like plant/{site}/_/{sensor} or {dev}/temp:{ch}; the first that matches counts."""
    sensor: Annotated[str, checked_by(SensorTemplate)] | None = None
    """Sensor id: {site}/{sensor} from the templates, {id} or {tags.host} from the payload, {field} of values,
    {key} of an entry, {topic}; without it, the whole topic and what the payload names."""
    bundle: Annotated[str, Field(min_length=1)] = "general"
    """The directory of a bundle, or general for the one that is included."""
    runtime: Literal["onnx", "openvino", "tensorflow"] = "onnx"
    """What runs the model: the compiled graph in ONNX Runtime or OpenVINO, or TensorFlow itself."""
    threads: Annotated[int, Field(ge=0, le=256)] = 0
    """The threads of the model; 0: one for each core, at most 4."""
    payload: PayloadConfig = PayloadConfig()
    """How a payload is read."""
    join: JoinConfig | None = None
    """Join features that come in messages of their own; without it, a payload is a whole reading."""
    missing: MissingPolicy = "drop"
    """A reading with a missing feature is left out (drop), has the value that the feature last had (hold),
    or has it without counting in the error (mask)."""
    max_future: Duration = _PAYLOAD.max_future
    """How far a reading's time may be ahead of its arrival; others are rejected."""
    wait: Duration = 0.0
    """How long readings are held back to sort them by time: until one is newer by so much."""
    equal_times: Literal["drop", "keep"] = "drop"
    """A reading with the time of the last one is a duplicate (drop), or follows it if it differs (keep)."""
    difference: Literal["increase", "rate"] | None = None
    """For counters: use the increase, or the increase per second; a reset gives no reading."""
    resample: Span | None = None
    """For sensors that report on change: make readings at equal steps, with the last value held."""
    stride: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    """Judge every n-th window."""
    max_gap: Span | None = None
    """A longer time between two readings restarts the window; without it, no gap does."""
    max_sensors: Annotated[int, Field(ge=1, le=10_000_000)] = 100_000
    """The number of sensors at most. Idle ones are forgotten to make room; further new ones are rejected."""
    idle_after: Span | None = 7 * 86_400.0
    """How long a sensor may be silent before it is forgotten; without it, none is."""
    views: Views = VIEWS
    """The ways in which its sensors are looked at."""
    limits: LimitsConfig = LimitsConfig()
    """Limits in the unit of the value."""
    silent_after: Span | None = None
    """How long a sensor may be silent; without it, the time is learnt."""
    direction: Side | dict[str, Side] = "both"
    """The side on which deviations count: both, up, down; with several features, {name: side}."""
    least_deviation: LeastPerFeature = 0.0
    """The least deviation from the expected value that counts, in its unit."""
    least_relative_deviation: LeastPerFeature = 0.0
    """The same as a share of the expected value: 0.1 is a tenth."""
    sensitivity: Factor = 1.0
    """The factor of all scores: a larger one finds more, and raises more false alarms."""
    overrides: Annotated[tuple[OverrideConfig, ...], Field(strict=False)] = ()
    """Options for some of the sensors."""
    threshold: ThresholdConfig = ThresholdConfig()
    """When a reconstruction error is anomalous."""
    incidents: IncidentsConfig = IncidentsConfig()
    """When anomalous readings are an incident."""
    unit: str | dict[str, str] = ""
    """The unit of the values for messages, such as °C; with several features, {name: unit}."""
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

    @property
    def _payload_names(self) -> tuple[str, ...]:
        return self.payload.codec.names_of(self.payload.settings())

    @property
    def payload_labels(self) -> dict[str, str]:
        """Return the paths in each payload that name or describe its sensor, by name."""
        given = {**dict.fromkeys(self._payload_names), **(self.payload.labels or {})}
        known = {
            "topic",
            "field",
            *given,
            *(name for text in self.templates for name in TopicTemplate(text).names),
        }
        wanted = SensorTemplate(self.sensor).names if self.sensor else ()
        key = KEY if self.payload.each else "key"
        said = {name: key if name == "key" else name for name in wanted if name not in known}
        return {**(self.payload.labels or {}), **said}

    def payload_settings(self, max_payload: int) -> PayloadSettings:
        """Return the codec's settings."""
        return self.payload.settings(
            labels=self.payload_labels or None,
            partial=self.missing != "drop" and self.payload.values is not None,
            max_payload=max_payload,
            max_future=self.max_future,
        )

    def rules(self, features: tuple[str, ...]) -> tuple[Rule, ...]:
        """Return the core's rules for sensors with these features."""
        everywhere = OverrideConfig(
            sensors="*",
            views=self.views,
            limits=self.limits,
            silent_after=self.silent_after,
            direction=self.direction,
            least_deviation=self.least_deviation,
            least_relative_deviation=self.least_relative_deviation,
            sensitivity=self.sensitivity,
        )
        return tuple(rule.rule(features) for rule in (everywhere, *self.overrides))

    @property
    def series(self) -> SeriesSettings:
        """The settings for sorting, differencing and resampling the readings of a sensor."""
        return SeriesSettings(self.wait, self.equal_times, self.difference, self.resample)

    def routing(self) -> Routing:
        """Return the router's settings."""
        per_sensor = ("field",) if self.payload.fields == "per_sensor" else ()
        names = (*dict.fromkeys((*self._payload_names, *self.payload_labels)), *per_sensor)
        sensor = self.sensor or self.payload.codec.sensor_of(self.payload.settings())
        return Routing(self.topics, self.templates, sensor, names, self.ignore)

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
        wanted = SensorTemplate(self.sensor).names if self.sensor else ()
        also = ("templates", "payload")
        if "field" in wanted and not per_sensor:
            rule = "must not have {field} without payload.fields: per_sensor"
            yield Broken("sensor", rule, self.sensor, also)
        given = [set(TopicTemplate(text).names) for text in self.templates]
        for name in wanted:
            some = [text for text, names in zip(self.templates, given, strict=True) if name not in names]
            if some and len(some) < len(given):
                rule = f"must have only names of every template; {some[0]} has no {{{name}}}"
                yield Broken("sensor", rule, self.sensor, also)
        for name in self.payload_labels:
            near = difflib.get_close_matches(name, set().union(*given), n=1, cutoff=0.8)
            if near:
                yield Broken("sensor", f"has {{{name}}}, did you mean {{{near[0]}}}?", self.sensor, also)
            elif "labels" not in self.payload.codec.takes:
                rule = (
                    f"has {{{name}}}, which no template has; payloads of {self.payload.format} name nothing"
                )
                yield Broken("sensor", rule, self.sensor, also)

    def _broken_join(self) -> Iterator[Broken]:
        if self.join is None:
            return
        also = ("templates", "sensor", "payload")
        if self.payload.values is not None:
            yield Broken(
                "join", "cannot be combined with payload.values: each payload is one feature", also=also
            )
        if self.payload_labels or self.payload.each:
            yield Broken("join", "cannot be combined with sensors that the payload names", also=also)
        if not self.templates or any(
            self.join.by not in TopicTemplate(text).names for text in self.templates
        ):
            yield Broken("join.by", "must be a name of every template", self.join.by, also)
        if self.sensor is None or self.join.by in SensorTemplate(self.sensor).names:
            rule = f"is required with join, without {{{self.join.by}}}: it names the device"
            yield Broken("sensor", rule, self.sensor, also)
