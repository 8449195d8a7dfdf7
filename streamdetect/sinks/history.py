"""Events into the history of incidents, for `streamdetect incidents` and whoever else looks back."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, ClassVar

from streamdetect.failpoints import failpoint
from streamdetect.sinks.sink import Delivery, UnavailableError, Worker
from streamdetect.store import DamagedError
from streamdetect.store import UnavailableError as DiskError
from streamdetect.store.directory import set_aside
from streamdetect.store.history import HISTORY, History

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from streamdetect.config import HistoryConfig
    from streamdetect.store import Event, Queued

log = logging.getLogger(__name__)

NAME = "history"


class HistorySink(Worker):
    """Writes the history; what cannot be read any more is set aside, and a new one begun."""

    kind: ClassVar[str] = "history"

    def __init__(self, directory: Path, settings: HistoryConfig) -> None:
        """Prepare; the database is opened with the first event.

        Args:
            directory: where it is.
            settings: how much of it is kept.
        """
        super().__init__(NAME, give_up_after=float("inf"))
        self._path, self._settings = directory / HISTORY, settings
        self._history: History | None = None

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

    def _record(self, events: list[Event]) -> None:
        try:
            if self._history is None:
                self._history = self._opened()
            self._history.record(events, time.time())
        except DiskError as error:
            raise UnavailableError(f"{self._path}: {error}") from error
        except DamagedError as error:
            self.release()
            target = set_aside(self._path)
            log.error("the history cannot be used and was set aside as %s: %s", target, error)  # noqa: TRY400 - expected
            raise UnavailableError("the history starts again") from error

    def _opened(self) -> History:
        return History(self._path, keep=self._settings.keep, max_size=self._settings.max_size)

    def release(self) -> None:
        """Close the database."""
        if self._history is not None:
            self._history.close()
            self._history = None
