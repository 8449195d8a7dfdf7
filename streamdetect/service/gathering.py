"""Messages to what each detector has to take in, and the joining of features that come one by one."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streamdetect.codecs import TopicRouter
from streamdetect.codecs.joining import Joiner, Pending
from streamdetect.core.readings import Readings
from streamdetect.errors import RejectedPayload
from streamdetect.logs import Sparingly

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from streamdetect.codecs import Route, Sample
    from streamdetect.mqtt.inbox import Message
    from streamdetect.service.assembly import Assembly

log = logging.getLogger(__name__)


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

    def take(self, route: Route, samples: Sequence[Sample], arrival: float) -> None:
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


class Gathering:
    """Decodes messages for every detector that they are for."""

    def __init__(
        self,
        assemblies: Sequence[Assembly],
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
        self._drop_retained = not take_retained
        self._sparingly = Sparingly()

    def gather(self, messages: Sequence[Message]) -> Batch:
        """Take in messages; one that cannot become a reading is counted, never raised."""
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
        return Batch(gathered, rejected, retained)

    def _decode(self, message: Message, route: Route, into: Gathered) -> None:
        samples = self._decoders[route.detector](message.payload, message.arrival)
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


class Join:
    """Makes whole readings of a device from the topics of its features."""

    def __init__(self, by: str, features: Sequence[str], joiner: Joiner) -> None:
        self._by, self._joiner = by, joiner
        self._places = {name: place for place, name in enumerate(features)}

    @classmethod
    def of(cls, assembly: Assembly, waiting: Mapping[str, Pending]) -> Join | None:
        """Give the one that the configuration asks for, with what waits from earlier."""
        config, features = assembly.config, assembly.bundle.manifest.features
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
