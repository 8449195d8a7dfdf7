"""The right result of a run: the same readings through the core's detector, and nothing else.

Issued = effect present + counted rejects. The effect is the state that the daemon left: every sensor's last
accepted time, how many readings it took, its window, its threshold and its incident, to the last bit. And
every event, by its id, at least once, and none besides.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streamdetect.config import validate
from streamdetect.core.cutting import READINGS_AT_ONCE
from streamdetect.core.readings import Readings
from streamdetect.service.assembly import assemble
from streamdetect.store import Store

if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

    from numpy.typing import NDArray

    from streamdetect.core.detector import Detector
    from streamdetect.store import Saved


class Expected:
    """One detector of a configuration, by default the first, fed without a broker, a daemon or a disk."""

    def __init__(self, config: dict[str, Any], at: int = 0) -> None:
        self._assembly = assemble(validate(config))[at]
        self.name = self._assembly.name
        self.detector = self._assembly.detector
        self.events: list[str] = []  # ids

    def feed(self, readings: Readings) -> None:
        """Take in readings and note the events."""
        sensors, times, values = readings.sensors, readings.times, readings.values
        for first in range(0, len(sensors), READINGS_AT_ONCE):
            cut = slice(first, first + READINGS_AT_ONCE)
            verdicts = self.detector.process(Readings(sensors[cut], times[cut], values[cut]))
            self.events += [self._assembly.encoder.encode(one, {}).id for one in verdicts.transitions]


class Found(NamedTuple):
    """The differences between a run and the oracle."""

    lost: int  # readings without effect
    different: list[str]  # columns of the state that are not what they must be
    missing: int  # events
    unexpected: int  # events

    def __bool__(self) -> bool:
        return bool(self.lost or self.different or self.missing or self.unexpected)

    def __str__(self) -> str:
        other = f", state differs in {len(self.different)} columns" if self.different else ""
        more = f", {self.unexpected} unexpected events" if self.unexpected else ""
        return f"{self.lost} inputs and {self.missing} events lost{other}{more}"


def saved(directory: Path) -> Saved:
    """Read a state directory, by way of a copy: whatever reading does to it, it stays."""
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copytree(directory, Path(folder) / "state")
        store = Store(copy, snapshot_every=3600)
        try:
            return store.load()
        finally:
            store.close()


def judge(expected: Expected, directory: Path, events: Collection[str]) -> Found:
    """Hold the state that the daemon left, and the ids of the events that came, against what must be.

    Sensors that nothing is expected of are not looked at.
    """
    states = [state for state in saved(directory).states if state.name == expected.name]
    seen, due = set(events), set(expected.events)
    detector = states[0].detector if states else None
    lost = taken(expected.detector) - (taken(detector, expected.detector) if detector else 0)
    different = differences(expected.detector, detector) if detector else ["everything: there is no state"]
    return Found(lost, different, len(due - seen), len(seen - due))


def taken(detector: Detector, like: Detector | None = None) -> int:
    """Count the readings that a detector accepted of its sensors, or of those that `like` has."""
    return int(_columns(detector, like or detector)["cutter.windows.filled"].sum())


def differences(expected: Detector, found: Detector) -> list[str]:
    """Name the columns in which what was found differs, for the sensors that are expected."""
    first, second = _columns(expected, expected), _columns(found, expected)
    return [name for name, column in first.items() if column.tobytes() != second[name].tobytes()]


def _columns(detector: Detector, like: Detector) -> dict[str, NDArray[Any]]:
    """The state of the sensors that `like` has, in the order of their ids."""
    columns = detector.snapshot()
    # Who was listened to, and when, is of this life of the daemon: so is what it knows of pauses.
    del columns["heard_since"]
    for name in [name for name in columns if ".silence." in name]:
        del columns[name]
    apart = {"made_with": columns.pop("made_with")}
    ids = columns["sensors"]
    wanted = np.flatnonzero(np.isin(ids, like.snapshot()["sensors"]))
    order = wanted[np.argsort(ids[wanted])]
    picked = {name: np.ascontiguousarray(column[order]) for name, column in columns.items()}
    return picked | apart | {"sensors": picked["sensors"].astype("S256")}
