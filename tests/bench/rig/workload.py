"""Seeded readings like a plant's, as columns and as messages: a level, a period and noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from streamdetect.config import BatchConfig
from streamdetect.core.readings import Readings
from streamdetect.mqtt.inbox import Message

if TYPE_CHECKING:
    from collections.abc import Iterator

SEED = 0
START = 1.7e9  # Unix seconds
LEVEL = 50.0  # as of the series that the bundles are trained on: nearly all windows are normal
BATCH = BatchConfig().max_batch
SPIKE = 1000.0


def ids(sensors: int) -> list[str]:
    return [f"bench/hall/sensor-{sensor}" for sensor in range(sensors)]


def values(sensors: int, turns: int, start: int = 0) -> np.ndarray:
    """(turns, sensors): a reading of every sensor a turn."""
    rng = np.random.default_rng((SEED, start))
    phase = np.random.default_rng(SEED).uniform(0, 6, sensors)
    at = np.arange(start, start + turns)[:, None]
    return LEVEL + np.sin(phase + at / 15) + 0.1 * rng.normal(size=(turns, sensors))


def batches(sensors: int, turns: int, start: int = 0, size: int = BATCH) -> list[Readings]:
    """Turns of readings, in batches."""
    flat = values(sensors, turns, start).reshape(-1, 1)
    times = np.repeat(START + np.arange(start, start + turns, dtype=float), sensors)
    names = ids(sensors) * turns
    return [
        Readings(names[at : at + size], times[at : at + size], flat[at : at + size])
        for at in range(0, len(flat), size)
    ]


def payloads(sensors: int, turns: int, start: int = 0, spikes: int = 0) -> Iterator[tuple[int, bytes]]:
    """Sensor and JSON payload, turn by turn; with spikes, every so many-th value of a sensor is `SPIKE`."""
    made = values(sensors, turns, start)
    if spikes:
        made[(np.arange(start, start + turns)[:, None] + np.arange(sensors)) % spikes == 0] = SPIKE
    for turn, row in enumerate(made.tolist(), start):
        moment = START + turn
        for sensor, value in enumerate(row):
            yield sensor, b'{"time":%.1f,"value":%.6f}' % (moment, value)


def message_batches(sensors: int, turns: int, start: int = 0, size: int = BATCH) -> list[list[Message]]:
    """The same as messages that have arrived."""
    topics = ids(sensors)
    messages = [
        Message("".join(topics[sensor]), payload, 0, 0, 1, START, retain=False)
        for sensor, payload in payloads(sensors, turns, start)
    ]
    return [messages[at : at + size] for at in range(0, len(messages), size)]
