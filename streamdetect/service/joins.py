"""The readings of a device whose features come on topics of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamdetect.codecs.joining import Joiner, Pending
from streamdetect.errors import RejectedPayload

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from streamdetect.codecs import Route, Sample
    from streamdetect.service.listener import Listening


class Join:
    """Makes whole readings of a device from the topics of its features."""

    def __init__(self, by: str, features: Sequence[str], joiner: Joiner) -> None:
        self._by, self._joiner = by, joiner
        self._places = {name: place for place, name in enumerate(features)}

    @classmethod
    def of(cls, assembly: Listening, waiting: Mapping[str, Pending]) -> Join | None:
        """Make the join that the configuration asks for, with the readings that wait from earlier."""
        config, features = assembly.config, assembly.features
        if config.join is None:
            return None
        joiner = Joiner(len(features), config.join.tolerance, config.max_sensors)
        joiner.restore({name: one for name, one in waiting.items() if not name.startswith("=")})
        return cls(config.join.by, features, joiner)

    def __call__(self, route: Route, samples: Sequence[Sample]) -> tuple[Route, list[Sample]]:
        """Return the device's route, and its readings that are whole or over with these of one feature."""
        labels = dict(route.labels)
        feature = labels.pop(self._by)
        place = self._places.get(feature)
        if place is None:
            raise RejectedPayload("field", f"{feature!r:.60} is not a feature of the bundle", foreign=True)
        joined: list[Sample] = [
            ((), *reading)
            for _, time, (value,) in samples
            for reading in self._joiner.take(route.sensor, place, time, value)
        ]
        return route._replace(labels=labels), joined

    def waiting(self) -> dict[str, Pending]:
        """Return the readings that are not whole yet, by device."""
        return self._joiner.snapshot()

    def changed(self, devices: Sequence[str]) -> dict[str, Pending | None]:
        """Return those of these devices; None where none is left."""
        return dict.fromkeys(devices) | self._joiner.snapshot(devices)
