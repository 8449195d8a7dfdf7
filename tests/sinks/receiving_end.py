"""A receiver on this machine that answers as it is told to, and events to send it."""

from __future__ import annotations

import json
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from streamdetect.store import Event

HANG = 0  # an answer that never comes


class Received(NamedTuple):
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """An HTTP server; `answers` are the statuses and headers of the next ones, afterwards it is 204."""

    def __init__(self) -> None:
        self.answers: deque[tuple[int, dict[str, str]]] = deque()
        self.requests: list[Received] = []  # all, also those that were refused
        self.taken: list[Received] = []
        self._end = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                received = Received(self.path, {k.lower(): v for k, v in self.headers.items()}, body)
                receiver.requests.append(received)
                status, headers = receiver.answers.popleft() if receiver.answers else (204, {})
                if status == HANG:
                    receiver._end.wait()
                    return
                if status // 100 == 2:
                    receiver.taken.append(received)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def close(self) -> None:
        self._end.set()
        self._server.shutdown()
        self._server.server_close()


def an_event(number: int = 1, **changes) -> Event:
    """An event as the encoder would make it."""
    edge = changes.pop("edge", "opened")
    data = {
        "detector": "default",
        "sensor": "hall/a",
        "incident": "incident1",
        "labels": {"site": "north"},
        "message": f"hall/a {number} °C",
        "value": 21.5,
        "unit": "°C",
        "score": 2.0,
        "severity": "warning",
        "started": "2024-05-01T12:00:00.000000Z",
        "ended": None,
        "reason": "",
    } | changes
    cloud_event = {
        "specversion": "1.0",
        "id": f"id{number}",
        "source": "/streamdetect/test",
        "type": "io.streamdetect.regime.changed" if edge == "changed" else f"io.streamdetect.anomaly.{edge}",
        "subject": data["sensor"],
        "time": "2024-05-01T12:00:01.000000Z",
        "datacontenttype": "application/json",
        "data": data,
    }
    payload = json.dumps(cloud_event, ensure_ascii=False).encode()
    return Event(f"id{number}", data["detector"], data["sensor"], payload)
