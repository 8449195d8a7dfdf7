"""The replay of a journal after a snapshot: the detectors as they were, exactly, without the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from streamdetect.core.readings import Readings
from streamdetect.errors import StateError
from streamdetect.store.journal import Intake, Looked, Resumption, Told, Waiting

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from streamdetect.core.detector import Detector
    from streamdetect.core.moments import Floats
    from streamdetect.core.transitions import Transition
    from streamdetect.store.journal import Entry
    from streamdetect.store.state import DetectorState

AT_ONCE = 4096
"""Readings a call: a journal of many small batches is read back many times faster than it was written."""


def replay(states: Sequence[DetectorState], entries: Iterable[Entry]) -> None:
    """Take the detectors through the entries, in place.

    Raises:
        StateError: the entries are not of these detectors.
    """
    players = {state.name: _Player(state) for state in states}
    for entry in entries:
        player = players.get(entry.detector)
        if player is None:
            raise StateError(f"journal: must be of the snapshot's detectors, got {entry.detector!r}")
        player.take(entry)
    for player in players.values():
        player.finish()


def tell(detector: Detector, told: Told) -> list[Transition]:
    """Pass a person's answer about a sensor on to its detector.

    Returns:
        The transitions that it caused at once.

    Raises:
        KeyError: the sensor is not known.
    """
    if told.sensitivity is None:
        return detector.accept(told.sensor)
    detector.set_sensitivity(told.sensor, told.sensitivity)
    return []


class _Player:
    """Replays one detector, joining its intakes: batch boundaries are unobservable."""

    def __init__(self, state: DetectorState) -> None:
        self._state = state
        self._intakes: list[Intake] = []
        self._size = 0

    def take(self, entry: Entry) -> None:
        state = self._state
        if isinstance(entry, Intake):
            state.labels.update(entry.labels)
            self._intakes.append(entry)
            self._size += len(entry.readings.sensors)
            if self._size >= AT_ONCE:
                self.finish()
            return
        if isinstance(entry, Waiting):
            for device, pending in entry.pending.items():
                state.waiting.pop(device, None)
                if pending:
                    state.waiting[device] = pending
            return
        self.finish()
        if isinstance(entry, Looked):
            state.detector.look(entry.now)
            return
        if isinstance(entry, Resumption):
            state.detector.resume()
            return
        if isinstance(entry, Told):
            self._tell(entry)
            return
        state.detector.evict(entry.idle_before)
        for sensor in state.labels.keys() - set(state.detector.sensors.ids):
            del state.labels[sensor]

    def _tell(self, told: Told) -> None:
        try:
            tell(self._state.detector, told)
        except KeyError:
            raise StateError(f"journal: must be of sensors that are known, got {told.sensor!r}") from None

    def finish(self) -> None:
        intakes, self._intakes, self._size = self._intakes, [], 0
        if not intakes:
            return
        detector = self._state.detector
        if len(detector) + _new(detector, intakes) > detector.settings.max_sensors:
            # Some made room for others, and only the choice of these depends on the bounds of a batch.
            for intake in intakes:
                _feed(detector, intake.readings, intake.errors, intake.feature_errors)
            return
        readings = Readings(
            [sensor for intake in intakes for sensor in intake.readings.sensors],
            np.concatenate([intake.readings.times for intake in intakes]),
            np.concatenate([intake.readings.values for intake in intakes]),
        )
        _feed(
            detector,
            readings,
            np.concatenate([intake.errors for intake in intakes]),
            np.concatenate([intake.feature_errors for intake in intakes]),
        )


def _new(detector: Detector, intakes: Iterable[Intake]) -> int:
    """Count the sensors among these that the detector does not know yet."""
    known = detector.sensors
    return len({sensor for intake in intakes for sensor in intake.readings.sensors if sensor not in known})


def _feed(detector: Detector, readings: Readings, errors: Floats, feature_errors: Floats) -> None:
    pushed = detector.push(readings)
    if len(pushed.index) != len(errors):
        raise StateError(f"journal: must have {len(pushed.index)} errors, got {len(errors)}")
    detector.judge(pushed, errors, feature_errors)
