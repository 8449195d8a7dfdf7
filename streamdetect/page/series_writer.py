"""Writes verdicts into the series of the past, on a thread of its own, so that the main loop never waits."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streamdetect.core.rules import VIEWS
from streamdetect.logs import Sparingly
from streamdetect.store import DamagedError, UnavailableError
from streamdetect.store.directory import set_aside
from streamdetect.store.series import STEPS, Points, SeriesStore, fields

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from streamdetect.core.verdicts import Verdicts
    from streamdetect.page.sources import Shown

log = logging.getLogger(__name__)

MOST_WAITING = 50_000
"""Readings that may wait to be written, about 5 MB; more are left out and counted."""
AT_ONCE = 20_000
"""Readings that are joined into points at once; all that wait would need several times their memory again."""
EVERY = 1.0  # s between two writes
SHARE = 0.1  # of the time that may go into writing, however much there is to write
IN_MEMORY = 8 << 20  # bytes that are kept in memory, without a state directory
_ENDS_WITHIN = 5.0  # s


class _Judged(NamedTuple):
    """The parts of a batch's verdicts that become points: a copy, because verdicts hold the whole batch."""

    sensors: list[str]  # A
    times: NDArray[np.float64]  # (A,) Unix seconds
    columns: NDArray[np.float32]  # (A, 1 + 6 F + W), each reading as its own point


