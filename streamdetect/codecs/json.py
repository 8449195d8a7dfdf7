"""JSON payloads.

An object is one reading, or with `fields: per_sensor` one reading of each sensor it names. A list of objects
is several readings, which then need a time field. When a key is repeated the last one counts, as in most
parsers. With `per_sensor` a field that is absent or null is a sensor that said nothing; of a `partial`
reading it is a missing feature, NaN.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Final

import orjson

from streamdetect.codecs.numbers import FLOAT32_MAX, from_json, from_json_or_text
from streamdetect.codecs.paths import compile_path
from streamdetect.codecs.timestamps import EARLIEST, LATEST, not_ahead, time_parser
from streamdetect.errors import RejectedPayload
from streamdetect.times import PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from streamdetect.codecs.samples import ReadOne, Sample
    from streamdetect.codecs.settings import PayloadSettings

_NOTHING_THERE: Final = (KeyError, IndexError, TypeError)
_NUMBER: Final = re.compile(r"-?(?:NaN|Infinity|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)")


class JsonCodec:
    """Reads values, and the time if it is told where, out of JSON objects."""

    def __init__(self, settings: PayloadSettings) -> None:
        self.features = len(settings.features)
        self._max_payload = settings.max_payload
        self._number = from_json_or_text if settings.numeric_strings else from_json
        self._places = tuple((name, compile_path(path)) for name, path in settings.places.items())
        self._has_time = settings.time is not None
        self._time = _time_of_arrival if settings.time is None else _time_reader(settings)
        self._read: Callable[[object, float], Sequence[Sample]]
        if settings.per_sensor:
            self._read = self._each
        else:
            whole = self._together if len(self._places) > 1 else self._single
            self._read = self._partial if settings.partial else whole
        self._fetch_first = self._places[0][1]
        self.read_one = _one_reader(settings)

    def decode(self, payload: bytes, arrival: float) -> Sequence[Sample]:
        """Read the samples of one payload; `arrival` is Unix seconds.

        Raises:
            RejectedPayload: `size`, `empty`, `decode`, `field`, `type`, `nonfinite`, `time` or `future`.
        """
        if len(payload) > self._max_payload:
            raise RejectedPayload("size", f"{len(payload)} bytes, {self._max_payload} allowed")
        try:
            document = orjson.loads(payload)
        except orjson.JSONDecodeError as error:
            raise _rejection(payload, error) from None
        if type(document) is dict:
            return self._read(document, arrival)
        if type(document) is list:
            return self._several(document, arrival)
        raise RejectedPayload("type", f"an object is expected, not {document!r:.40}")

    def _several(self, documents: list[object], arrival: float) -> Sequence[Sample]:
        if not documents:
            raise RejectedPayload("empty", "a list without readings")
        if len(documents) > 1 and not self._has_time:
            raise RejectedPayload("time", "several readings in one payload, and no time field configured")
        return [sample for document in documents for sample in self._read(document, arrival)]

    def _single(self, document: object, arrival: float) -> Sequence[Sample]:
        try:
            value = self._fetch_first(document)
        except _NOTHING_THERE as error:
            raise _missing(self._places[0][0]) from error
        time = self._time(document, arrival)
        return (("", time, (self._number(value),)),)

    def _together(self, document: object, arrival: float) -> Sequence[Sample]:
        values = []
        for name, fetch in self._places:
            try:
                values.append(self._number(fetch(document)))
            except _NOTHING_THERE as error:
                raise _missing(name) from error
        time = self._time(document, arrival)
        return (("", time, tuple(values)),)

    def _partial(self, document: object, arrival: float) -> Sequence[Sample]:
        samples = self._each(document, arrival)
        there = {field: value for field, _, (value,) in samples}
        _, time, _ = samples[0]
        return (("", time, tuple(there.get(name, math.nan) for name, _ in self._places)),)

    def _each(self, document: object, arrival: float) -> Sequence[Sample]:
        time = self._time(document, arrival)
        samples: list[Sample] = []
        for name, fetch in self._places:
            try:
                value = fetch(document)
            except _NOTHING_THERE:
                continue
            if value is not None:
                samples.append((name, time, (self._number(value),)))
        if not samples:
            raise RejectedPayload("field", "none of the configured values is there")
        return samples


def _one_reader(settings: PayloadSettings) -> ReadOne | None:
    """Make the short way for one value, and a time that is a number or that of arrival.

    It takes what is in order and rejects nothing: all else is for `decode`.
    """
    places, time_format = list(settings.places.values()), settings.resolved_time_format
    if len(places) > 1 or settings.per_sensor or settings.partial or time_format not in PER_SECOND:
        return None
    fetch, fetch_time = compile_path(places[0]), compile_path(settings.time) if settings.time else None
    per_second = PER_SECOND[time_format] if fetch_time else 1
    loads, max_payload, max_future = orjson.loads, settings.max_payload, settings.max_future
    least, most = -FLOAT32_MAX, FLOAT32_MAX
    not_in_order = (orjson.JSONDecodeError, *_NOTHING_THERE)

    def read_one(payload: bytes, arrival: float) -> tuple[float, float] | None:
        if len(payload) > max_payload:
            return None
        try:
            document = loads(payload)
            value: Any = fetch(document)
            time: Any = fetch_time(document) if fetch_time else arrival
        except not_in_order:
            return None
        if type(value) is int:
            value = float(value)
        if type(value) is float and (type(time) is float or type(time) is int) and least <= value <= most:
            time = time / per_second
            if EARLIEST <= time <= LATEST and time <= arrival + max_future:
                return time, value
        return None

    return read_one


def _time_of_arrival(_document: object, arrival: float) -> float:
    return arrival


def _time_reader(settings: PayloadSettings) -> Callable[[object, float], float]:
    """Make the function (document, arrival) -> Unix seconds for a payload that carries its time."""
    fetch = compile_path(settings.time or "")
    parse = time_parser(settings.resolved_time_format)
    max_future = settings.max_future

    def read(document: object, arrival: float) -> float:
        try:
            value = fetch(document)
        except _NOTHING_THERE as error:
            raise _missing("time") from error
        return not_ahead(parse(value), arrival, max_future)

    return read


def _missing(name: str) -> RejectedPayload:
    return RejectedPayload("field", f"{name!r} is not there")


def _rejection(payload: bytes, error: orjson.JSONDecodeError) -> RejectedPayload:
    """Tell a number that is not finite from text that is not JSON: orjson refuses both alike."""
    if not payload.strip():
        return RejectedPayload("empty", "no payload")
    number = _NUMBER.match(error.doc, error.pos)
    if number and not math.isfinite(float(number[0])):
        return RejectedPayload("nonfinite", f"{number[0]:.40} is not a finite number")
    return RejectedPayload("decode", error.msg)
