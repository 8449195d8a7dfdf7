"""Documents of objects, lists and values to samples, from payloads of any format.

An object is one reading, or with `fields: per_sensor` one reading of each sensor it names. A list of objects
is several readings; so is an object of lists, whose rows are readings. With `each` the entries of a list or
of an object within the document are the readings: values are looked for in the entry, the time and the
sensor's names there and then around it.

A bad entry or value costs only itself. A document with none of the configured values is foreign: a status, a
partial update. With `per_sensor` a field that is absent or null is a sensor without a reading; in a `partial`
reading it is a missing feature, NaN.
"""

from __future__ import annotations

import math
import re
from abc import abstractmethod
from collections import Counter
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

from streamdetect.codecs.containers import cleaned, opener
from streamdetect.codecs.entries import Entry, Table, inner, walk
from streamdetect.codecs.numbers import number_reader
from streamdetect.codecs.paths import (
    KEY,
    NOTHING_THERE,
    brief,
    compile_path,
    fetcher,
    parse_each,
    parse_path,
    what_is_there,
)
from streamdetect.codecs.samples import Codec, Decoded, best
from streamdetect.codecs.timestamps import not_ahead, time_parser
from streamdetect.codecs.writing import document_of
from streamdetect.errors import RejectedPayload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from streamdetect.codecs.paths import Path
    from streamdetect.codecs.samples import Sample
    from streamdetect.codecs.settings import PayloadSettings

UNREADABLE: Final = (ArithmeticError, LookupError, RecursionError, TypeError, ValueError)
"""The errors that parsers raise for bytes that are not a document, besides their own."""

_ABSENT: Final = object()
_IDENTITY: Final = re.compile(
    "(.*[a-z_-])?(id|ids|Id|ID|uid|uuid|eui|Eui|EUI|mac|serial|addr|address)|name|device|sensor|node|channel|sn"
)
_BY_TIME: Final = itemgetter(1)


