"""Series: readings of single sensors sorted, turned into rates, and brought onto equal steps.

The result depends on the readings of the sensor alone, in whatever batches they came:

| setting | what it does |
|---|---|
| `wait` | holds readings back until one is newer by so much, and gives them out in order of time |
| `equal_times: keep` | a reading with the time of the last one and another value follows it by 1 µs |
| `difference` | of a counter: the increase, or the increase a second; a fall is a reset, without a reading |
| `resample` | one reading at every multiple of the step, with the last value before it or at it |
"""

from __future__ import annotations

import math
from bisect import insort
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from streamdetect.codecs.joining import Pending

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Values = tuple[float, ...]
Reading = tuple[float, Values]

_MOST_STEPS: Final = 1_000  # that one reading fills; after a longer silence the steps begin anew
_MOST_HELD: Final = 1_000  # readings of one sensor that wait
_TICK: Final = 1e-6  # s
_MARK: Final = "="  # no sensor id has it: keys of the saved state beside those of joined devices


@dataclass(frozen=True, slots=True)
class SeriesSettings:
    """The settings for ordering, differencing and resampling the readings of a sensor."""

    wait: float = 0.0
    """Seconds."""
    equal_times: Literal["drop", "keep"] = "drop"
    difference: Literal["increase", "rate"] | None = None
    resample: float | None = None
    """Seconds from one step to the next."""

    @property
    def needed(self) -> bool:
        """True if anything is done at all."""
        return self != SeriesSettings()


class _Sensor:
    """The state of one sensor."""

    __slots__ = ("given", "held", "last", "step")

    def __init__(self) -> None:
        self.held: list[Reading] = []  # in order of time; they wait
        self.given: tuple[float, float] = (
            -math.inf,
            -math.inf,
        )  # the last time: as it came, as it was given out
        self.last: Reading | None = None  # before the difference
        self.step: tuple[int, Values] | None = None  # number of the next step, and the value that is held


class Series:
    """The readings of all sensors of a detector; at most `most` sensors are known."""

    def __init__(self, settings: SeriesSettings, features: int, most: int) -> None:
        self._settings, self._features, self._most = settings, features, most
        self._sensors: dict[str, _Sensor] = {}

    def take(self, sensor: str, time: float, values: Values) -> list[Reading]:
        """Take in a reading; returns those that are ready, in order of time."""
        one = self._sensors.get(sensor)
        if one is None:
            if len(self._sensors) >= self._most:
                del self._sensors[next(iter(self._sensors))]
            one = self._sensors[sensor] = _Sensor()
        return [
            out
            for waited in self._waited(one, (time, values))
            for apart in self._apart(one, waited)
            for rate in self._differences(one, apart)
            for out in self._steps(one, rate)
        ]

    def snapshot(self, sensors: Iterable[str] | None = None) -> dict[str, Pending]:
        """Return the state of these sensors or of all, to be saved."""
        chosen = self._sensors if sensors is None else [name for name in sensors if name in self._sensors]
        return {f"{_MARK}{name}": self._written(self._sensors[name]) for name in chosen}

    def restore(self, saved: Mapping[str, Pending]) -> None:
        """Restore a saved state; the part about joined devices is left alone."""
        for name, pending in saved.items():
            if name.startswith(_MARK):
                self._sensors[name.removeprefix(_MARK)] = self._read(pending)

    def changed(self, sensors: Iterable[str]) -> dict[str, Pending | None]:
        """Return the state of these sensors now."""
        return dict(self.snapshot(sensors))

    def _waited(self, one: _Sensor, reading: Reading) -> list[Reading]:
        if not self._settings.wait:
            return [reading]
        insort(one.held, reading, key=lambda held: held[0])
        due = one.held[-1][0] - self._settings.wait
        count = sum(time <= due for time, _ in one.held) or max(0, len(one.held) - _MOST_HELD)
        out, one.held = one.held[:count], one.held[count:]
        return out

    def _apart(self, one: _Sensor, reading: Reading) -> Iterator[Reading]:
        time, values = reading
        came, given = one.given
        if self._settings.equal_times == "keep" and time == came:
            if one.last and one.last[1] == values:
                return  # the same reading once more
            time = given + _TICK
        if reading[0] >= came:
            one.given = (reading[0], time)
        yield time, values
        if self._settings.equal_times == "keep" and self._settings.difference is None:
            one.last = (time, values)

    def _differences(self, one: _Sensor, reading: Reading) -> Iterator[Reading]:
        if self._settings.difference is None:
            yield reading
            return
        time, values = reading
        last, one.last = one.last, reading
        if last is None or time <= last[0]:
            one.last = last or reading
            return
        increases = [now - before for now, before in zip(values, last[1], strict=True)]
        if min(increases) >= 0:
            span = time - last[0] if self._settings.difference == "rate" else 1.0
            yield time, tuple(increase / span for increase in increases)

    def _steps(self, one: _Sensor, reading: Reading) -> Iterator[Reading]:
        step = self._settings.resample
        if step is None:
            yield reading
            return
        time, values = reading
        first = math.ceil(time / step)
        number, held = one.step or (first, values)
        if number * step > time + step:
            return  # older than what is held
        if first - number > _MOST_STEPS:
            number = first
        for at in range(number, first):
            yield at * step, held
        number = max(number, first)
        if number * step == time:
            yield time, values
            number += 1
        one.step = (number, values)

    def _written(self, one: _Sensor) -> Pending:
        """Write a sensor's state for the journal: two times, and numbers."""
        empty = (math.nan,) * self._features
        last_time, last = one.last or (math.nan, empty)
        number, held = one.step or (math.nan, empty)
        came, given = (time if math.isfinite(time) else math.nan for time in one.given)
        waiting = [part for time, values in one.held for part in (time, *values)]
        return Pending(0.0, 0.0, (came, given, last_time, *last, number, *held, *waiting))

    def _read(self, pending: Pending) -> _Sensor:
        one, count = _Sensor(), self._features
        came, given, last_time, *rest = pending.values
        last, number, held, waiting = (
            rest[:count],
            rest[count],
            rest[count + 1 : 2 * count + 1],
            rest[2 * count + 1 :],
        )
        if not math.isnan(came):
            one.given = (came, given)
        if not math.isnan(last_time):
            one.last = (last_time, tuple(last))
        if not math.isnan(number):
            one.step = (int(number), tuple(held))
        size = count + 1
        one.held = [(waiting[at], tuple(waiting[at + 1 : at + size])) for at in range(0, len(waiting), size)]
        return one
