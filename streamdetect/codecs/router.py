"""Which detectors a topic belongs to, and under which sensor ids."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from paho.mqtt.matcher import MQTTMatcher

from streamdetect.codecs.topics import MAX_ID, SensorTemplate, TopicTemplate, checked
from streamdetect.errors import RejectedPayload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_MAX_TOPIC: Final = 4 * MAX_ID  # characters; bounds what the cache can hold
_SHARE: Final = 8  # one in so many topics goes at once: a dictionary is slow to give up its first key
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})  # one for all cached topics


@dataclass(frozen=True, slots=True)
class Routing:
    """What one detector says about topics."""

    topics: Sequence[str]
    """MQTT filters."""
    templates: Sequence[str] = ()
    """Topic templates; the first that matches counts. Without any, the whole topic is the id."""
    sensor: str | None = None
    """Sensor template; without it, the whole topic is the id."""
    fields: Sequence[str] = ()
    """The payload's fields when each is a sensor of its own."""


class Route(NamedTuple):
    """One detector's share in a topic."""

    detector: int
    """Position in the list of detectors."""
    sensor: str
    """The sensor id; empty when each of the payload's fields is a sensor of its own."""
    sensors: Mapping[str, str]
    """Then, a sample's field to sensor id."""
    labels: Mapping[str, str]
    """What the topic template found."""


class _Known(dict[str, tuple[Route, ...]]):
    """The routes of at most `most` topics; when one more comes, those that came first make room.

    functools.lru_cache takes 150 bytes more for each.
    """

    def __init__(self, find: Callable[[str], tuple[Route, ...]], most: int) -> None:
        super().__init__()
        self._find, self._most = find, most

    def __missing__(self, topic: str) -> tuple[Route, ...]:
        routes = self._find(topic)
        if len(self) >= self._most:
            for old in list(islice(self, -(-self._most // _SHARE))):
                del self[old]
        self[topic] = routes
        return routes


class TopicRouter:
    """Finds the routes of a topic; known topics cost one look-up.

    At most `cache` topics are known at a time, so a flood of new ones costs time but no memory. There should
    be room for the sensors there may be: about 0.3 KB each, and beyond it a topic takes 10 µs.

    Raises:
        ValueError: a template has no meaning.
    """

    def __init__(self, routings: Sequence[Routing], *, cache: int = 100_000) -> None:
        self._detectors = [_Detector(index, routing) for index, routing in enumerate(routings)]
        self._filters = MQTTMatcher()  # type: ignore[no-untyped-call]  # paho leaves this one module untyped
        for topic_filter in {topic_filter for routing in routings for topic_filter in routing.topics}:
            self._filters[topic_filter] = [d for d in self._detectors if topic_filter in d.topics]
        self._known = _Known(self._find, cache)
        self.routes: Callable[[str], tuple[Route, ...]] = self._known.__getitem__
        """`routes(topic)`: one Route for every detector that takes the topic, at least one.

        Raises RejectedPayload: `topic`, when no detector can make a sensor id of it. A detector that cannot
        does not keep another from having it.
        """

    def _find(self, topic: str) -> tuple[Route, ...]:
        if topic.startswith("$") or len(topic) > _MAX_TOPIC:
            raise RejectedPayload("topic", f"not a sensor's topic: {topic!r:.60}")
        matches: Iterator[list[_Detector]] = self._filters.iter_match(topic)  # type: ignore[no-untyped-call]
        detectors = {detector.index: detector for found in matches for detector in found}
        routes = []
        refusal = RejectedPayload("topic", f"no detector subscribes to {topic!r:.60}")
        for _, detector in sorted(detectors.items()):
            try:
                routes.append(detector.route(topic))
            except RejectedPayload as error:
                refusal = error
        if not routes:
            raise refusal
        return tuple(routes)


class _Detector:
    def __init__(self, index: int, routing: Routing) -> None:
        self.index = index
        self.topics = frozenset(routing.topics)
        self._templates = [TopicTemplate(text) for text in routing.templates]
        self._sensor = None if routing.sensor is None else SensorTemplate(routing.sensor)
        self._fields = tuple(routing.fields)

    def route(self, topic: str) -> Route:
        labels = self._labels(topic)
        if self._sensor and "field" in self._sensor.names:
            ids = {field: self._sensor.render({**labels, "field": field}) for field in self._fields}
            return Route(self.index, "", ids, labels)
        sensor = self._sensor.render(labels) if self._sensor else _whole(topic)
        if self._fields:
            return Route(self.index, "", {field: f"{sensor}.{field}" for field in self._fields}, labels)
        return Route(self.index, sensor, _NOTHING, labels)

    def _labels(self, topic: str) -> Mapping[str, str]:
        for template in self._templates:
            labels = template.match(topic)
            if labels is not None:
                return labels
        if self._templates:
            raise RejectedPayload("topic", f"no template matches {topic!r:.60}")
        return _NOTHING


def _whole(topic: str) -> str:
    """Take the topic as the id; a leading slash stays, so that `/a` and `a` are two sensors."""
    checked(topic.removeprefix("/").split("/"))
    return topic