class TreeCodec(Codec):
    """Reads values, names and times out of documents; a format only has to `load` them and `dump` them."""

    takes: ClassVar = frozenset(
        {"value", "values", "fields", "each", "labels", "map", "booleans", "numeric_strings", "units"}
        | {"decimal_comma", "type", "encoding", "time", "time_format", "time_zone", "time_missing"}
    )

    def __init__(self, settings: PayloadSettings) -> None:
        self._settings = settings
        self._open = opener(settings, settings.encoding if settings.type is None else None)
        self._places = [self.place(name, where) for name, where in settings.places.items()]
        self._number = number_reader(settings)
        self._each = None if settings.each is None else parse_each(settings.each)
        self._table = Table([place.steps for place in self._places], settings)
        self._names = [_name_fetcher(path) for path in (settings.labels or {}).values()]
        self._time = _time_of_arrival if settings.time is None else _time_reader(settings)
        self._max_payload = settings.max_payload
        modes = {True: self._by_field, False: self._together}
        self._values = modes[settings.per_sensor]

    @classmethod
    def place(cls, name: str, where: str) -> Place:
        """Make the place of a value; formats in which values are not found by paths override it."""
        return Place.of(name, where)

    @abstractmethod
    def load(self, payload: bytes) -> object:
        """Make the document of a payload; an empty one never comes here.

        Raises:
            RejectedPayload: `decode` or `nonfinite`.
        """

    @classmethod
    @abstractmethod
    def dump(cls, document: object) -> bytes:
        """Write a document as a payload."""

    def decode(self, payload: bytes, arrival: float, topic: str = "") -> Decoded:
        """Read the samples of one payload; see `Codec.decode`."""
        if len(payload) > self._max_payload:
            raise RejectedPayload("size", f"{len(payload)} bytes, {self._max_payload} allowed")
        return self.read(self.document(payload, topic), arrival)

    def document(self, payload: bytes, topic: str) -> object:  # noqa: ARG002 - for those who look at it
        """Return the document of a payload that may be wrapped.

        Raises:
            RejectedPayload: `decode`, `empty`, `size` or `nonfinite`.
        """
        if self._open:
            payload = self._open(payload)
        try:
            return self.load(payload)
        except RejectedPayload:
            bare = cleaned(payload, self._settings)
            if not bare.strip():
                raise RejectedPayload("empty", "no payload", foreign=True) from None
            if bare == payload:
                raise
        return self.load(bare)

    def read(self, document: object, arrival: float) -> Decoded:
        """Read the samples of one document.

        Raises:
            RejectedPayload: when not even one sample is there.
        """
        samples: list[Sample] = []
        faults: list[RejectedPayload] = []
        for entry in self._entries(document, faults):
            try:
                samples += self._values(entry, arrival, faults)
            except RejectedPayload as fault:
                faults.append(fault)
        if len(samples) > 1:
            samples = self._ordered(samples, faults)
        if not samples:
            raise (
                best(faults) if faults else RejectedPayload("empty", "a list without readings", foreign=True)
            )
        return Decoded(samples, [fault for fault in faults if not fault.foreign])

    def _ordered(self, samples: list[Sample], faults: list[RejectedPayload]) -> list[Sample]:
        """Sort by time; without times of their own there may be one reading of each sensor only."""
        if self._settings.time is not None:
            samples.sort(key=_BY_TIME)
            return samples
        count = Counter(names for names, _, _ in samples)
        if len(count) == len(samples):
            return samples
        faults.append(
            RejectedPayload(
                "time", "several readings of one sensor in one payload, and no `time` is configured"
            )
        )
        return [sample for sample in samples if count[sample[0]] == 1]

    def _entries(self, document: object, faults: list[RejectedPayload]) -> Iterator[Entry]:
        roots = [Entry(document)]
        if type(document) is list and not self._is_one_reading(document):
            roots = [Entry(node, str(at)) for at, node in enumerate(document)]
        if self._each is None:
            yield from self._table.rows(document) if type(document) is dict else roots
        elif self._each == ((),):  # the document itself, as a list is anyway
            yield from roots if type(document) is list else inner(roots[0], (), faults)
        else:
            for root in roots:
                yield from walk(root, self._each, faults)

    def _is_one_reading(self, document: list[object]) -> bool:
        """Tell `[time, value]` from a list of readings: paths begin with a place, and nothing is in it."""
        by_place = self._each is None and all(
            place.steps and isinstance(place.steps[0], int) for place in self._places
        )
        return by_place and not any(isinstance(node, list | dict) for node in document)

    def _together(self, entry: Entry, arrival: float, faults: list[RejectedPayload]) -> Sequence[Sample]:
        node = entry.node
        found = [place.fetch_from(node, entry) for place in self._places]
        missing = sum(value is _ABSENT for value in found)
        if missing == len(found) or (missing and not self._settings.partial):
            absent = self._places[next(at for at, value in enumerate(found) if value is _ABSENT)]
            raise _missing(absent, node, foreign=missing == len(found))
        values = tuple(self._numbers(found, faults))
        names = self._named(entry)
        return ((names, self._time(entry, arrival), values),)

    def _numbers(self, found: Sequence[object], faults: list[RejectedPayload]) -> Iterator[float]:
        """Read the found values as numbers; of a partial reading, one that is not a number is missing."""
        if not self._settings.partial:
            yield from map(self._number, found)
            return
        taken = [self._or_missing(value, faults) for value in found]
        if all(map(math.isnan, taken)):
            raise faults.pop() if faults else RejectedPayload("type", "all values are null", foreign=True)
        yield from taken

    def _or_missing(self, value: object, faults: list[RejectedPayload]) -> float:
        try:
            return math.nan if value is _ABSENT or value is None else self._number(value)
        except RejectedPayload as fault:
            faults.append(fault)
            return math.nan

    def _by_field(self, entry: Entry, arrival: float, faults: list[RejectedPayload]) -> Sequence[Sample]:
        found = [(place.name, place.fetch_from(entry.node, entry)) for place in self._places]
        there = [(name, value) for name, value in found if value is not _ABSENT and value is not None]
        if not there:
            raise _missing(self._places[0], entry.node, foreign=True)
        time, names = self._time(entry, arrival), self._named(entry)
        samples: list[Sample] = []
        for name, value in there:
            try:
                samples.append(((*names, name), time, (self._number(value),)))
            except RejectedPayload as fault:
                faults.append(fault)
        return samples

    def _named(self, entry: Entry) -> tuple[str, ...]:
        return tuple([fetch(entry) for fetch in self._names])

    def identity(self, payload: bytes) -> Mapping[str, str]:
        """Look for ids around the values; see `Codec.identity`."""
        if self._names or self._each is not None:
            return {}
        try:
            node: Any = self.document(payload, "")
        except RejectedPayload:
            return {}
        found: dict[str, str] = {}
        path = ""
        for step in (*self._places[0].steps, None):
            if isinstance(node, dict):
                found |= {f"{path}{key}": str(value) for key, value in node.items() if _names(key, value)}
            try:
                node = node[step]
            except NOTHING_THERE:
                break
            path = f"{path.removesuffix('.')}[{step}]." if isinstance(step, int) else f"{path}{step}."
        return found

    @classmethod
    def problems(cls, settings: PayloadSettings) -> Iterator[tuple[str, str]]:
        """Find paths that have no meaning; see `Codec.problems`."""
        places = {f"values.{name}": path for name, path in (settings.values or {}).items()}
        labels = {f"labels.{name}": path for name, path in (settings.labels or {}).items()}
        paths = {"value": settings.value, "time": settings.time, **places, **labels}
        for option, path in paths.items():
            if path is not None and path != KEY:
                yield from _rule(option, partial(parse_path, path))
        if settings.each is not None:
            yield from _rule("each", partial(parse_each, settings.each))

    @classmethod
    def write(cls, settings: PayloadSettings, time: float, values: Sequence[float]) -> bytes:
        """Write an object with everything that the settings look for; see `Codec.write`."""
        return cls.dump(document_of(settings, time, values))


