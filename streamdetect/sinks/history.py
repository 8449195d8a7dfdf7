"""Events into the history of incidents, for `streamdetect incidents` and the page."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar

from streamdetect.failpoints import failpoint
from streamdetect.sinks.following import Follower
from streamdetect.sinks.sink import Delivery, UnavailableError, Worker
from streamdetect.store import DamagedError
from streamdetect.store import UnavailableError as DiskError
from streamdetect.store.directory import set_aside
from streamdetect.store.history import HISTORY, History

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from streamdetect.config import HistoryConfig
    from streamdetect.sinks.inhibition import Inhibition
    from streamdetect.sinks.trail import Trail
    from streamdetect.store import Event, Queued
    from streamdetect.store.around import Kept

log = logging.getLogger(__name__)

NAME = "history"
LOOK_EVERY = 10.0  # s; readings that came since are lost if the daemon is killed


class HistorySink(Worker):
    """Writes the history; a damaged one is set aside, and a new one begun."""

    kind: ClassVar[str] = "history"
    idle_every: ClassVar[float | None] = LOOK_EVERY

    def __init__(self, directory: Path, settings: HistoryConfig) -> None:
        """Prepare; the database is opened with the first event.

        Args:
            directory: where it is.
            settings: how much of it is kept.
        """
        super().__init__(NAME, give_up_after=float("inf"))
        self._path, self._settings = directory / HISTORY, settings
        self._history: History | None = None
        self.shows = settings.readings
        self._follower: Follower | None = None
        self._look_at = 0.0  # monotonic seconds

    def equip(self, inhibition: Inhibition | None, trail: Trail | None) -> None:
        """Take the facts that are needed besides events."""
        super().equip(inhibition, trail)
        self._follower = Follower(trail) if trail and self.shows else None

    def begin(self) -> None:
        """Continue with the incidents of an earlier run."""
        if self._path.exists():
            self._look()

    def idle(self) -> None:
        """Add the readings that have come since."""
        if self._history is not None:
            self._look()

    def deliver(self, event: Event) -> None:
        """Note an event.

        Raises:
            UnavailableError: the disk does not take it.
        """
        self._record([event])

    def work(self, given: Mapping[int, Queued]) -> tuple[list[Delivery], float]:
        """Note all of them at once."""
        oldest = next(iter(given.values()))
        try:
            self._record([one.event for one in given.values()])
            failpoint("sink.history.delivered")
        except UnavailableError as error:
            return self._failed(oldest, str(error))
        self._succeeded()
        return [Delivery(number, ok=True) for number in given], 0.0

    def _look(self) -> None:
        with suppress(UnavailableError):  # the next event says so
            self._record([])

    def _record(self, events: list[Event]) -> None:
        """Note events, and the readings around incidents.

        Raises:
            UnavailableError: the disk does not take it.
        """
        try:
            if self._history is None:
                self._history = self._opened()
            around = self._around(events)
            if events or around:
                self._history.record(events, time.time(), around)
            if self._follower:
                self._follower.written(around)
        except DiskError as error:
            raise UnavailableError(f"{self._path}: {error}") from error
        except DamagedError as error:
            self.release()
            target = set_aside(self._path)
            log.error("the history cannot be used and was set aside as %s: %s", target, error)  # noqa: TRY400 - expected
            raise UnavailableError("the history starts again") from error

    def _around(self, events: Sequence[Event]) -> dict[str, Kept]:
        """Return the readings to keep around these incidents, and around others once in a while."""
        if self._follower is None:
            return {}
        self._follower.take(events)
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + LOOK_EVERY
            self._follower.look()
        return self._follower.changed()

    def _opened(self) -> History:
        history = History(self._path, keep=self._settings.keep, max_size=self._settings.max_size)
        if self._follower:
            self._follower.resume(history.unfinished())
        return history

    def release(self) -> None:
        """Add the last readings, and close the database."""
        self._look_at = 0.0
        self.idle()
        if self._history is not None:
            self._history.close()
            self._history = None
