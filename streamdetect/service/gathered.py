"""The samples of a batch of messages, column by column, and large messages that are taken in by portions."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streamdetect.core.readings import Readings
from streamdetect.errors import RejectedPayload

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Mapping, Sequence

    from streamdetect.codecs import Route, Sample
    from streamdetect.codecs.series import Series
    from streamdetect.mqtt.inbox import Message


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

    def take(
        self, route: Route, samples: Iterable[Sample], arrival: float, series: Series | None = None
    ) -> Sequence[RejectedPayload]:
        """Take in the samples of one message, which arrived at these Unix seconds.

        Returns:
            The names of those that could not be taken in, with the reason.
        """
        faults = []
        sensor, labels, named = route.sensor, route.labels, route.named
        for names, moment, values in samples:
            if names:
                try:
                    sensor, labels = named(names)
                except RejectedPayload as fault:
                    faults.append(fault)
                    continue
            if labels:
                self.labels[sensor] = labels
            if series:
                self.devices[sensor] = None
                self._extend(sensor, series.take(sensor, moment, values), arrival)
                continue
            self.sensors.append(sensor)
            self.times.append(moment)
            self.values += values
            self.arrivals.append(arrival)
        return faults

    def _extend(
        self, sensor: str, readings: Sequence[tuple[float, tuple[float, ...]]], arrival: float
    ) -> None:
        for moment, values in readings:
            self.sensors.append(sensor)
            self.times.append(moment)
            self.values += values
            self.arrivals.append(arrival)

    def readings(self) -> Readings:
        """Return the samples as columns."""
        values = np.array(self.values, float).reshape(len(self.times), -1)
        return Readings(self.sensors, np.array(self.times, float), values)


class Batch(NamedTuple):
    """The samples and outcomes of a batch of messages."""

    gathered: list[Gathered]  # by detector
    outcomes: Counter[str]  # messages of which nothing was taken in, by outcome
    rejected: Counter[str]  # messages and parts of messages, by reason
    finished: list[Message]  # large ones that are taken in, or dropped, as a whole
    newest: float  # Unix seconds at which the latest message arrived of which something was taken in


class Begun:
    """A large message that is taken in only in part."""

    def __init__(self, message: Message, samples: Iterable[tuple[Route, Sequence[Sample]]]) -> None:
        self.message = message
        self._left = deque(part for part in samples if part[1])
        self._at = 0  # in the first of those

    def portion(self, most: int) -> tuple[Route, Sequence[Sample]] | None:
        """Return the next samples, at most `most`; None if nothing is left.

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