class Place(NamedTuple):
    """The place of a value."""

    name: str
    path: str
    steps: Path
    fetch: Callable[[object], object]

    @classmethod
    def of(cls, name: str, path: str) -> Place:
        """Make the place of a value at a path."""
        if path == KEY:
            return cls(name, path, (), lambda _: _ABSENT)
        steps = parse_path(path)
        return cls(name, path, steps, fetcher(steps))

    def fetch_from(self, node: object, entry: Entry) -> object:
        """Fetch the value, or `_ABSENT`."""
        if self.path == KEY:
            return entry.key
        try:
            return self.fetch(node)
        except NOTHING_THERE:
            return _ABSENT


def _names(key: object, value: object) -> bool:
    """Tell whether a member seems to name a sensor."""
    return isinstance(key, str) and type(value) in {str, int} and bool(_IDENTITY.fullmatch(key))


def _name_fetcher(path: str) -> Callable[[Entry], str]:
    """Make the function that reads a name off an entry, or off the parts around it."""
    if path == KEY:
        return lambda entry: entry.key
    fetch = _outwards(path)

    def read(entry: Entry) -> str:
        value = fetch(entry)
        if type(value) is str:
            return value
        if type(value) is int or type(value) is float:
            return repr(value)
        if type(value) is bool:
            return "true" if value else "false"
        raise RejectedPayload(
            "field",
            f"the sensor's name {path!r} is missing",
            path=path,
            there=partial(what_is_there, entry.node, parse_path(path)[:-1]),
        )

    return read


def _outwards(path: str) -> Callable[[Entry], object]:
    """Make the function that looks a path up in an entry, then around it; `_ABSENT` if nowhere."""
    fetch = compile_path(path)

    def look(entry: Entry) -> object:
        place: Entry | None = entry
        while place is not None:
            try:
                return fetch(place.node)
            except NOTHING_THERE:
                place = place.around
        return _ABSENT

    return look


def _time_of_arrival(_entry: Entry, arrival: float) -> float:
    return arrival


def _time_reader(settings: PayloadSettings) -> Callable[[Entry, float], float]:
    """Make the function (entry, arrival) -> Unix seconds for a payload that carries its time."""
    path = str(settings.time)
    look: Callable[[Entry], object] = (lambda entry: entry.key) if path == KEY else _outwards(path)
    parse = time_parser(settings.time_format or "s", settings.time_zone)
    max_future, may_be_missing = settings.max_future, settings.time_missing == "arrival"

    def read(entry: Entry, arrival: float) -> float:
        value = look(entry)
        if value is not _ABSENT and value is not None:
            return not_ahead(parse(value), arrival, max_future)
        if may_be_missing:
            return arrival
        raise RejectedPayload(
            "field",
            f"the time {path!r} is missing",
            path=path,
            there=partial(what_is_there, entry.node, parse_path(path)[:-1]),
        )

    return read


def _missing(place: Place, node: object, *, foreign: bool) -> RejectedPayload:
    if not isinstance(node, dict | list):
        return RejectedPayload(
            "type", f"must be an object, got {brief(node)}", path=place.path, foreign=foreign
        )
    return RejectedPayload(
        "field",
        f"{place.path!r} is missing",
        path=place.path,
        there=partial(what_is_there, node, place.steps[:-1]),
        foreign=foreign,
    )


def _rule(option: str, parse: Callable[[], object]) -> Iterator[tuple[str, str]]:
    try:
        parse()
    except ValueError as error:
        yield option, str(error)
