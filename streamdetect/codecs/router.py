"""Routes: the detectors that a topic belongs to, and the ids of its sensors."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeVar

from paho.mqtt.matcher import MQTTMatcher

from streamdetect.codecs.filters import RESERVED, ignoring, wild
from streamdetect.codecs.ids import MAX_ID, bounded, escaped, escaped_levels
from streamdetect.codecs.topics import SensorTemplate, TopicTemplate
from streamdetect.errors import RejectedPayload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_MAX_TOPIC: Final = 4 * MAX_ID  # characters; bounds what the cache can hold
_FIELDS: Final = 256  # as many as `values` may have
_SHARE: Final = 8  # one key in eight goes at once: a dictionary is slow to give up its first key
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})  # one for all cached topics

Names = tuple[str, ...]
"""The parts that tell a sensor from others: the topic, or the values at the names in `sensor`."""

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Routing:
    """One detector's options for topics and for the ids of their sensors."""

    topics: Sequence[str]
    """MQTT filters."""
    templates: Sequence[str] = ()
    """Topic templates; the first that matches counts. Without any, the whole topic is the id."""
    sensor: str | None = None
    """Sensor template; without it, the whole topic is the id, and what the payload names stands behind it."""
    names: Sequence[str] = ()
    """What the payload names, in the order of a sample's `names`."""
    ignore: Sequence[str] = ()
    """Topics to leave alone: filters in which `*` may stand for part of a level."""


class Sensor(NamedTuple):
    """The sensor behind a reading."""

    id: str
    labels: Mapping[str, str]


class Route(NamedTuple):
    """The part of one detector in a topic."""

    detector: int
    """Position in the list of detectors."""
    sensor: str
    """The sensor id; empty when the payload names the sensor."""
    labels: Mapping[str, str]
    """What the topic template found."""
    named: Callable[[tuple[str, ...]], Sensor]
    """The sensor of a sample's names; raises RejectedPayload: `topic`."""
    wild: bool = True
    """True if only filters with wildcards asked for the topic: then it may be foreign."""


class Routes(tuple[Route, ...]):  # noqa: SLOT001 - see below
    """The routes of a topic; when there are none, `refusal` says why."""

    # No __slots__: a tuple cannot have any, and `refusal` is set where there are no routes.
    refusal: RejectedPayload | None = None
    """None if the topic is to be ignored."""


