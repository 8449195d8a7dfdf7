"""Decodes messages for each detector that they are for."""

from __future__ import annotations

from collections import Counter
from math import inf
from typing import TYPE_CHECKING

from streamdetect.codecs import TopicRouter, TopicTemplate
from streamdetect.codecs.series import Series
from streamdetect.errors import RejectedPayload
from streamdetect.service.gathered import Batch, Begun, Gathered
from streamdetect.service.joins import Join
from streamdetect.service.refusals import Refusals, Unheard
from streamdetect.service.twins import Twins

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from streamdetect.codecs import Codec, Decoded, Route, Routes, Routing, Sample
    from streamdetect.codecs.joining import Pending
    from streamdetect.mqtt.inbox import Message
    from streamdetect.service.listener import Listening

PORTION = 1024
"""Readings of large messages in a turn: 31 ms with all views; 4,096 go half as fast again, in 92 ms."""


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
        self.router = TopicRouter(routings, cache=max(topics, 1000), merged=self._merged)
        self._routes = self.router.routes
        self.joins = [Join.of(*one) for one in zip(assemblies, waiting, strict=True)]
        self.series = [_series(*one) for one in zip(assemblies, waiting, strict=True)]
        self._names = [assembly.name for assembly in assemblies]
        self._codecs = codecs = [assembly.codec for assembly in assemblies]
        self._decoders = [codec.decode for codec in codecs]
        self._one_readers = [
            None if join or series else codec.read_one
            for codec, join, series in zip(codecs, self.joins, self.series, strict=True)
        ]
        self.apart = not any(self.joins) and all(map(_apart, routings))
        """Whether no two topics bring readings of one sensor: then one may overtake the other."""
        self._named = [routing.sensor is not None for routing in routings]
        self._drop_retained = not take_retained
        self._begun: Begun | None = None
        self._twins, self.refusals = Twins(), Refusals()
        self.unheard = Unheard(self._names, [routing.topics for routing in routings], self.refusals)

    def waiting(self, at: int) -> dict[str, Pending]:
        """Return readings that wait for others or are compared with them, for a snapshot."""
        join, series = self.joins[at], self.series[at]
        return {**(join.waiting() if join else {}), **(series.snapshot() if series else {})}

    def changed(self, at: int, devices: Sequence[str]) -> dict[str, Pending | None]:
        """Return those of these devices and sensors; None where none is left."""
        join, series = self.joins[at], self.series[at]
        return {**(join.changed(devices) if join else {}), **(series.changed(devices) if series else {})}

    @property
    def halfway(self) -> bool:
        """True if a large message is taken in only in part."""
        return self._begun is not None

    def gather(
        self, messages: Sequence[Message], next_large: Callable[[], Message | None] = lambda: None
    ) -> Batch:
        """Take in messages; one that cannot become a reading is counted, never raised.

        Args:
            messages: those to take in as a whole.
            next_large: gives the next large one, if there is one; `PORTION` of their readings are taken in.
        """
        newest = messages[-1].arrival if messages else -inf
        batch = Batch([Gathered() for _ in self._decoders], Counter(), Counter(), [], newest)
        gathered, outcomes = batch.gathered, batch.outcomes
        routes, one_readers, drop_retained = self._routes, self._one_readers, self._drop_retained
        for message in messages:
            if message.copy or (message.retain and drop_retained):
                outcomes["copy" if message.copy else "retained"] += 1
                continue
            its = routes(message.topic)
            for route in its:
                into, read_one = gathered[route.detector], one_readers[route.detector]
                if not read_one or not (reading := read_one(message.payload, message.arrival)):
                    self._take_rest(message, its, route, batch)
                    break
                moment, value = reading
                # Here and not in a method: its call would be a tenth of what a message costs so far.
                into.sensors.append(route.sensor)
                into.times.append(moment)
                into.values.append(value)
                into.arrivals.append(message.arrival)
                if route.labels:
                    into.labels[route.sensor] = route.labels
            else:
                if not its:
                    self._turn_away(message, its, batch)
        if messages:
            self._look_for_twins(messages[-1])
        batch = self._gather_large(batch, next_large)
        for name, one in zip(self._names, gathered, strict=True):
            if one.sensors:
                self.unheard.took(name)
        return batch

    def _gather_large(self, batch: Batch, next_large: Callable[[], Message | None]) -> Batch:
        """Add a portion of large messages."""
        left = PORTION
        while left > 0 and (message := self._begun.message if self._begun else next_large()):
            batch = batch._replace(newest=max(batch.newest, message.arrival))
            if message.copy or (message.retain and self._drop_retained):
                batch.outcomes["copy" if message.copy else "retained"] += 1
                batch.finished.append(message)
                continue
            begun = self._begun = self._begun or self._begin(message, batch)
            if portion := begun.portion(left):
                route, samples = portion
                self._take_in(message, route, samples, batch)
                left -= len(samples)
                continue
            self._begun = None
            batch.finished.append(message)
        return batch

    def _begin(self, message: Message, batch: Batch) -> Begun:
        """Decode a large message for every detector that it is for; count it if none can take it."""
        routes = self._routes(message.topic)
        if not routes:
            self._turn_away(message, routes, batch)
        decoded = [(route, self._samples(message, route, batch)) for route in routes]
        taken = [(route, samples) for route, samples in decoded if not isinstance(samples, str)]
        if routes and not taken:
            batch.outcomes["rejected" if ("rejected" in [word for _, word in decoded]) else "ignored"] += 1
        return Begun(message, taken)

    def _take_rest(self, message: Message, routes: Routes, start: Route, batch: Batch) -> None:
        """Take a message in for the detectors from this one on, each by itself; those before it have."""
        taken, refused = start is not routes[0], False
        for route in routes[routes.index(start) :] if taken else routes:
            samples = self._samples(message, route, batch)
            if isinstance(samples, str):
                refused |= samples == "rejected"
            elif outcome := self._take_in(message, route, samples, batch):
                refused |= outcome == "rejected"
            else:
                taken = True
        if not taken:
            batch.outcomes["rejected" if refused else "ignored"] += 1

    def _samples(self, message: Message, route: Route, batch: Batch) -> Sequence[Sample] | str:
        """Decode a message for one detector; gives the outcome where that cannot be done."""
        try:
            samples, faults = self._decoded(message, route)
        except RejectedPayload as error:
            return self._refuse(message, route, error, batch)
        for fault in faults:
            self._refuse(message, route, fault, batch)
        return samples

    def _decoded(self, message: Message, route: Route) -> Decoded:
        if message.skipped:
            raise RejectedPayload("size", f"a packet of {message.skipped} bytes")
        return self._decoders[route.detector](message.payload, message.arrival, message.topic)

    def _take_in(self, message: Message, route: Route, samples: Sequence[Sample], batch: Batch) -> str:
        """Take in samples for one detector; gives the outcome if none could be taken in, else nothing."""
        into = batch.gathered[route.detector]
        if join := self.joins[route.detector]:
            try:
                route, samples = join(route, samples)  # the route of the device, from here on
            except RejectedPayload as error:
                return self._refuse(message, route, error, batch)
            into.devices.pop(route.sensor, None)
            into.devices[route.sensor] = None
        nameless = into.take(route, samples, message.arrival, self.series[route.detector])
        for fault in nameless:
            self._refuse(message, route, fault, batch)
        return "rejected" if nameless and len(nameless) == len(samples) else ""

    def _turn_away(self, message: Message, routes: Routes, batch: Batch) -> None:
        """Count a message whose topic leads to no detector."""
        error = routes.refusal
        outcome = self._refuse(message, None, error, batch) if error else "ignored"
        batch.outcomes[outcome] += 1

    def _refuse(self, message: Message, route: Route | None, error: RejectedPayload, batch: Batch) -> str:
        """Take note of a fault; gives the outcome of the message."""
        ignored = error.foreign and (route is None or route.wild)
        if not ignored:
            batch.rejected[error.reason] += 1
        self.refusals.note(message, self._names[route.detector] if route else "", error, ignored=ignored)
        return "ignored" if ignored else "rejected"

    def _look_for_twins(self, message: Message) -> None:
        """Look at one message of a batch: a batch is one message where messages are few."""
        for route in self._routes(message.topic):
            if route.sensor and not self.joins[route.detector]:
                name, codec = self._names[route.detector], self._codecs[route.detector]
                self._twins.look(name, message.topic, codec.identity(message.payload))
                if self._named[route.detector] and _is_reading(codec, message):
                    self._twins.hear(name, route.sensor, message.topic)

    def _merged(self, detector: int, sensor: str, one: Sequence[str], other: Sequence[str]) -> None:
        self._twins.merge(self._names[detector], sensor, one, other)


def _is_reading(codec: Codec, message: Message) -> bool:
    try:
        return bool(codec.decode(message.payload, message.arrival, message.topic).samples)
    except RejectedPayload:
        return False


def _series(assembly: Listening, waiting: Mapping[str, Pending]) -> Series | None:
    """Make the series that the configuration asks for, with the state from earlier."""
    settings = assembly.config.series
    if not settings.needed:
        return None
    series = Series(settings, len(assembly.features), assembly.config.max_sensors)
    series.restore(waiting)
    return series


def _apart(routing: Routing) -> bool:
    """Tell whether a sensor's id names its topic."""
    if routing.sensor is None:
        return True
    named = routing.sensor.split("/")
    if "{topic}" in named or "{topic#}" in named:
        return True
    if len(routing.templates) != 1:
        return False
    levels = routing.templates[0].split("/")
    names = [f"{{{name}}}" for name in TopicTemplate(routing.templates[0]).names]
    return not {"_", "#"} & set(levels) and all(name in named for name in names)
