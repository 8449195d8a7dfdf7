"""The simulated plant's sensors, and their normal values."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi, sin
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator

    Shape = Callable[[float], float]  # phase in cycles -> about -1..1


def wave(phase: float) -> float:
    """Heating and cooling, day and night."""
    return sin(2 * pi * phase)


def two_waves(phase: float) -> float:
    """A wave and its third harmonic."""
    return 0.8 * sin(2 * pi * phase) + 0.3 * sin(6 * pi * phase)


def on_and_off(phase: float) -> float:
    """A compressor that runs half of the time."""
    return 1.0 if phase % 1 < 0.5 else -1.0  # noqa: PLR2004 - half


def sawtooth(phase: float) -> float:
    """A tank that fills slowly and empties fast."""
    rising = 0.8
    within = phase % 1
    return 2 * within / rising - 1 if within < rising else 1 - 2 * (within - rising) / (1 - rising)


def arches(phase: float) -> float:
    """One stroke after the other."""
    return 2 * abs(sin(pi * phase)) - 1


def flat(_phase: float) -> float:
    """Return noise and nothing else."""
    return 0.0


@dataclass(frozen=True, slots=True)
class Quantity:
    """A measured quantity, and its behaviour in this plant."""

    name: str
    unit: str
    shape: Shape
    level: float
    swing: float  # of the shape around the level
    noise: float  # standard deviation
    period: tuple[int, int]  # of the shape, readings
    broken: float  # the reading when its line is broken: an end of its range
    idle: float  # the value that the quantity approaches when its machine stops
    decimals: int


QUANTITIES = (
    Quantity("temperature", "°C", wave, 180.0, 4.0, 0.4, (20, 30), -200.0, 22.0, 2),
    Quantity("pressure", "bar", two_waves, 4.2, 0.15, 0.02, (16, 24), 0.0, 1.0, 3),
    Quantity("humidity", "%", wave, 45.0, 3.0, 0.5, (24, 32), 100.0, 70.0, 2),
    Quantity("vibration", "mm/s", arches, 2.4, 0.5, 0.12, (14, 22), 0.0, 0.0, 3),
    Quantity("power", "kW", on_and_off, 6.5, 0.6, 0.04, (14, 22), 20.0, 0.0, 3),
    Quantity("flow", "l/min", two_waves, 32.0, 3.0, 0.4, (24, 36), 0.0, 0.0, 2),
    Quantity("level", "%", sawtooth, 70.0, 8.0, 0.4, (24, 40), 0.0, 20.0, 2),
    Quantity("speed", "rpm", flat, 1480.0, 0.0, 5.0, (1, 1), 0.0, 0.0, 1),
)


class Sensor:
    """One sensor of the plant: a quantity on a line, with its own level, period, phase and noise.

    `read` gives one reading after the other, the same ones for the same seed.
    """

    def __init__(self, quantity: Quantity, line: str, rng: Generator) -> None:
        self.quantity = quantity
        self.name = f"{line}/{quantity.name}"
        self._rng = rng
        self._level = quantity.level * rng.uniform(0.9, 1.1)
        self._period = float(rng.integers(*quantity.period, endpoint=True))
        self._phase = rng.random()
        self._step = 0
        self.latest = self._level  # the reading before a fault

    @property
    def spread(self) -> float:
        """The standard deviation of its normal values."""
        cycle = [self.quantity.shape(at / 100) for at in range(100)]
        return float(np.hypot(self.quantity.swing * np.std(cycle), self.quantity.noise))

    def read(self) -> float:
        """Return the next normal value, unrounded."""
        of, phase = self.quantity, self._step / self._period + self._phase
        self._step += 1
        return self._level + of.swing * of.shape(phase) + of.noise * self._rng.normal()


def make_sensors(count: int, seed: int) -> tuple[Sensor, ...]:
    """Make `count` sensors, as many of each quantity as there are lines for; the same for the same seed."""
    return tuple(
        Sensor(
            QUANTITIES[place % len(QUANTITIES)],
            f"line-{place // len(QUANTITIES) + 1}",
            np.random.default_rng((seed, place)),
        )
        for place in range(count)
    )