class _Known(dict[_Key, _Value], Generic[_Key, _Value]):
    """A cache of at most `most` keys; the oldest make room for new ones.

    functools.lru_cache takes 150 bytes more for each.
    """

    def __init__(self, find: Callable[[_Key], _Value], most: int) -> None:
        super().__init__()
        self._find, self._most = find, most

    def __missing__(self, key: _Key) -> _Value:
        value = self._find(key)
        if len(self) >= self._most:
            for old in list(islice(self, -(-self._most // _SHARE))):
                del self[old]
        self[key] = value
        return value


class TopicRouter:
    """Finds the routes of a topic; known topics cost one look-up.

    At most `cache` topics are known at a time, so a flood of new ones costs time but no memory. There should
    be room for the sensors there may be: about 0.3 KB each, and beyond it a topic takes 10 µs.

    Raises:
        ValueError: a template has no meaning.
    """

    def __init__(
        self,
        routings: Sequence[Routing],
        *,
        cache: int = 100_000,
        merged: Callable[[int, str, Names, Names], None] = lambda *_: None,
    ) -> None:
        """Make the router of these detectors.

        Args:
            routings: one for each detector.
            cache: topics that are known at a time.
            merged: told of a detector, a sensor id, and two sets of names that both led to it.
        """
        self._detectors = [
            _Detector(index, routing, cache, partial(merged, index)) for index, routing in enumerate(routings)
        ]
        self._filters = MQTTMatcher()  # type: ignore[no-untyped-call]  # paho leaves this one module untyped
        for topic_filter in {topic_filter for routing in routings for topic_filter in routing.topics}:
            takers = [d for d in self._detectors if topic_filter in d.topics]
            self._filters[topic_filter] = (wild(topic_filter), takers)
        self._known: _Known[str, Routes] = _Known(self._find, cache)
        self.routes: Callable[[str], Routes] = self._known.__getitem__
        """`routes(topic)`: one Route for every detector that takes the topic."""

    def known(self, most: int) -> tuple[int, list[tuple[str, Routes]]]:
        """Count the known topics, and return up to `most` with their routes; safe from another thread."""
        return len(self._known), list(islice(self._known.items(), most))

    def _find(self, topic: str) -> Routes:
        if topic.partition("/")[0] in RESERVED or not 0 < len(topic) <= _MAX_TOPIC:
            return _refused(RejectedPayload("topic", f"not a sensor's topic: {topic!r:.60}"))
        matches: Iterator[tuple[bool, list[_Detector]]] = self._filters.iter_match(topic)  # type: ignore[no-untyped-call]
        found: dict[int, bool] = {}
        for by_wildcard, takers in matches:
            found |= {one.index: by_wildcard and found.get(one.index, True) for one in takers}
        if not found:
            return _refused(
                RejectedPayload("topic", f"no detector subscribes to {topic!r:.60}", foreign=True)
            )
        return self._routes(topic, found)

    def _routes(self, topic: str, found: Mapping[int, bool]) -> Routes:
        """Return the routes of the detectors that want this topic, by wildcards only or not."""
        routes, refusal = [], None
        for index, by_wildcard in sorted(found.items()):
            detector = self._detectors[index]
            if detector.ignores(topic):
                continue
            try:
                routes.append(detector.route(topic, wild=by_wildcard))
            except RejectedPayload as error:
                refusal = error
        return Routes(routes) if routes else _refused(refusal)


def _refused(refusal: RejectedPayload | None) -> Routes:
    routes = Routes()
    routes.refusal = refusal
    return routes


def _unnamed(names: Names) -> Sensor:
    """Refuse names where the topic alone names the sensor: one function, not 180 bytes for each topic."""
    raise RejectedPayload("topic", f"a payload must not name its sensor here, got {names!r:.60}")


class _Detector:
    def __init__(
        self, index: int, routing: Routing, cache: int, merged: Callable[[str, Names, Names], None]
    ) -> None:
        self.index = index
        self.topics = frozenset(routing.topics)
        self.ignores = ignoring(routing.ignore)
        self._templates = [TopicTemplate(text) for text in routing.templates]
        self._sensor = None if routing.sensor is None else SensorTemplate(routing.sensor)
        self._names, self._label_names = tuple(routing.names), _label_names(routing.names)
        long = {name for template in self._templates for name in template.long}
        self._ambiguous = self._sensor is not None and self._sensor.is_ambiguous(long)
        self._merged = merged
        self._behind: dict[str, Names] = {}  # ids that the template does not give to one sensor for sure
        self._most = cache
        # Many sensors may be behind a topic, so those that payloads name have a cache of their own.
        self._known: _Known[tuple[str, tuple[str, ...]], Sensor] = _Known(self._named, cache)

    def route(self, topic: str, *, wild: bool) -> Route:
        """Make the route of a topic.

        Raises:
            RejectedPayload: `topic`, when there is no sensor id in it.
        """
        labels = self._labels(topic)
        if not self._names:
            return Route(self.index, self._id(topic, labels, {}), labels, _unnamed, wild)
        if self._names == ("field",):  # as many as the configuration names: these may stay with the topic
            own: _Known[tuple[str, ...], Sensor] = _Known(lambda names: self._named((topic, names)), _FIELDS)
            return Route(self.index, "", labels, own.__getitem__, wild)
        return Route(self.index, "", labels, partial(self._look_up, topic), wild)

    def _look_up(self, topic: str, names: tuple[str, ...]) -> Sensor:
        return self._known[topic, names]

    def _named(self, key: tuple[str, tuple[str, ...]]) -> Sensor:
        topic, names = key
        labels = self._labels(topic)
        said = dict(zip(self._names, names, strict=True))
        written = {label: bounded(escaped(said[name])) for name, label in self._label_names.items()}
        return Sensor(self._id(topic, labels, said), {**labels, **written} if written else labels)

    def _id(self, topic: str, labels: Mapping[str, str], said: Mapping[str, str]) -> str:
        """Put the id together; what the template leaves out stands behind it where it must not be lost."""
        if self._sensor is None:
            return bounded(".".join([escaped_levels(topic), *map(escaped, said.values())]))
        known = {**labels, "topic": escaped_levels(topic)}
        sensor = self._sensor.render(known, said)
        if self._ambiguous:
            self._compare(sensor, tuple(said.get(name, known.get(name, "")) for name in self._sensor.names))
        if "field" in said and "field" not in self._sensor.names:
            return bounded(f"{sensor}.{escaped(said['field'])}")
        return sensor

    def _compare(self, sensor: str, names: Names) -> None:
        """Report two sensors that share an id."""
        if len(self._behind) >= self._most:
            self._behind.clear()
        first = self._behind.setdefault(sensor, names)
        if first != names:
            self._merged(sensor, first, names)

    def _labels(self, topic: str) -> Mapping[str, str]:
        for template in self._templates:
            labels = template.match(topic)
            if labels is not None:
                return labels
        if self._templates:
            raise RejectedPayload("topic", f"no template matches {topic!r:.60}", foreign=True)
        return _NOTHING


def _label_names(names: Sequence[str]) -> dict[str, str]:
    """Return the label of each name that the payload brings: `tags.cpu` is `cpu`, if nothing else is."""
    last = {
        name: re.split(r"[.\[\]]+", name.strip("]'\""))[-1].strip("'\"") for name in names if name != "field"
    }
    short = list(last.values())
    return {name: label if short.count(label) == 1 else name for name, label in last.items()}
