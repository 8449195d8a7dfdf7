"""How much of the interpreter the page may take from the verdicts."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Receive, Scope, Send

SHARE = 0.2
"""Of the time, that the page's thread may compute for."""
BURST = 0.5
"""Seconds of computing that it may be ahead of that: what somebody opens first is there at once."""


class Rationed:
    """Makes requests wait while the page's thread has computed for more than its share.

    All Python threads share one interpreter, so what fifty clients ask for would hold up the main loop.
    """

    def __init__(
        self,
        app: ASGIApp,
        clock: Callable[[], float] = time.monotonic,
        computed: Callable[[], float] = time.thread_time,
    ) -> None:
        """Prepare.

        Args:
            app: what is asked.
            clock: monotonic seconds.
            computed: seconds that the thread has computed for.
        """
        self._app, self._clock, self._computed = app, clock, computed
        self._seen: tuple[float, float] | None = None  # clock and computed, when it was last looked
        self._left = BURST  # s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on when it is time."""
        while (wait := self._wait()) > 0:  # noqa: ASYNC110 - nobody else knows when
            await asyncio.sleep(wait)
        await self._app(scope, receive, send)

    def _wait(self) -> float:
        """Seconds until there is something left."""
        now, computed = self._clock(), self._computed()
        before, had = self._seen or (now, computed)
        self._seen = now, computed
        self._left = min(self._left + SHARE * (now - before) - (computed - had), BURST)
        return -self._left / SHARE
