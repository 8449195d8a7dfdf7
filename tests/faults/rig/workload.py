"""Readings of a few sensors, the same ones at every run, with something anomalous now and then."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from streamdetect.core.readings import Readings

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ANOMALIES = 60  # readings from the end of one to the start of the next, on average


@dataclass(frozen=True)
class Workload:
    """`steps` readings of each of `sensors` sensors, which take turns."""

    sensors: int = 5
    steps: int = 400
    seed: int = 1
    # Whole seconds of yesterday: a reading too far in the future is rejected, and rightly.
    start: float = field(default_factory=lambda: float(int(time.time()) - 86_400))
    prefix: str = "sensors"

    def __len__(self) -> int:
        return self.sensors * self.steps

    @property
    def ids(self) -> list[str]:
        """The sensors."""
        return [f"{self.prefix}/s{at}" for at in range(self.sensors)]

    def messages(self) -> list[tuple[str, bytes]]:
        """Return topic and payload of every reading, in order."""
        times, values = self._times(), self._values()
        return [
            (sensor, json.dumps({"time": times[step], "value": values[step][at]}).encode())
            for step in range(self.steps)
            for at, sensor in enumerate(self.ids)
        ]

    def readings(self, first: int = 0, end: int | None = None) -> Readings:
        """Return readings number `first` up to `end`, as a detector takes them."""
        cut = slice(first, end)
        return Readings(
            (self.ids * self.steps)[cut],
            np.repeat(self._times(), self.sensors)[cut],
            np.array(self._values()).reshape(-1, 1)[cut],
        )

    def _times(self) -> list[float]:
        return [self.start + step / 2 for step in range(self.steps)]

    def _values(self) -> list[list[float]]:
        random = np.random.default_rng(self.seed)
        step = np.arange(self.steps)[:, None]
        phases = random.uniform(0, 6, self.sensors)
        values = 20 + 5 * np.sin(step / 9 + phases) + random.normal(0, 0.2, (self.steps, self.sensors))
        values += 12 * self._anomalous(random)
        # JSON carries them exactly, and the last one of a sensor is like no other: it tells that all came.
        values = np.round(values, 3)
        values[-1] = 1000 + np.arange(self.sensors)
        return values.tolist()  # type: ignore[no-any-return] # what numpy says of it

    def _anomalous(self, random: np.random.Generator) -> NDArray[np.bool_]:
        """Tell where a sensor is off: for 3 readings in a row."""
        begins = random.random((self.steps, self.sensors)) < 1 / _ANOMALIES
        begins[:40] = False
        return begins | np.roll(begins, 1, axis=0) | np.roll(begins, 2, axis=0)

    @property
    def last_values(self) -> dict[str, float]:
        """The value of each sensor's last reading."""
        return dict(zip(self.ids, self._values()[-1], strict=True))
