"""Server-sent events: sends news to a bounded number of clients."""

from __future__ import annotations

import asyncio
import time
from http import HTTPStatus
from math import inf
from typing import TYPE_CHECKING

import orjson
from starlette.responses import StreamingResponse

from streamdetect.page.answers import ProblemError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.responses import Response

    from streamdetect.page.sources import Facts

MOST_CLIENTS = 64
"""Clients at a time."""
_MOST_WAITING = 100  # messages for one client; a slower client is disconnected, and connects again
_AGAIN = 5  # s after which a refused client may try again
_LOOK_EVERY = 0.1  # s
_TICK_EVERY = 1.0  # s between two ticks at least
_ALIVE_EVERY = 15.0  # s; proxies close connections that are silent for longer


Sensor = tuple[str, str]  # detector and id


class _Client:
    """One client.

    Attributes:
        sensor: whose readings it wants too; None for no readings.
        seen: time of the last reading that it was sent.
    """

    def __init__(self, sensor: Sensor | None) -> None:
        self.sensor, self.seen = sensor, ""
        self.queue: asyncio.Queue[bytes | None] = asyncio.Queue(_MOST_WAITING)


class Stream:
    """Sends every client the events, and at most once a second a tick when there are new readings."""

    def __init__(
        self,
        progress: Callable[[], int],
        tick: Callable[[], Facts],
        reading: Callable[[Sensor], Facts | None],
    ) -> None:
        """Prepare.

        Args:
            progress: a number that changes with every batch of readings.
            tick: the facts of a tick.
            reading: the facts of a sensor's newest reading; None if there is no such sensor.
        """
        self._progress, self._tick, self._reading = progress, tick, reading
        self._clients: set[_Client] = set()

    def open(self, sensor: Sensor | None) -> Response:
        """Open the stream of a client; if a sensor is named, its readings are sent too.

        Raises:
            ProblemError: there are too many clients.
        """
        if len(self._clients) >= MOST_CLIENTS:
            detail = f"{MOST_CLIENTS} clients are connected already"
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"Retry-After": str(_AGAIN)})
        client = _Client(sensor)
        self._clients.add(client)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(self._told(client), media_type="text/event-stream", headers=headers)

    def tell(self, facts: Facts) -> None:
        """Send facts to all clients."""
        self._send(_message(facts))

    async def run(self) -> None:
        """Send ticks and readings while there are clients; ends with its task."""
        seen, ticked, alive = -1, -inf, -inf
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            now = time.monotonic()
            if not self._clients:
                continue
            progress = self._progress()
            if progress != seen:
                self._tell_readings()
                if now - ticked >= _TICK_EVERY:
                    seen, ticked = progress, now
                    self.tell({"type": "tick", **self._tick()})
            if now - alive >= _ALIVE_EVERY:
                alive = now
                self._send(b": alive\n\n")

    def close(self) -> None:
        """Disconnect all clients."""
        for client in list(self._clients):
            self._drop(client)

    def _tell_readings(self) -> None:
        """Send each sensor's newest reading to its clients; it is made once for all of them."""
        wanted = {client.sensor for client in self._clients if client.sensor}
        readings = {sensor: self._reading(sensor) for sensor in wanted}
        for client in list(self._clients):
            facts = readings.get(client.sensor) if client.sensor else None
            if facts and facts["time"] != client.seen:
                client.seen = facts["time"]
                self._put(client, _message({"type": "reading", **facts}))

    def _send(self, message: bytes) -> None:
        for client in list(self._clients):
            self._put(client, message)

    def _put(self, client: _Client, message: bytes) -> None:
        try:
            client.queue.put_nowait(message)
        except asyncio.QueueFull:
            self._drop(client)

    def _drop(self, client: _Client) -> None:
        """Disconnect a client, and drop the messages that wait for it."""
        self._clients.discard(client)
        while not client.queue.empty():
            client.queue.get_nowait()
        client.queue.put_nowait(None)

    async def _told(self, client: _Client) -> AsyncIterator[bytes]:
        try:
            yield b"retry: 3000\n\n"
            while (message := await client.queue.get()) is not None:
                yield message
        finally:
            self._clients.discard(client)


def _message(facts: Facts) -> bytes:
    return b"data: %s\n\n" % orjson.dumps(facts)
