"""The HTTP port: /metrics for Prometheus, /healthz and /readyz for systemd, Kubernetes and the like.

It answers strangers, so every request has a deadline, and nothing but GET and HEAD of four paths does
anything. Connections that say nothing have places of their own, and so have pages that take work: when
all are taken, the connection that has held one for the longest time loses it. Health needs no place, so it is
answered whatever else hangs.
"""

from __future__ import annotations

import io
import logging
import socket
import ssl
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from math import inf
from socketserver import TCPServer, ThreadingMixIn
from typing import TYPE_CHECKING, Any

from streamdetect.errors import StreamdetectError
from streamdetect.logs import printable
from streamdetect.monitoring.access import FORGIVEN_AFTER, Access

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

log = logging.getLogger(__name__)

_DEADLINE = 10.0  # s for a whole request, however slowly it comes in, and for the whole answer
_SILENT = 32  # connections that have yet to say what they want
_AT_WORK = 16  # requests for pages that take work; Prometheus needs one
_SHARE = 0.1  # of the time that goes into making expositions, however many ask for them
_CLOSES_WITHIN = 0.1  # s; how often the server looks whether to stop
_TEXT = "text/plain; charset=utf-8"
_EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"
_INDEX = b"streamdetect\n\n/metrics\n/healthz\n/readyz\n"


@dataclass(frozen=True, slots=True)
class Pages:
    """The pages that are served; each function is called on a thread of the server.

    `healthy` and `ready` return what is wrong, one line each: nothing means yes.
    """

    metrics: Callable[[], bytes]
    healthy: Callable[[], Sequence[str]]
    ready: Callable[[], Sequence[str]]


class HttpServer:
    """Serves pages until closed.

    Raises:
        StreamdetectError: the address cannot be listened on.
    """

    def __init__(self, host: str, port: int, pages: Pages, access: Access | None = None) -> None:
        """Listen at once: a port in use is known before anything else starts. Port 0 takes a free one."""
        access = access or Access()
        self._scheme = "https" if access.tls else "http"
        try:
            family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            self._server = _Server(family, address, pages, access)
        except OSError as error:
            where = f"{host}:{port}"
            raise StreamdetectError(f"metrics: cannot listen on {where}: {error.strerror}") from error
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_CLOSES_WITHIN,), name="http", daemon=True
        )

    @property
    def url(self) -> str:
        """Its address, without a path."""
        host, port = self._server.server_address[:2]
        name = str(host)
        return f"{self._scheme}://[{name}]:{port}" if ":" in name else f"{self._scheme}://{name}:{port}"

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def close(self) -> None:
        """Stop listening; requests underway are left to their deadline."""
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()


class Shared:
    """A page that all requests at about the same time share.

    One of them makes it, the others wait for it. It is good for nine times as long as it took: at 100,000
    sensors and one second, a scrape every 15 s still gets a new one, and 15 scrapers cost as much as one.
    Otherwise they take the interpreter from the verdicts, whose p50 then went from 5.9 ms to 108 ms.
    """

    def __init__(self, make: Callable[[], bytes], clock: Callable[[], float] = time.monotonic) -> None:
        self._make, self._clock = make, clock
        self._lock = threading.Lock()
        self._page = b""
        self._good_until = -inf

    def __call__(self) -> bytes:
        """Return the page; may be called from any thread."""
        with self._lock:
            began = self._clock()
            if began >= self._good_until:
                self._page = self._make()
                took = self._clock() - began
                self._good_until = began + took / _SHARE
            return self._page