class SeriesWriter:
    """Takes verdicts from the main loop and writes them as points.

    Attributes:
        lost: readings that were left out, because too many waited or the disk did not take them.
        failure: why the last write failed; empty if it did not.
    """

    def __init__(self, path: Path | None, max_size: int, detectors: Callable[[], Sequence[Shown]]) -> None:
        """Open the store.

        Args:
            path: of the store; None keeps it in memory.
            max_size: bytes of the store at most.
            detectors: gives those that run now.

        Raises:
            StateError: the disk does not allow it.
        """
        self.lost, self.failure = 0, ""
        self._path, self._max_size = path, max_size if path else min(max_size, IN_MEMORY)
        self.store = self._opened()
        self._detectors = detectors
        self._waiting: deque[tuple[str, _Judged]] = deque()
        self._came = self._done = 0  # readings; only one thread changes each
        self._closing = threading.Event()
        self._sparingly = Sparingly()
        self._thread = threading.Thread(target=self._run, name="page series", daemon=True)

    def take(self, verdicts: Sequence[tuple[str, Verdicts]]) -> None:
        """Queue the verdicts of a batch, by detector; called by the main loop, so nothing is written here."""
        for detector, its in verdicts:
            if self._came - self._done + len(its) > MOST_WAITING:
                self.lost += len(its)
                continue
            if len(its):
                self._waiting.append((detector, _Judged(its.sensors, its.times.copy(), _columns_of(its))))
                self._came += len(its)

    @property
    def budget(self) -> int:
        """Bytes of the store at most."""
        return self._max_size

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def close(self) -> None:
        """Write what is left, and close the store."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(_ENDS_WITHIN)
        self.store.close()

    def _run(self) -> None:
        pause = EVERY
        while not self._closing.wait(pause):
            began = time.monotonic()
            self._write_all()
            pause = max(EVERY, (time.monotonic() - began) / SHARE)
        self._write_all()

    def _write_all(self) -> None:
        """Write all that waits by now, some at a time."""
        until = self._came
        while self._done < until:
            self._guarded(self._some())

    def _some(self) -> list[tuple[str, _Judged]]:
        lot, readings = [], 0
        while self._waiting and readings < AT_ONCE:
            lot.append(self._waiting.popleft())
            readings += len(lot[-1][1].sensors)
        return lot

    def _guarded(self, lot: Sequence[tuple[str, _Judged]]) -> None:
        """Write; what cannot be written is left out, and a bug here does not end the daemon."""
        readings = sum(len(its.sensors) for _, its in lot)
        try:
            self._write(lot)
            self.failure = ""
        except UnavailableError as error:
            self._failed(readings, str(error))
        except DamagedError as error:
            self._begin_again(error)
            self._failed(readings, str(error))
        except Exception as bug:
            self._failed(readings, repr(bug))
            log.exception("cannot write the series of the page")
        self._done += readings

    def _write(self, lot: Sequence[tuple[str, _Judged]]) -> None:
        shown = {one.name: one for one in self._detectors()}
        for name in dict.fromkeys(name for name, _ in lot):
            if name in shown:
                self._write_one(shown[name], [its for of, its in lot if of == name])
        while self.store.prune():
            pass

    def _write_one(self, one: Shown, judged: Sequence[_Judged]) -> None:
        features = one.features
        width = fields(len(features)) + len(VIEWS)
        fitting = [its for its in judged if its.columns.shape[1] == width]
        if not fitting:
            return
        sensors = [sensor for its in fitting for sensor in its.sensors]
        columns = np.concatenate([its.columns for its in fitting])
        times = np.concatenate([its.times for its in fitting])
        for step in STEPS:
            self.store.record(one.name, features, step, points(sensors, times, columns, step))

    def _failed(self, readings: int, reason: str) -> None:
        self.lost += readings
        self.failure = reason
        allowed, _ = self._sparingly.allows("failed")
        if allowed:
            log.warning("%d readings could not be added to the page's series: %s", readings, reason)

    def _begin_again(self, error: DamagedError) -> None:
        """Set a damaged store aside, and begin a new one."""
        self.store.close()
        if self._path:
            log.error("the series of the page were set aside as %s: %s", set_aside(self._path), error)
        self.store = self._opened()

    def _opened(self) -> SeriesStore:
        try:
            return SeriesStore(self._path, self._max_size)
        except DamagedError as error:
            if self._path is None:
                raise
            log.error("the series of the page were set aside as %s: %s", set_aside(self._path), error)  # noqa: TRY400 - expected
            return SeriesStore(self._path, self._max_size)


def points(
    sensors: Sequence[str], times: NDArray[np.float64], columns: NDArray[np.float32], step: int
) -> Points:
    """Join the readings of each step into one point.

    Args:
        sensors: N, in order of arrival.
        times: (N,) Unix seconds.
        columns: (N, 1 + 6 F + W), each reading as its own point.
        step: seconds of a point.
    """
    numbers = {sensor: at for at, sensor in enumerate(dict.fromkeys(sensors))}
    which = np.fromiter(map(numbers.__getitem__, sensors), np.int64, len(sensors))
    slots = np.floor(times / step).astype(np.int64)
    order = np.lexsort((slots, which))
    which, slots, columns = which[order], slots[order], columns[order]
    begins = np.flatnonzero(np.r_[True, (np.diff(which) != 0) | (np.diff(slots) != 0)])
    names = list(numbers)
    chosen = [names[at] for at in which[begins].tolist()]
    return Points(chosen, slots[begins], _together(columns, begins))


def _together(columns: NDArray[np.float32], begins: NDArray[np.intp]) -> NDArray[np.float32]:
    """Make one point for each group of readings; a group's readings are in order of time."""
    data = np.fmax.reduceat(columns, begins)
    counts = np.diff(np.r_[begins, len(columns)])
    data[:, 0] = counts
    features = (columns.shape[1] - 1 - len(VIEWS)) // (fields(1) - 1)
    lasts = begins + counts - 1
    for place in range(features):
        mean, least, _, expected, _, upper = range(fields(place), fields(place + 1))
        data[:, mean] = np.add.reduceat(columns[:, mean].astype(np.float64), begins) / counts
        data[:, least] = np.fmin.reduceat(columns[:, least], begins)
        data[:, expected : upper + 1] = columns[lasts, expected : upper + 1]
    return data


def _columns_of(its: Verdicts) -> NDArray[np.float32]:
    """Return each reading as its own point, (N, 1 + 6 F + W)."""
    count, features = its.values.shape
    data = np.empty((count, fields(features) + len(VIEWS)), dtype=np.float32)
    data[:, 0] = 1
    for place in range(features):
        mean, _, largest, expected, lower, upper = range(fields(place), fields(place + 1))
        data[:, mean : largest + 1] = its.values[:, place, None]
        data[:, expected] = its.expected[:, place]
        data[:, lower] = its.lower[:, place]
        data[:, upper] = its.upper[:, place]
    data[:, fields(features) :] = its.view_scores
    return data
