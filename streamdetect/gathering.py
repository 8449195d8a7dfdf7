"""What a batch brings for one detector, and the joining of features that come one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from streamdetect.codecs import Sample
from streamdetect.core.joining import Joiner, Pending
from streamdetect.core.readings import Readings
from streamdetect.errors import RejectedPayload

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from streamdetect.assembly import Assembly
    from streamdetect.codecs import Route


class Gathered:
    """The samples of one detector in a batch, column by column."""

    __slots__ = ("arrivals", "devices", "labels", "sensors", "times", "values")

    def __init__(self) -> None:
        self.devices: dict[str, None] = {}  # of which something was joined, in the order of the last
        self.labels: dict[str, Mapping[str, str]] = {}  # by sensor
        self.sensors: list[str] = []
        self.times: list[float] = []
        self.values: list[tuple[float, ...]] = []
        self.arrivals: list[float] = []

    def take(self, route: Route, samples: Sequence[Sample], arrival: float) -> None:
        """Take in the samples of one message, which arrived at these Unix seconds."""
        _, sensor, sensors, labels = route
        for field, moment, values in samples:
            self.sensors.append(sensor or sensors[field])
            self.times.append(moment)
            self.values.append(values)
            self.arrivals.append(arrival)
        if labels:
            self.labels.update(dict.fromkeys((sensor,) if sensor else sensors.values(), labels))

    def readings(self) -> Readings:
        """Give them as columns."""
        return Readings(self.sensors, np.array(self.times, float), np.array(self.values, float))


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
            Sample("", *reading)
            for sample in samples
            for reading in self._joiner.take(route.sensor, place, sample.time, sample.values[0])
        ]
        return route._replace(labels=labels), joined

    def waiting(self) -> dict[str, Pending]:
        """Give the readings that are not whole yet, by device."""
        return self._joiner.snapshot()

    def changed(self, devices: Sequence[str]) -> dict[str, Pending | None]:
        """Give those of these devices; None where none is left."""
        return dict.fromkeys(devices) | self._joiner.snapshot(devices)