class Places:
    """Connections of one kind, up to a limit; one more ends the one that has been there longest."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._taken: dict[socket.socket, None] = {}  # the longest first

    def take(self, connection: socket.socket) -> None:
        """Give a connection a place."""
        with self._lock:
            if len(self._taken) >= self._most:
                longest = next(iter(self._taken))
                del self._taken[longest]
                with suppress(OSError):
                    # Its own thread finds the connection closed. What TLS does at a shutdown is not for this
                    # one.
                    socket.socket.shutdown(longest, socket.SHUT_RDWR)
            self._taken[connection] = None

    def leave(self, connection: socket.socket) -> None:
        """Free its place, if it still has one."""
        with self._lock:
            self._taken.pop(connection, None)


class _Server(ThreadingMixIn, TCPServer):
    """One thread a connection."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, family: int, address: Any, pages: Pages, access: Access) -> None:  # noqa: ANN401 - as the family has it
        self.address_family = family
        self.pages, self.access = pages, access
        self.exposition = Shared(pages.metrics)
        self.silent, self.at_work = Places(_SILENT), Places(_AT_WORK)
        super().__init__(address, _Handler)

    def get_request(self) -> tuple[Any, Any]:
        """Accept a connection; the request's own thread does the TLS handshake."""
        request, client_address = super().get_request()
        if self.access.tls:
            request = self.access.tls.wrap_socket(request, server_side=True, do_handshake_on_connect=False)
        return request, client_address

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as the base class
        """Serve the request on a thread of its own; it counts as silent until it is read."""
        self.silent.take(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 - as the base class
        """End the connection and give its places back."""
        self.silent.leave(request)
        self.at_work.leave(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401, ARG002 - as above
        """Log the error; a client that hangs up or is too slow is not our error."""
        error = sys.exception()
        level = logging.DEBUG if isinstance(error, OSError) else logging.ERROR
        log.log(level, "request from %s failed", client_address, exc_info=error)


class _Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    server: _Server

    def setup(self) -> None:
        super().setup()
        if isinstance(self.connection, ssl.SSLSocket):
            self.connection.settimeout(_DEADLINE)
            self.connection.do_handshake()
        # A timeout of the socket alone begins anew with every byte.
        reader = _Reader(self.connection, time.monotonic() + _DEADLINE)
        self.rfile = io.BufferedReader(reader)

    def do_GET(self) -> None:
        """Answer with the page."""
        self.server.silent.leave(self.connection)
        refusal = self.server.access.refusal(self.headers.get("Authorization"), self.client_address[0])
        if refusal:
            self._answer(refusal, _TEXT, f"{refusal.phrase}\n".encode())
            return
        try:
            answer = self._page(self.path.partition("?")[0])
        except Exception:
            log.exception("cannot make the page %r", self.path)
            answer = HTTPStatus.INTERNAL_SERVER_ERROR, _TEXT, b"Internal Server Error\n"
        self._answer(*answer)

    do_HEAD = do_GET  # noqa: N815 - http.server's name

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """Answer a request that is not for a page."""
        if code == HTTPStatus.NOT_IMPLEMENTED:
            code = HTTPStatus.METHOD_NOT_ALLOWED
        self._answer(HTTPStatus(code), _TEXT, f"{HTTPStatus(code).phrase}\n".encode())

    def send_response(self, code: int, message: str | None = None) -> None:
        """Begin an answer; it names neither the software nor its version."""
        self.send_response_only(code, message)
        self.send_header("Date", self.date_time_string())

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 - as the base class
        """Log at debug level."""
        log.debug("%s", printable(f"{self.address_string()} {format % args}"))

    def _page(self, path: str) -> tuple[HTTPStatus, str, bytes]:
        pages = self.server.pages
        match path:
            case "/metrics":
                self.server.at_work.take(self.connection)
                return HTTPStatus.OK, _EXPOSITION, self.server.exposition()
            case "/healthz":
                return _verdict(pages.healthy())
            case "/readyz":
                return _verdict(pages.ready())
            case "/":
                return HTTPStatus.OK, _TEXT, _INDEX
            case _:
                return HTTPStatus.NOT_FOUND, _TEXT, b"Not Found\n"

    def _answer(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        if status == HTTPStatus.UNAUTHORIZED:
            self.send_header("WWW-Authenticate", 'Basic realm="streamdetect", charset="UTF-8"')
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            self.send_header("Retry-After", str(round(FORGIVEN_AFTER)))
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET, HEAD")
        self.end_headers()
        if self.command != "HEAD":
            self.connection.settimeout(_DEADLINE)
            self.wfile.write(body)


class _Reader(io.RawIOBase):
    """Reads from a socket until a point in time, however the bytes trickle in."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self._connection = connection
        self._deadline = deadline  # monotonic seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - a writable buffer
        """Read the bytes that have arrived.

        Raises:
            TimeoutError: the time is up.
        """
        self._connection.settimeout(max(self._deadline - time.monotonic(), 0.001))
        return self._connection.recv_into(buffer)


def _verdict(objections: Sequence[str]) -> tuple[HTTPStatus, str, bytes]:
    if not objections:
        return HTTPStatus.OK, _TEXT, b"ok\n"
    return HTTPStatus.SERVICE_UNAVAILABLE, _TEXT, "".join(f"{line}\n" for line in objections).encode()
