"""The outcome of messages at each detector of a configuration: taken, ignored or rejected, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from streamdetect.offline.recorder.listening import listener
from streamdetect.service.gathering import Gathering

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamdetect.codecs import Route
    from streamdetect.config import Config
    from streamdetect.errors import RejectedPayload
    from streamdetect.mqtt.inbox import Message
    from streamdetect.service.gathered import Batch


class Taken(NamedTuple):
    """A reading that a detector took out of a message."""

    detector: str
    topic: str
    sensor: str
    values: tuple[float, ...]
    time: float  # Unix seconds


class Left(NamedTuple):
    """A message, or a part of one, that a detector did not take."""

    detector: str
    """Empty when no detector wanted it."""
    topic: str
    ignored: bool
    reason: str
    detail: str


class Witness(Gathering):
    """Looks at messages one by one and tells the outcome of each."""

    def __init__(self, config: Config) -> None:
        """Take the detectors of a configuration, without their models.

        Raises:
            ConfigError: the features of a detector that joins are not known.
        """
        self._listeners = [listener(config, at) for at in range(len(config.detectors))]
        self._left: list[Left] = []
        super().__init__(
            self._listeners,
            [{} for _ in self._listeners],
            take_retained=config.mqtt.retained == "accept",
        )

    def look(self, message: Message) -> Iterator[Taken | Left]:
        """Tell the outcome of a message at each detector."""
        self._left = []
        batch = self.gather([message])
        for one, gathered in zip(self._listeners, batch.gathered, strict=True):
            if not gathered.sensors:
                continue
            readings = gathered.readings()
            rows = zip(readings.sensors, readings.times.tolist(), readings.values.tolist(), strict=True)
            for sensor, moment, values in rows:
                yield Taken(one.name, message.topic, sensor, tuple(values), moment)
        yield from self._left
        for outcome in ("retained", "ignored"):
            if batch.outcomes[outcome] and not self._left:
                why = "kept by the broker from before" if outcome == "retained" else "left alone by `ignore`"
                yield Left("", message.topic, ignored=True, reason=outcome, detail=why)

    def _refuse(self, message: Message, route: Route | None, error: RejectedPayload, batch: Batch) -> str:
        outcome = super()._refuse(message, route, error, batch)
        name = self._names[route.detector] if route else ""
        self._left.append(Left(name, message.topic, outcome == "ignored", error.reason, error.detail))
        return outcome
