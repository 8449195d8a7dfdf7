"""Opening a connection: name lookup, TCP, TLS and WebSocket, all within one deadline.

Each of them blocks, and has a time limit of its own at best: a name with fourteen dead addresses took 71 s,
and a broker that sends its WebSocket answer byte by byte as long as it liked. So they run on a thread of
their own. The waiting thread can stop waiting at any time.
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from paho.mqtt.client import SocketLike

_GRAIN = 0.05  # s between two looks at whether to stop waiting
_LEAST_SHARE = 0.5  # s for one address


class Dialing:
    """One attempt to open a connection within `seconds`.

    Nothing ends a name lookup. A thread that hangs in one is left behind, and closes the connection if it
    gets one.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until = time.monotonic() + seconds
        self._done = threading.Event()
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None  # of TCP, below TLS and WebSocket
        self._made: SocketLike | None = None
        self._failure: BaseException | None = None
        self._given_up = False

    def run(self, make: Callable[[], SocketLike], stopped: Callable[[], bool]) -> SocketLike:
        """Return what `make` gives, which is to open its connection by `tcp` or `unix`.

        Args:
            make: runs on the other thread.
            stopped: whether to give up; asked several times a second.

        Raises:
            OSError: there is no connection, not in time, or `stopped` said so.
        """
        threading.Thread(target=self._work, args=(make,), name="mqtt-dial", daemon=True).start()
        while not self._done.wait(_GRAIN):
            if stopped() or time.monotonic() > self._until:
                self._give_up()
                raise TimeoutError(f"no connection within {self._seconds:.0f} s")
        if self._failure is not None:
            raise self._failure
        if self._made is None:
            raise ConnectionError("no connection")
        return self._made

    def tcp(self, host: str, port: int) -> socket.socket:
        """Connect to the first address of the host that answers; each has a fair share of the time left."""
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        failure: OSError = ConnectionError(f"{host} has no address")
        for at, (family, kind, protocol, _, address) in enumerate(addresses):
            share = (self._until - time.monotonic()) / (len(addresses) - at)
            if self._given_up or share <= 0:
                break
            try:
                return self._connected(socket.socket(family, kind, protocol), address, share)
            except OSError as error:
                failure = error
        raise failure

    def unix(self, path: str) -> socket.socket:
        """Connect to a socket of this machine."""
        return self._connected(socket.socket(socket.AF_UNIX), path, self._until - time.monotonic())

    def _connected(self, sock: socket.socket, address: object, share: float) -> socket.socket:
        sock.settimeout(max(share, _LEAST_SHARE))
        try:
            sock.connect(address)  # type: ignore[arg-type] # as the family has it
        except OSError:
            sock.close()
            raise
        with self._lock:
            self._socket = sock
        return sock

    def _work(self, make: Callable[[], SocketLike]) -> None:
        try:
            made = make()
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            self._failure = error
        else:
            with self._lock:
                self._made = made
                if self._given_up:
                    made.close()
        self._done.set()

    def _give_up(self) -> None:
        """Let the other thread find its connection closed."""
        with self._lock:
            self._given_up = True
            if self._socket is not None:
                with suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)
            if self._made is not None:
                self._made.close()
