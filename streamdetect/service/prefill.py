"""Readings of the past through a detector, so that a new installation judges from the first message on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from streamdetect.core.readings import Readings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from streamdetect.core.transitions import Transition
    from streamdetect.service.assembly import Assembly
    from streamdetect.store import Event

_AT_ONCE = 1024  # readings


def prefill(
    assembly: Assembly, readings: Readings, progress: Callable[[int], object] = lambda _: None
) -> list[Event]:
    """Take in readings as if they had just come, in order of time, without reporting what they show.

    Readings that the detector knows are late, and left out. Only incidents that are open at the end are
    reported, because events to come refer to them.

    Args:
        assembly: the detector.
        readings: N of its sensors; those of one sensor in order.
        progress: called with the number of readings done so far.

    Returns:
        Events of the incidents that are open.
    """
    opened: dict[str, Transition] = {}
    done = 0
    for part in _in_order(readings):
        for transition in assembly.detector.process(part).transitions:
            if transition.kind == "opened":
                opened[transition.sensor] = transition
            elif transition.kind == "closed":
                opened.pop(transition.sensor, None)
        done += len(part.sensors)
        progress(done)
    return [assembly.encoder.encode(transition, {}, None) for transition in opened.values()]


def _in_order(readings: Readings) -> Iterator[Readings]:
    # A reading whose time goes back came after the one before it, and is late for the detector, too.
    order = np.argsort(_due(readings), kind="stable")
    for start in range(0, len(order), _AT_ONCE):
        rows = order[start : start + _AT_ONCE]
        sensors = [readings.sensors[row] for row in rows.tolist()]
        yield Readings(sensors, readings.times[rows], readings.values[rows])


def _due(readings: Readings) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return when each reading came at the earliest: no earlier than the one before it of its sensor."""
    due, newest = readings.times.copy(), dict[str, float]()
    for at, (sensor, time) in enumerate(zip(readings.sensors, readings.times.tolist(), strict=True)):
        due[at] = newest[sensor] = max(time, newest.get(sensor, time))
    return due
