"""The readings that are published, and the events that one detector gives for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streamdetect.core.readings import Readings
from streamdetect.mqtt.publisher import Publisher
from streamdetect.offline.recordings import Recording
from streamdetect.offline.replay import Messages
from streamdetect.service.assembly import assemble

if TYPE_CHECKING:
    from streamdetect.config import Config, MqttConfig
    from streamdetect.core.detector import Detector

SENSORS, STEPS = 24, 600


def recordings() -> list[Recording]:
    """Sensors with spikes, shifts, duplicates and late readings; every sixth is silent for a while."""
    rng = np.random.default_rng(7)
    made = []
    for at in range(SENSORS):
        times = 1.7e9 + np.cumsum(rng.choice([1.0, 1.0, 1.5, 0.5], STEPS))
        times[100] = times[99]
        times[200] = times[190]
        values = 20 + 5 * np.sin(np.arange(STEPS) / (10 + at)) + rng.normal(0, 0.3, STEPS)
        values[400 + at : 410 + at] += 25
        values[520:] += 3.0 * (at % 4 == 1)
        kept = np.ones(STEPS, bool)
        kept[300:450] = at % 6 != 2
        made.append(Recording(f"s{at}", f"s{at}", times[kept], values[kept, None], ("value",)))
    last = max(float(one.times.max()) for one in made)
    return [*made, Recording("last", "last", np.array([last]), np.array([[1.0]]), ("value",))]


class Publishing:
    """The messages of all sensors in order of time, published in portions."""

    def __init__(self, settings: MqttConfig) -> None:
        self._settings = settings
        self._messages = Messages(recordings(), "sensors/{sensor}/data", "json")
        self._all = list(self._messages)
        self.done = 0

    def __len__(self) -> int:
        return len(self._all)

    def publish(self, share: float) -> None:
        """Publish up to this share of all."""
        end = round(share * len(self._all))
        with Publisher(self._settings, qos=1, patience=300) as publisher:
            for one in self._all[self.done : end]:
                topic = self._messages.topics[one.sensor]
                publisher.publish(topic, self._messages.payload(one, one.time))
            publisher.finish()
        self.done = end

    def readings(self) -> Readings:
        """The same readings, as a backtest takes them."""
        names = [self._messages.recordings[one.sensor].sensor for one in self._all]
        times = np.array([one.time for one in self._all])
        return Readings(names, times, np.array([one.values for one in self._all]))


class Expected(NamedTuple):
    """The expected events and state."""

    events: dict[str, bytes]  # by id
    detector: Detector


def oracle(config: Config, readings: Readings) -> Expected:
    """The events and state of one detector in this process, from one batch."""
    (one,) = assemble(config)
    verdicts = one.detector.process(readings)
    events = [one.encoder.encode(each, {"sensor": each.sensor}) for each in verdicts.transitions]
    return Expected({event.id: event.payload for event in events}, one.detector)


def columns(detector: Detector) -> dict[str, str]:
    """Everything that a detector knows, by sensor, to the last bit."""
    saved = detector.snapshot()
    order = np.argsort(saved["sensors"])
    return {
        name: repr(column[order].tolist())
        for name, column in saved.items()
        if name not in {"made_with", "heard_since"}
    }
