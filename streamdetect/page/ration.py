"""Limits how much computing the page may take from the detectors."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Receive, Scope, Send

SHARE = 0.2
"""Share of the time that the page's thread may compute."""
BURST = 0.5
"""Seconds of computing that it may save up, so that the first page opens at once."""


class Rationed:
    """Makes requests wait while the page's thread has computed for more than its share.

    All Python threads share one interpreter, so the requests of fifty clients would delay the main loop.
    """

    def __init__(
        self,
        app: ASGIApp,
        clock: Callable[[], float] = time.monotonic,
        computed: Callable[[], float] = time.thread_time,
    ) -> None:
        """Prepare.

        Args:
            app: the application that answers.
            clock: monotonic seconds.
            computed: seconds that the thread has computed so far.
        """
        self._app, self._clock, self._computed = app, clock, computed
        self._seen: tuple[float, float] | None = None  # clock and computed at the last look
        self._left = BURST  # s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on when it is time."""
        while (wait := self._wait()) > 0:  # noqa: ASYNC110 - no event says when
            await asyncio.sleep(wait)
        await self._app(scope, receive, send)

    def _wait(self) -> float:
        """Seconds to wait; 0 or less if there is something left."""
        now, computed = self._clock(), self._computed()
        before, had = self._seen or (now, computed)
        self._seen = now, computed
        self._left = min(self._left + SHARE * (now - before) - (computed - had), BURST)
        return -self._left / SHARE
