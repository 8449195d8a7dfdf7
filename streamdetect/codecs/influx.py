"""InfluxDB line protocol: `weather,site=north temp=21.5,humidity=40i 1714564800000000000`.

`value` and `values` are field keys. Labels are tags, `measurement`, or `series`: the measurement and the tags
as they stand in the line. When neither labels nor `sensor` tell series apart, all lines of one payload have
to be of the same. A line without a timestamp takes the time of arrival. A malformed line, or one without the
value, costs only itself. When a field is repeated the last one counts. The grammar is that of
docs.influxdata.com, "Line protocol reference".

A C library for the format exists (`line-protocol-parser` 2.0.1). It dies of a segmentation fault on some
mutated lines, so bytes that anyone may publish do not go there.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

from streamdetect.codecs.containers import cleaned, opener
from streamdetect.codecs.numbers import bounded, from_text, number_reader
from streamdetect.codecs.samples import Codec, Decoded, best
from streamdetect.codecs.timestamps import not_ahead, time_parser
from streamdetect.errors import RejectedPayload
from streamdetect.times import PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from streamdetect.codecs.samples import Sample
    from streamdetect.codecs.settings import PayloadSettings

# Possessive quantifiers (`++`, `*+`) never give back what they took: no input makes them slow.
_KEY: Final = r"(?:[^,=\ \\\n]|\\.)++"
_BLANK: Final = re.compile(r"(?:[ \t\r]*+(?:\#[^\n]*+)?(?:\n|\Z))*")  # empty lines and comments
_SERIES: Final = re.compile(rf"((?:[^,\ \\\n]|\\.)++(?:,{_KEY}={_KEY})*+)\ ++")
_FIELD: Final = re.compile(
    rf"""(?P<key>{_KEY})=
      (?: (?P<number> [+-]?(?:\d++\.?\d*+|\.\d++)(?:[eE][+-]?\d++)? ) [iu]?
        | (?P<string> "(?:[^"\\]|\\.)*+" )
        | (?P<boolean> [tT](?:rue)? | TRUE | [fF](?:alse)? | FALSE ) )
      (?: (?P<more>,) | (?=[ \r\n]|\Z) )""",
    re.VERBOSE | re.DOTALL,
)
_END: Final = re.compile(r"(?:\ ++(-?\d{1,20}))?[ \r]*+(?:\n|\Z)")
_ESCAPED: Final = re.compile(r"\\([,= ])")
_TAG: Final = re.compile(r"(?<!\\),")
_KEY_END: Final = re.compile(r"(?<!\\)=")


class Line(NamedTuple):
    """One line, taken apart."""

    series: str
    """Measurement and tags, as they stand in the line."""
    fields: dict[str, re.Match[str]]
    """By key; groups `number` and `string`."""
    stamp: str | None

    def labels(self) -> dict[str, str]:
        """Return the tags, the measurement and the series, by name."""
        measurement, *tags = _TAG.split(self.series)
        known = {"series": self.series, "measurement": _plain(measurement)}
        for tag in tags:
            key, text = _KEY_END.split(tag, maxsplit=1)
            known[_plain(key)] = _plain(text)
        return known

    def label(self, name: str) -> str:
        """Return a tag, the measurement or the series.

        Raises:
            RejectedPayload: `field`, the line has no such tag.
        """
        known = self.labels()
        if name not in known:
            there = ", ".join(key for key in known if key not in {"series", "measurement"})
            raise RejectedPayload(
                "field", f"the tag {name!r} is missing", path=name, there=lambda: there or "no tag"
            )
        return known[name]


class InfluxCodec(Codec):
    """Reads values, tags and timestamps out of lines."""

    name: ClassVar = "influx"
    about: ClassVar = "InfluxDB line protocol"
    takes: ClassVar = frozenset(
        {"value", "values", "fields", "labels", "map", "booleans", "numeric_strings", "units", "time_format"}
    )
    has_times: ClassVar = True

    def __init__(self, settings: PayloadSettings) -> None:
        self._settings, self._open = settings, opener(settings, settings.encoding)
        self._places = tuple(settings.places.items())
        self._labels = tuple((settings.labels or {}).values())
        self._text = number_reader(settings)
        self._parse_time = time_parser(settings.time_format or "ns")

    def decode(self, payload: bytes, arrival: float, topic: str = "") -> Decoded:  # noqa: ARG002 - not in the topic
        """Read the samples of one payload; see `Codec.decode`."""
        if len(payload) > self._settings.max_payload:
            raise RejectedPayload("size", f"{len(payload)} bytes, {self._settings.max_payload} allowed")
        samples: list[Sample] = []
        faults: list[RejectedPayload] = []
        lines = self._lines(self._open(payload) if self._open else payload, faults)
        count = Counter(line.series for line in lines if self._has_value(line)) if len(lines) > 1 else {}
        for line in lines:
            try:
                samples += self._samples(line, arrival, faults, alone=count.get(line.series, 0) <= 1)
            except RejectedPayload as fault:
                faults.append(fault)
        if not samples:
            raise best(faults)
        samples.sort(key=itemgetter(1))
        return Decoded(samples, [fault for fault in faults if not fault.foreign])

    def lines(self, payload: bytes) -> list[Line]:
        """Take a payload apart.

        Raises:
            RejectedPayload: it is not line protocol.
        """
        faults: list[RejectedPayload] = []
        lines = list(_lines(cleaned(payload, self._settings).decode(errors="replace"), faults))
        if faults:
            raise faults[0]
        return lines

    def _lines(self, payload: bytes, faults: list[RejectedPayload]) -> list[Line]:
        try:
            lines = list(_lines(cleaned(payload, self._settings).decode(), faults))
        except UnicodeDecodeError as error:
            raise RejectedPayload("decode", "not UTF-8") from error
        if not lines and not faults:
            raise RejectedPayload("empty", "no line", foreign=True)
        readable = [line for line in lines if self._has_value(line)]
        if not self._labels and any(line.series != readable[0].series for line in readable):
            raise RejectedPayload(
                "series", f"lines of several series in one payload{_differing(readable)}; see `sensor`"
            )
        return lines

    def _has_value(self, line: Line) -> bool:
        return any(key in line.fields for _, key in self._places)

    def _samples(
        self, line: Line, arrival: float, faults: list[RejectedPayload], *, alone: bool
    ) -> Sequence[Sample]:
        there = {name: line.fields[key] for name, key in self._places if key in line.fields}
        wanted = {} if self._settings.per_sensor else dict(self._places)
        for name, key in self._places:
            if not there or (name in wanted and name not in there):
                raise RejectedPayload(
                    "field", f"{key!r} is missing", path=key, there=partial(_shown, line), foreign=not there
                )
        if line.stamp is None and not alone:
            raise RejectedPayload("time", "no timestamp, while the payload has other lines of its series")
        names, time = tuple(map(line.label, self._labels)), self._time(line, arrival)
        if not self._settings.per_sensor:
            return ((names, time, tuple(map(self._number, there.values()))),)
        samples: list[Sample] = []
        for name, field in there.items():
            try:
                samples.append(((*names, name), time, (self._number(field),)))
            except RejectedPayload as fault:
                faults.append(fault)
        return samples

    def _time(self, line: Line, arrival: float) -> float:
        if line.stamp is None:
            return arrival
        return not_ahead(self._parse_time(int(line.stamp)), arrival, self._settings.max_future)

    def _number(self, field: re.Match[str]) -> float:
        if field["number"] is not None:
            return bounded(from_text(field["number"]))
        if field["string"] is not None:
            return self._text(field["string"][1:-1])
        return self._text(field["boolean"][0] in "tT")

    def identity(self, payload: bytes) -> Mapping[str, str]:
        """Return the tags of the first line; see `Codec.identity`."""
        if self._labels:
            return {}
        try:
            lines = self._lines(self._open(payload) if self._open else payload, [])
        except RejectedPayload:
            return {}
        return {key: text for key, text in lines[0].labels().items() if key != "series"} if lines else {}

    @classmethod
    def problems(cls, settings: PayloadSettings) -> Iterator[tuple[str, str]]:
        """Find a time format that lines do not have; see `Codec.problems`."""
        if settings.time_format not in {None, *PER_SECOND}:
            yield "time_format", "must be a unit: timestamps in line protocol are integers"

    @classmethod
    def write(cls, settings: PayloadSettings, time: float, values: Sequence[float]) -> bytes:
        """Write one line; see `Codec.write`."""
        fields = ",".join(
            f"{key}={value!r}" for key, value in zip(settings.places.values(), values, strict=False)
        )
        tags = "".join(
            f",{tag}={tag}"
            for tag in (settings.labels or {}).values()
            if tag not in {"measurement", "series"}
        )
        return f"bench{tags} {fields} {int(time * PER_SECOND[settings.time_format or 'ns'])}".encode()


def _differing(lines: Sequence[Line]) -> str:
    """Name the label by which the first two series differ."""
    other = next(line for line in lines if line.series != lines[0].series)
    return f" ({lines[0].series!r:.60}, {other.series!r:.60})"


def _shown(line: Line) -> str:
    return ", ".join(
        f"{key}={field[0].partition('=')[2].rstrip(',')}" for key, field in list(line.fields.items())[:8]
    )


def _plain(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)


def _lines(text: str, faults: list[RejectedPayload]) -> Iterator[Line]:
    """Take the lines of a payload apart; those that are malformed are faults."""
    position = _after_blank(text, 0)
    while position < len(text):
        try:
            line, position = _line(text, position)
        except RejectedPayload as fault:
            faults.append(fault)
            position = text.find("\n", position) + 1 or len(text)
        else:
            yield line
        position = _after_blank(text, position)


def _line(text: str, position: int) -> tuple[Line, int]:
    """Take the line that begins there apart; gives where it ends, too."""
    series = _SERIES.match(text, position)
    if series is None:
        raise _malformed(text, position)
    fields = {}
    position = series.end()
    more = True
    while more:
        field = _FIELD.match(text, position)
        if field is None:
            raise _malformed(text, position)
        fields[_plain(field["key"])] = field
        position = field.end()
        more = field["more"] is not None
    end = _END.match(text, position)
    if end is None:
        raise _malformed(text, position)
    return Line(series[1], fields, end[1]), end.end()


def _after_blank(text: str, position: int) -> int:
    blank = _BLANK.match(text, position)
    return blank.end() if blank else position


def _malformed(text: str, position: int) -> RejectedPayload:
    return RejectedPayload(
        "decode",
        f"not line protocol at character {position}: {text[position : position + 40]!r}",
        foreign="=" not in text,  # no field was ever in it: a status, a number, JSON
    )
