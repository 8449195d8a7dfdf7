"""The plant: all sensors in step, with faults, and a record of the faults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import orjson

from streamdetect.demo.faults import schedule
from streamdetect.demo.sensors import make_sensors

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamdetect.demo.faults import Fault
    from streamdetect.demo.sensors import Sensor

INTERVAL = 10.0  # s of the plant's time from one reading of a sensor to the next
WARM_UP = 272
"""Readings of each sensor before the first fault: two blocks of 128, from which the general bundle takes a
sensor's scale, and a window. From then on one block with a fault in it does not move that scale."""
LEARNING = 3_072
"""The same where nobody waits for them: every view learns from the first 3,000, whatever happens."""


class Reading(NamedTuple):
    """One message of the plant."""

    topic: str
    payload: bytes


@dataclass(eq=False, slots=True)
class Injection:
    """A fault that was injected into a sensor.

    Attributes:
        fault: which.
        started: Unix seconds of its first reading.
        ended: Unix seconds of its newest reading so far.
        last: Unix seconds of the newest reading so far whose window holds one of the fault's.
        over: true if no window holds any of its readings any more.
        peak: the highest score that the daemon gave in its interval.
    """

    fault: Fault
    started: float
    ended: float
    last: float
    over: bool = False
    peak: float = 0.0

    @property
    def sensor(self) -> str:
        """The sensor's id."""
        return self.fault.sensor.name


class Plant:
    """Sensors that are read in step.

    Args:
        count: of the sensors.
        seed: of everything; the same plant for the same seed.
        time_steps: readings in a window; a fault stays in the windows for this long after it has ended.
        warm_up: readings of each sensor before the first fault.
        begun: told of each fault as it begins.
    """

    def __init__(
        self,
        count: int,
        seed: int,
        *,
        time_steps: int = 1,
        warm_up: int = WARM_UP,
        begun: Callable[[Injection], None] = lambda _: None,
    ) -> None:
        self.sensors: tuple[Sensor, ...] = make_sensors(count, seed)
        self.under_way: list[Injection] = []  # faults that windows still show
        self.injected = 0
        self.injecting = True  # true if new faults begin
        self.steps = 0
        self._time_steps = time_steps
        self._begun = begun
        self._rng = np.random.default_rng((seed, count))
        self._schedule = schedule(self.sensors, seed, warm_up)
        self._next = next(self._schedule)

    def step(self, time: float) -> list[Reading]:
        """Return one reading of every sensor, at `time` in Unix seconds."""
        self._begin(time)
        faults = {one.fault.sensor: one.fault for one in self.under_way if self.steps < one.fault.end}
        readings = []
        for sensor in self.sensors:
            normal = sensor.read()
            fault = faults.get(sensor)
            value = fault.distort(self.steps, normal, self._rng) if fault else normal
            if value is None:
                continue
            if not fault:
                sensor.latest = normal
            quantity = sensor.quantity
            message = {"time": time, "value": round(value, quantity.decimals), "unit": quantity.unit}
            readings.append(Reading(f"plant/{sensor.name}", orjson.dumps(message)))
        self.steps += 1
        return readings

    def _begin(self, time: float) -> None:
        """Begin the faults that are due, and find those that are over."""
        for one in self.under_way:
            one.over = self.steps >= one.fault.end + self._time_steps - 1
            if not one.over:
                one.last = time
            if self.steps < one.fault.end:
                one.ended = time
        self.under_way = [one for one in self.under_way if not one.over]
        while self._next.start <= self.steps:
            if self.injecting:
                self.under_way.append(Injection(self._next, time, time, time))
                self.injected += 1
                self._begun(self.under_way[-1])
            self._next = next(self._schedule)
