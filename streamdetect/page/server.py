"""The listener and the thread that the page has for itself."""

from __future__ import annotations

import logging
import socket
import threading
from typing import TYPE_CHECKING

import uvicorn

from streamdetect.errors import StreamdetectError
from streamdetect.page.app import application

if TYPE_CHECKING:
    from streamdetect.config import PageConfig
    from streamdetect.page.sources import Sources

log = logging.getLogger(__name__)

_CLOSES_WITHIN = 2.0  # s


class PageServer:
    """Serves the page until closed.

    Raises:
        StreamdetectError: the address cannot be listened on.
    """

    def __init__(self, settings: PageConfig, sources: Sources) -> None:
        """Listen at once: a port in use is known before anything else starts."""
        self._settings = settings
        self._socket = _listening(settings.host, settings.port)
        config = uvicorn.Config(
            application(sources),
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="page", daemon=True)

    @property
    def url(self) -> str:
        """Where it is."""
        host, port = self._socket.getsockname()[:2]
        name = f"[{host}]" if ":" in host else host
        return f"http://{name}:{port}{self._settings.prefix}/"

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()
        log.info("the page is at %s", self.url)

    def close(self) -> None:
        """Stop listening, and let go of all clients."""
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(_CLOSES_WITHIN)
        self._socket.close()

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])


def _listening(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(64)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise StreamdetectError(f"page: cannot listen on {host}:{port}: {error.strerror}") from error
    return listener
