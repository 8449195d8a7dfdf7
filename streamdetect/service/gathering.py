"""Messages to what each detector has to take in, and the joining of features that come one by one."""

from __future__ import annotations

import logging
from collections import deque
from math import inf
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from streamdetect.codecs import TopicRouter
from streamdetect.codecs.joining import Joiner, Pending
from streamdetect.core.readings import Readings
from streamdetect.errors import RejectedPayload
from streamdetect.logs import Sparingly

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from streamdetect.codecs import Codec, Route, Routing, Sample
    from streamdetect.config import DetectorConfig
    from streamdetect.mqtt.inbox import Message

log = logging.getLogger(__name__)

PORTION = 4096
"""Readings of large messages in a turn: with the general bundle 30 ms, with a stacked LSTM 150 ms."""


class Gathered:
    """The samples of one detector in a batch, column by column."""

    __slots__ = ("arrivals", "devices", "labels", "sensors", "times", "values")

    def __init__(self) -> None:
        self.devices: dict[str, None] = {}  # of which something was joined, in the order of the last
        self.labels: dict[str, Mapping[str, str]] = {}  # by sensor
        self.sensors: list[str] = []
        self.times: list[float] = []
        self.values: list[float] = []  # F of them a sample: a tuple for each takes numpy seven times as long
        self.arrivals: list[float] = []

    def take(self, route: Route, samples: Iterable[Sample], arrival: float) -> None:
        """Take in the samples of one message, which arrived at these Unix seconds."""
        _, sensor, sensors, labels = route
        for field, moment, values in samples:
            self.sensors.append(sensor or sensors[field])
            self.times.append(moment)
            self.values += values
            self.arrivals.append(arrival)
        if labels:
            self.labels.update(dict.fromkeys((sensor,) if sensor else sensors.values(), labels))

    def readings(self) -> Readings:
        """Give them as columns."""
        values = np.array(self.values, float).reshape(len(self.times), -1)
        return Readings(self.sensors, np.array(self.times, float), values)


class Batch(NamedTuple):
    """What a batch of messages brought."""

    gathered: list[Gathered]  # by detector
    rejected: dict[str, int]  # messages by reason
    retained: int  # messages that were dropped as such
    finished: list[Message]  # large ones that are taken in, or dropped, as a whole
    newest: float  # Unix seconds at which the latest message arrived of which something was taken in


class Begun:
    """A large message of which a part is taken in."""

    def __init__(self, message: Message, samples: Iterable[tuple[Route, Sequence[Sample]]]) -> None:
        self.message = message
        self._left = deque(samples)
        self._at = 0  # in the first of those

    def portion(self, most: int) -> tuple[Route, Sequence[Sample]] | None:
        """Give what comes next, at most so many samples; None if nothing is left.

        Samples that are all stamped on arrival stay together: sent again, they could not be told from new
        ones.
        """
        if not self._left:
            return None
        route, samples = self._left[0]
        if all(time == self.message.arrival for _, time, _ in (samples[0], samples[-1])):
            most = len(samples)
        portion = samples[self._at : self._at + most]
        self._at += len(portion)
        if self._at == len(samples):
            self._left.popleft()
            self._at = 0
        return route, portion


