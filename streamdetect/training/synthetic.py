"""Normal sensor series, made up from a seed, to train the general bundle on.

Each shape is a function of a random generator and a number of readings, giving (N,) float64 around 0 with a
spread near 1. `normal_series` gives them the offset, range, noise and resolution of real sensors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from streamdetect.training.series import Series

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Shape = Callable[[Generator, int], Floats]

_WORKING_DAYS = 5


def sines(rng: Generator, count: int) -> Floats:
    """One to three sines, 8 to 500 readings long."""
    periods = np.exp(rng.uniform(np.log(8), np.log(500), rng.integers(1, 4)))
    ranks = np.arange(1, len(periods) + 1)
    angles = np.arange(count)[:, None] / periods + rng.random(len(periods))
    values: Floats = (np.sin(2 * np.pi * angles) / ranks).sum(axis=1)
    return values


def daily(rng: Generator, count: int) -> Floats:
    """A smooth profile that repeats every 96 to 1,440 readings, weaker on two days of seven."""
    length = int(rng.choice([96, 144, 288, 720, 1440]))
    at = np.arange(count) / length + rng.random()
    orders = np.arange(1, 5)
    strengths, phases = rng.normal(size=4) / orders, rng.random(4)
    profile = (strengths * np.sin(2 * np.pi * (at[:, None] * orders + phases))).sum(axis=1)
    weekend = np.where(at.astype(int) % 7 < _WORKING_DAYS, 1.0, rng.uniform(0.3, 1.0))
    values: Floats = profile * weekend
    return values


def plateaus(rng: Generator, count: int) -> Floats:
    """Working hours: low, a ramp, high, a ramp, every day."""
    length = int(rng.choice([96, 144, 288, 720]))
    phase = (np.arange(count) / length + rng.random()) % 1
    start, end = np.sort(rng.uniform(0.1, 0.9, 2))
    ramp = rng.uniform(0.005, 0.1)
    values: Floats = np.clip((phase - start) / ramp, 0, 1) - np.clip((phase - end) / ramp, 0, 1)
    return values


def autoregressive(rng: Generator, count: int) -> Floats:
    """AR(1): a value that is pulled back to its mean while noise pushes it away."""
    return _decaying(rng.normal(size=count), rng.uniform(0.3, 0.98))


def bounded_walk(rng: Generator, count: int) -> Floats:
    """A random walk, slow to return, between walls that it is reflected from."""
    steps = rng.normal(size=count) * rng.uniform(0.01, 0.1)
    values: Floats = np.abs((np.cumsum(steps) + 1) % 4 - 2) - 1
    return values


def duty_cycle(rng: Generator, count: int) -> Floats:
    """Switch on and off, with times that vary a little: a compressor, a pump."""
    period, duty = np.exp(rng.uniform(np.log(10), np.log(300))), rng.uniform(0.15, 0.85)
    cycles = int(count / period * 2) + 2
    lengths = period * np.clip(rng.normal(1, rng.uniform(0, 0.1), (cycles, 2)), 0.5, 1.5) * [duty, 1 - duty]
    edges = np.cumsum(lengths.ravel()) - rng.uniform(0, period)
    values: Floats = (np.searchsorted(edges, np.arange(count)) % 2 == 0).astype(np.float64)
    return values


def sawtooth(rng: Generator, count: int) -> Floats:
    """A slow rise and a quick fall, or the other way round: a tank, a battery."""
    period, turn = np.exp(rng.uniform(np.log(12), np.log(500))), rng.uniform(0.05, 0.95)
    phase = (np.arange(count) / period + rng.random()) % 1
    values: Floats = np.where(phase < turn, phase / turn, (1 - phase) / (1 - turn))
    return values


def drift(rng: Generator, count: int) -> Floats:
    """A level that moves slowly one way, with a slow wave on it."""
    at = np.arange(count) / count
    return rng.uniform(-3, 3) * at ** rng.uniform(0.5, 2) + 0.3 * np.sin(2 * np.pi * at * rng.uniform(1, 5))


def noise(rng: Generator, count: int) -> Floats:
    """Noise and nothing else: even, normal or with a longer tail upwards."""
    kind = rng.integers(3)
    if kind == 0:
        return rng.uniform(-1.7, 1.7, count)
    return rng.normal(size=count) if kind == 1 else rng.gamma(rng.uniform(2, 8), 0.5, count)


def constant(_rng: Generator, count: int) -> Floats:
    """A value that does not move; the sensor's own noise is all there is."""
    return np.zeros(count)


def thermostat(rng: Generator, count: int) -> Floats:
    """A room that heats until the upper limit and cools until the lower one."""
    heating, cooling = rng.uniform(0.02, 0.3), rng.uniform(0.01, 0.15)
    heat, outside = rng.uniform(2, 4), rng.uniform(-4, -2)
    value, on = 0.0, True
    values = np.empty(count)
    for at in range(count):
        value += heating * (heat - value) / 3 if on else cooling * (outside - value) / 3
        on = value < 1 if on else value < -1
        values[at] = value
    return values


def load(rng: Generator, count: int) -> Floats:
    """Use of a machine or a line: positive, skewed, with bursts that die away."""
    slow = _decaying(rng.normal(size=count), rng.uniform(0.9, 0.99))
    bursts = _decaying(
        rng.exponential(1.5, count) * (rng.random(count) < rng.uniform(0.01, 0.1)), rng.uniform(0, 0.9)
    )
    values: Floats = np.exp(0.3 * slow / slow.std()) + bursts
    return values


SHAPES: tuple[Shape, ...] = (
    sines, daily, plateaus, autoregressive, bounded_walk, duty_cycle,
    sawtooth, drift, noise, constant, thermostat, load,
)  # fmt: skip


def normal_series(seed: int, each: int, count: int) -> list[Series]:
    """`each` series of every shape, `count` readings long; the same for the same seed."""
    made = []
    for place, shape in enumerate(SHAPES):
        for number in range(each):
            rng = np.random.default_rng((seed, place, number))
            made.append(Series(f"{shape.__name__}-{number}", _measured(rng, shape(rng, count))))
    return made


def _measured(rng: Generator, values: Floats) -> Floats:
    """Return a series as a sensor would report it: with noise, in its own unit, to its own resolution."""
    spread = values.std() or 1.0
    noise_share = np.exp(rng.uniform(np.log(0.005), np.log(0.3)))
    values = values / spread + rng.normal(size=len(values)) * noise_share
    if rng.random() < 0.5:  # noqa: PLR2004 - half of them
        resolution = np.exp(rng.uniform(np.log(0.01), np.log(0.5)))
        values = np.round(values / resolution) * resolution
    unit = np.exp(rng.uniform(np.log(0.1), np.log(1000)))
    reported: Floats = (values + rng.uniform(-20, 20)) * unit
    return reported


def _decaying(pushes: Floats, memory: float) -> Floats:
    """x[t] = memory · x[t - 1] + pushes[t]."""
    values = np.empty_like(pushes)
    value = 0.0
    for at, push in enumerate(pushes):
        value = memory * value + push
        values[at] = value
    return values
