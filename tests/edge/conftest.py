from __future__ import annotations

import pytest

from streamdetect.monitoring.http import HttpServer, Pages


@pytest.fixture
def serve():
    """Start HTTP servers; every one is closed when the test ends."""
    servers: list[HttpServer] = []

    def start(host="127.0.0.1", metrics=lambda: b"x 1\n", healthy=list, ready=list, access=None):
        server = HttpServer(host, 0, Pages(metrics, healthy, ready), access)
        servers.append(server)
        server.start()
        return server

    yield start
    for server in servers:
        server.close()
