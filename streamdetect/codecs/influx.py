"""InfluxDB line protocol: `weather,site=north temp=21.5,humidity=40i 1714564800000000000`.

`value` and `values` are field keys. The topic names the sensor; the measurement and the tags only have to be
the same in all lines of one payload. A line without a timestamp takes the time of arrival. When a field is
repeated the last one counts. The grammar is that of docs.influxdata.com, "Line protocol reference".

A C library for the format exists (`line-protocol-parser` 2.0.1). It dies of a segmentation fault on some
mutated lines, so bytes that anyone may publish do not go there.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from streamdetect.codecs.numbers import bounded, from_text
from streamdetect.codecs.timestamps import not_ahead, time_parser
from streamdetect.errors import RejectedPayload

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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
        | (?: [tT](?:rue)? | TRUE | [fF](?:alse)? | FALSE ) )
      (?: (?P<more>,) | (?=[ \r\n]|\Z) )""",
    re.VERBOSE | re.DOTALL,
)
_END: Final = re.compile(r"(?:\ ++(-?\d{1,20}))?[ \r]*+(?:\n|\Z)")
_ESCAPED: Final = re.compile(r"\\([,= ])")


class InfluxCodec:
    """Reads values and timestamps out of lines of one series."""

    read_one = None

    def __init__(self, settings: PayloadSettings) -> None:
        self.features = len(settings.features)
        self._settings = settings
        self._places = tuple(settings.places.items())
        self._parse_time = time_parser(settings.resolved_time_format)

    def decode(self, payload: bytes, arrival: float) -> Sequence[Sample]:
        """Read the samples of one payload; `arrival` is Unix seconds.

        Raises:
            RejectedPayload: any of `REASONS` but `topic`.
        """
        if len(payload) > self._settings.max_payload:
            raise RejectedPayload("size", f"{len(payload)} bytes, {self._settings.max_payload} allowed")
        try:
            lines = list(_lines(payload.decode()))
        except UnicodeDecodeError as error:
            raise RejectedPayload("decode", "not UTF-8") from error
        if not lines:
            raise RejectedPayload("empty", "no line")
        if any(series != lines[0][0] for series, _, _ in lines):
            raise RejectedPayload("series", "lines of several series in one payload")
        if len(lines) > 1 and any(time is None for _, _, time in lines):
            raise RejectedPayload("time", "several lines in one payload, and one has no timestamp")
        return [sample for _, fields, time in lines for sample in self._samples(fields, time, arrival)]

    def _samples(
        self, fields: dict[str, re.Match[str]], stamp: str | None, arrival: float
    ) -> Sequence[Sample]:
        time = arrival
        if stamp is not None:
            time = not_ahead(self._parse_time(int(stamp)), arrival, self._settings.max_future)
        if self._settings.per_sensor:
            here = [(name, fields[key]) for name, key in self._places if key in fields]
            if not here:
                raise RejectedPayload("field", "none of the configured values is there")
            return [(name, time, (self._number(field),)) for name, field in here]
        for name, key in self._places:
            if key not in fields:
                raise RejectedPayload("field", f"{name!r} is not there")
        return (("", time, tuple(self._number(fields[key]) for _, key in self._places)),)

    def _number(self, field: re.Match[str]) -> float:
        text = field["number"]
        if text is None and field["string"] and self._settings.numeric_strings:
            text = field["string"][1:-1]
        try:
            return bounded(from_text(text or ""))
        except ValueError as error:
            raise RejectedPayload("type", f"a number is expected, not {field[0]!r:.60}") from error


def _lines(text: str) -> Iterator[tuple[str, dict[str, re.Match[str]], str | None]]:
    """Split a payload into (series, fields by key, timestamp)."""
    position = _after_blank(text, 0)
    while position < len(text):
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
            fields[_ESCAPED.sub(r"\1", field["key"])] = field
            position = field.end()
            more = field["more"] is not None
        end = _END.match(text, position)
        if end is None:
            raise _malformed(text, position)
        yield series[1], fields, end[1]
        position = _after_blank(text, end.end())


def _after_blank(text: str, position: int) -> int:
    blank = _BLANK.match(text, position)
    return blank.end() if blank else position


def _malformed(text: str, position: int) -> RejectedPayload:
    return RejectedPayload(
        "decode", f"not line protocol at character {position}: {text[position : position + 40]!r}"
    )
