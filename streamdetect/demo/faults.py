"""Faults that people know from their plants, and when which sensor gets one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import exp
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.random import Generator

    from streamdetect.demo.sensors import Sensor

EVERY = 18  # readings from one fault's start to the next one's
REST = 120  # readings that a sensor has to itself after a fault
_DEEPEST = 0.7  # of the quantity's level
_STOPPING = 3.0  # readings; time constant of a machine that stops


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of one sensor for a while."""

    kind: Kind
    sensor: Sensor
    start: int  # step of its first reading
    size: float  # signed, in the sensor's own spread

    @property
    def end(self) -> int:
        """The step of the first reading after it."""
        return self.start + self.kind.length

    def distort(self, step: int, value: float, rng: Generator) -> float | None:
        """Return the sensor's reading at this step instead of a normal value; None: no reading."""
        return self.kind.distort(self, step - self.start, value, rng)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault."""

    name: str
    length: int  # readings
    sizes: tuple[float, float]  # least and largest, in the sensor's own spread
    distort: Callable[[Fault, int, float, Generator], float | None]
    """Fault, readings into it, normal value, noise; None: no reading comes."""
    patterned: bool = False  # only for sensors that are more than noise


def _shift(fault: Fault, _into: int, value: float, _rng: Generator) -> float:
    return value + fault.size * fault.sensor.spread


def _drift(fault: Fault, into: int, value: float, _rng: Generator) -> float:
    return value + fault.size * fault.sensor.spread * (into + 1) / fault.kind.length


def _noise(fault: Fault, _into: int, value: float, rng: Generator) -> float:
    return abs(value + fault.size * fault.sensor.spread * rng.normal())  # nothing here is below 0


def _broken(fault: Fault, _into: int, _value: float, _rng: Generator) -> float:
    return fault.sensor.quantity.broken


def _stuck(fault: Fault, _into: int, _value: float, _rng: Generator) -> float:
    return fault.sensor.latest


def _silent(_fault: Fault, _into: int, _value: float, _rng: Generator) -> None:
    return None


def _stopped(fault: Fault, into: int, value: float, rng: Generator) -> float:
    left, quantity = exp(-into / _STOPPING), fault.sensor.quantity
    return left * value + (1 - left) * (quantity.idle + quantity.noise * rng.normal())


KINDS = (
    Kind("spike", 2, (10, 16), _shift),
    Kind("level shift", 50, (10, 14), _shift, patterned=True),
    Kind("drift", 60, (10, 14), _drift, patterned=True),
    Kind("slow drift", 360, (10, 14), _drift, patterned=True),  # an hour of the plant's
    Kind("broken line", 40, (0, 0), _broken),  # at an end of its range
    Kind("stuck", 120, (0, 0), _stuck),  # where it was
    Kind("silent", 60, (0, 0), _silent),
    Kind("noise burst", 30, (5, 7), _noise),
    Kind("standstill", 50, (0, 0), _stopped, patterned=True),  # its pattern is gone
)
LONGEST = max(kind.length for kind in KINDS)


def schedule(sensors: Sequence[Sensor], seed: int, first: int) -> Iterator[Fault]:
    """Faults without end, by their start, from step `first` on; the same for the same seed.

    Each kind comes once in every round of all kinds, and every other round is the one before once more: a
    detector that no longer reacts after the first fault misses the second. No sensor has two at a time.
    """
    rng = np.random.default_rng((seed, len(sensors), 0))
    free_from = dict.fromkeys(sensors, 0)
    step = first
    while True:
        done: list[Fault] = []
        for kind in rng.permutation(np.array(KINDS, dtype=object)):
            free = [
                sensor
                for sensor in sensors
                if free_from[sensor] <= step and (sensor.quantity.swing or not kind.patterned)
            ]
            if free:
                sensor = free[rng.integers(len(free))]
                done.append(Fault(kind, sensor, step, _size(kind, sensor, rng)))
                free_from[sensor] = done[-1].end + REST
                yield done[-1]
            step += EVERY
        for fault in done:
            step = max(step, free_from[fault.sensor])
            again = replace(fault, start=step)
            free_from[fault.sensor] = again.end + REST
            yield again
            step += EVERY


def _size(kind: Kind, sensor: Sensor, rng: Generator) -> float:
    """Draw a size, up or down, but not down to below 0."""
    size, sign = float(rng.uniform(*kind.sizes)), float(rng.choice((-1, 1)))
    return size if size * sensor.spread > _DEEPEST * sensor.quantity.level else size * sign