class Listening(Protocol):
    """A detector as far as what it hears is concerned."""

    @property
    def name(self) -> str:
        """The detector's name."""

    @property
    def config(self) -> DetectorConfig:
        """Its topics, ids and payloads."""

    @property
    def codec(self) -> Codec:
        """What reads them."""

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features of a reading."""


class Gathering:
    """Decodes messages for every detector that they are for."""

    def __init__(
        self,
        assemblies: Sequence[Listening],
        waiting: Sequence[Mapping[str, Pending]],
        *,
        take_retained: bool = False,
    ) -> None:
        """Begin with the readings of each detector that are not whole yet, by device; see Pipeline."""
        topics = 2 * sum(assembly.config.max_sensors for assembly in assemblies)
        routings = [assembly.config.routing() for assembly in assemblies]
        self._routes = TopicRouter(routings, cache=max(topics, 1000)).routes
        self.joins = [Join.of(*one) for one in zip(assemblies, waiting, strict=True)]
        codecs = [assembly.codec for assembly in assemblies]
        self._decoders = [codec.decode for codec in codecs]
        self._one_readers = [
            None if join else codec.read_one for codec, join in zip(codecs, self.joins, strict=True)
        ]
        self.apart = not any(self.joins) and all(map(_apart, routings))
        """Whether no two topics bring readings of one sensor: then one may overtake the other."""
        self._drop_retained = not take_retained
        self._begun: Begun | None = None
        self._sparingly = Sparingly()

    @property
    def halfway(self) -> bool:
        """Whether a large message is taken in by a part only."""
        return self._begun is not None

    def gather(
        self, messages: Sequence[Message], next_large: Callable[[], Message | None] = lambda: None
    ) -> Batch:
        """Take in messages; one that cannot become a reading is counted, never raised.

        Args:
            messages: those to take in as a whole.
            next_large: gives the next large one, if there is one; `PORTION` of their readings are taken in.
        """
        gathered = [Gathered() for _ in self._decoders]
        rejected: dict[str, int] = {}
        retained = 0
        routes, one_readers, drop_retained = self._routes, self._one_readers, self._drop_retained
        for message in messages:
            if message.retain and drop_retained:
                retained += 1
                continue
            try:
                for route in routes(message.topic):
                    into, read_one = gathered[route.detector], one_readers[route.detector]
                    if not read_one or not (reading := read_one(message.payload, message.arrival)):
                        self._decode(message, route, into)
                        continue
                    moment, value = reading
                    # Here and not in a method: its call would be a tenth of what a message costs so far.
                    into.sensors.append(route.sensor)
                    into.times.append(moment)
                    into.values.append(value)
                    into.arrivals.append(message.arrival)
                    if route.labels:
                        into.labels[route.sensor] = route.labels
            except RejectedPayload as error:
                rejected[error.reason] = rejected.get(error.reason, 0) + 1
                self._say(message, error)
        batch = Batch(gathered, rejected, retained, [], messages[-1].arrival if messages else -inf)
        return self._gather_large(batch, next_large)

    def _gather_large(self, batch: Batch, next_large: Callable[[], Message | None]) -> Batch:
        """Add a portion of large messages."""
        left = PORTION
        while left > 0 and (message := self._begun.message if self._begun else next_large()):
            batch = batch._replace(newest=max(batch.newest, message.arrival))
            if message.retain and self._drop_retained:
                batch = batch._replace(retained=batch.retained + 1)
                batch.finished.append(message)
                continue
            try:
                begun = self._begun = self._begun or Begun(message, self._decoded(message))
                portion = begun.portion(left)
                if portion:
                    route, samples = portion
                    self._take_in(message, route, samples, batch.gathered[route.detector])
                    left -= len(samples)
                    continue
            except RejectedPayload as error:
                batch.rejected[error.reason] = batch.rejected.get(error.reason, 0) + 1
                self._say(message, error)
            self._begun = None
            batch.finished.append(message)
        return batch

    def _decoded(self, message: Message) -> list[tuple[Route, Sequence[Sample]]]:
        """Give the samples of a message for each detector."""
        return [(route, self._samples(message, route)) for route in self._routes(message.topic)]

    def _samples(self, message: Message, route: Route) -> Sequence[Sample]:
        if message.let_by:
            raise RejectedPayload("size", f"a packet of {message.let_by} bytes")
        return self._decoders[route.detector](message.payload, message.arrival)

    def _decode(self, message: Message, route: Route, into: Gathered) -> None:
        self._take_in(message, route, self._samples(message, route), into)

    def _take_in(self, message: Message, route: Route, samples: Sequence[Sample], into: Gathered) -> None:
        if join := self.joins[route.detector]:
            route, samples = join(route, samples)  # the route of the device, from here on
            into.devices.pop(route.sensor, None)
            into.devices[route.sensor] = None
        into.take(route, samples, message.arrival)

    def _say(self, message: Message, error: RejectedPayload) -> None:
        allowed, held_back = self._sparingly.allows(error.reason)
        if allowed:
            more = f" ({held_back} more of this kind were not logged)" if held_back else ""
            log.warning("rejected a message on %r: %s%s", message.topic, error, more)


def _apart(routing: Routing) -> bool:
    """Whether a sensor's id says which topic it is of."""
    if routing.sensor is None:
        return True
    levels, named = [text.split("/") for text in routing.templates], routing.sensor.split("/")
    return len(levels) == 1 and all(
        level in named if level.startswith("{") else level not in {"_", "#"} for level in levels[0]
    )


class Join:
    """Makes whole readings of a device from the topics of its features."""

    def __init__(self, by: str, features: Sequence[str], joiner: Joiner) -> None:
        self._by, self._joiner = by, joiner
        self._places = {name: place for place, name in enumerate(features)}

    @classmethod
    def of(cls, assembly: Listening, waiting: Mapping[str, Pending]) -> Join | None:
        """Give the one that the configuration asks for, with what waits from earlier."""
        config, features = assembly.config, assembly.features
        if config.join is None:
            return None
        joiner = Joiner(len(features), config.join.tolerance, config.max_sensors)
        joiner.restore(waiting)
        return cls(config.join.by, features, joiner)

    def __call__(self, route: Route, samples: Sequence[Sample]) -> tuple[Route, list[Sample]]:
        """Give the device's route, and its readings that are whole or over with these of one feature."""
        labels = dict(route.labels)
        feature = labels.pop(self._by)
        place = self._places.get(feature)
        if place is None:
            raise RejectedPayload("field", f"{feature!r:.60} is no feature of the bundle")
        joined = [
            ("", *reading)
            for _, time, (value,) in samples
            for reading in self._joiner.take(route.sensor, place, time, value)
        ]
        return route._replace(labels=labels), joined

    def waiting(self) -> dict[str, Pending]:
        """Give the readings that are not whole yet, by device."""
        return self._joiner.snapshot()

    def changed(self, devices: Sequence[str]) -> dict[str, Pending | None]:
        """Give those of these devices; None where none is left."""
        return dict.fromkeys(devices) | self._joiner.snapshot(devices)
