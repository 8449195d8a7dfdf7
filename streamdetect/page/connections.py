"""The listener: uvicorn's protocol, with limits for clients that send or read too slowly.

uvicorn waits for ever for a request that is never complete, and for a client that does not read its answer.
Here a connection without a complete request has a deadline and one of a few places, as on the metrics port.
If all places are taken, a new connection ends the one that has waited longest.
"""

from __future__ import annotations

import asyncio
import socket
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from streamdetect.errors import StreamdetectError
from streamdetect.monitoring.http import Places

if TYPE_CHECKING:
    import ssl

    from uvicorn import Config

DEADLINE = 10.0
"""Seconds for a complete request, for the TLS handshake, and for a client to read what was written."""
SILENT = 64
"""Connections without a complete request at most."""
MOST = 256
"""Connections at most; others wait to be accepted."""
_CLOSES_WITHIN = 1.0  # s


class Listener:
    """Accepts connections until it is closed.

    Raises:
        StreamdetectError: the address cannot be listened on.
    """

    def __init__(self, host: str, port: int, config: Config, tls: ssl.SSLContext | None) -> None:
        """Listen at once: a port in use is known before anything else starts. Port 0 takes a free one."""
        self._config, self._tls = config, tls
        self._state = ServerState()
        self._silent = Places(SILENT)
        self._open: set[socket.socket] = set()
        self._room = asyncio.Event()
        self._socket = _listening(host, port)
        self.address: tuple[str, int] = self._socket.getsockname()[:2]
        """Its address."""

    async def run(self) -> None:
        """Accept connections; ends with its task."""
        self._config.load()
        loop = asyncio.get_running_loop()
        dates = loop.create_task(self._tell_dates())
        serving: set[asyncio.Task[None]] = set()
        try:
            while True:
                self._room.clear()
                if len(self._open) >= MOST:
                    await self._room.wait()
                connection, _ = await loop.sock_accept(self._socket)
                self._open.add(connection)
                self._silent.take(connection)
                task = loop.create_task(self._serve(connection))
                serving.add(task)
                task.add_done_callback(serving.discard)
        finally:
            dates.cancel()
            for task in serving:
                task.cancel()
            await self._end()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def left(self, connection: socket.socket) -> None:
        """Note that a connection has ended."""
        self._silent.leave(connection)
        self._open.discard(connection)
        self._room.set()

    def heard(self, connection: socket.socket) -> None:
        """Note that a connection has sent a complete request."""
        self._silent.leave(connection)

    async def _serve(self, connection: socket.socket) -> None:
        """Do the TLS handshake, if TLS is on; the protocol does the rest."""
        loop = asyncio.get_running_loop()
        timeout = DEADLINE if self._tls else None
        try:
            connection.settimeout(0)
            await loop.connect_accepted_socket(
                lambda: Patient(self._config, self._state, self, connection),
                connection,
                ssl=self._tls,
                ssl_handshake_timeout=timeout,
            )
        except (OSError, TimeoutError):  # of the handshake; ssl.SSLError is an OSError
            self.left(connection)
            connection.close()
        except asyncio.CancelledError:
            self.left(connection)
            raise

    async def _tell_dates(self) -> None:
        while True:
            self._state.default_headers = [(b"date", formatdate(usegmt=True).encode())]
            await asyncio.sleep(1.0)

    async def _end(self) -> None:
        """End all connections; those that are being answered have a moment to finish."""
        for protocol in list(self._state.connections):
            protocol.shutdown()
        if self._state.tasks:
            await asyncio.wait(self._state.tasks, timeout=_CLOSES_WITHIN)
        for task in list(self._state.tasks):
            task.cancel()
        for protocol in list(self._state.connections):
            protocol.transport.abort()
        await asyncio.sleep(0)


class Patient(H11Protocol):
    """One connection, with a deadline."""

    def __init__(
        self, config: Config, state: ServerState, listener: Listener, connection: socket.socket
    ) -> None:
        super().__init__(config, state, {})
        self._listener, self._connection = listener, connection
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 - as the base class
        """Wait for a request, but not for ever."""
        super().connection_made(transport)
        self._begin()

    def connection_lost(self, exc: Exception | None) -> None:
        """Free the place of the connection."""
        self._relax()
        self._listener.left(self._connection)
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Check whether a request is complete now."""
        super().handle_events()
        if self._is_whole:
            self._relax()
            self._listener.heard(self._connection)
        elif self._deadline is None and not self._is_idle:
            self._begin()

    def pause_writing(self) -> None:
        """Wait for the client to read what was written, but not for ever."""
        super().pause_writing()
        self._begin()

    def resume_writing(self) -> None:
        """Go on, as the client has read it."""
        super().resume_writing()
        self._relax()

    @property
    def _is_whole(self) -> bool:
        """True if a request is complete, and is being answered."""
        return self.cycle is not None and not self.cycle.response_complete and not self.cycle.more_body

    @property
    def _is_idle(self) -> bool:
        """True if nothing of the next request has come; uvicorn ends such connections itself."""
        return self.conn.their_state is h11.IDLE and not self.conn.trailing_data[0]

    def _begin(self) -> None:
        self._relax()
        self._deadline = self.loop.call_later(DEADLINE, self.transport.abort)

    def _relax(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def _listening(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(64)
            listener.settimeout(0)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise StreamdetectError(f"page: cannot listen on {host}:{port}: {error.strerror}") from error
    return listener
