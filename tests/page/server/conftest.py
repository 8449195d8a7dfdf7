"""A daemon without a broker, and requests to its page as a browser sends them."""

from __future__ import annotations

import http.client
import json
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode, urlsplit

import pytest

from streamdetect.config import parse
from streamdetect.mqtt.inbox import Message
from streamdetect.service.daemon import Daemon

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

pytest.importorskip("starlette", reason="needs the extra page")

START = (time.time() // 21_600 - 2) * 21_600
"""Unix seconds of the first reading, where a point of each step begins; recent enough for the history."""
_CONFIG = """
mqtt: {{host: 127.0.0.1, port: {port}}}
metrics: {{port: 0}}
shutdown: {{deadline: 1s}}
detectors: [{{name: hall, {detector}, limits: {{high: 30}}}}]
state: {{directory: {state}}}
page: {{enabled: true, port: {own}, {page}}}
"""


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Running:
    """A daemon, and a client of its page."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon
        self.address = urlsplit(daemon.page.url)
        self.sent = 0

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.address.hostname, self.address.port, timeout=30)

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        """Request a path as it is; `_` in a header's name stands for `-`."""
        connection = self.connection()
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, named)
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.headers.items()), answer.read())
        finally:
            connection.close()

    def get(self, path: str, headers: Mapping[str, str] | None = None, /, **options: Any) -> Answer:
        query = f"?{urlencode(options, doseq=True)}" if options else ""
        return self.ask("GET", f"/api/v1/{path}{query}", **(headers or {}))

    def post(self, path: str, given: Any, **headers: str) -> Answer:
        """Post with the token, as our own page does."""
        csrf = self.get("session", headers).json["csrf"]
        own = {"X_CSRF_Token": csrf} if csrf else {}
        headers = {"Content_Type": "application/json", **own, **headers}
        return self.ask("POST", f"/api/v1/{path}", json.dumps(given).encode(), **headers)

    def publish(self, sensor: str, *values: float, step: float = 1.0) -> None:
        """Send readings, one second apart by their own times."""
        for value in values:
            moment = START + self.sent * step
            self.put(f"sensors/{sensor}", json.dumps({"value": value, "time": moment}).encode())
            self.sent += 1

    def put(self, topic: str, payload: bytes) -> None:
        self.daemon.inbox.put(Message(topic, payload, 0, 0, 1, START + self.sent, retain=False))


@pytest.fixture
def running(tmp_path, free_port) -> Callable[..., Any]:
    """Start a daemon: `with running(page="public: true") as one`."""

    @contextmanager
    def start(
        *,
        page: str = "",
        detector: str = "payload: {value: value, time: time}",
        state: str | None = str(tmp_path),
        port: int = 0,
    ) -> Iterator[Running]:
        given = {"port": free_port, "state": state or "null", "page": page, "detector": detector, "own": port}
        text = _CONFIG.format(**given)
        daemon = Daemon(parse(text))
        thread = threading.Thread(target=daemon.run)
        thread.start()
        try:
            yield Running(daemon)
        finally:
            daemon.stop()
            thread.join(20)
            assert not thread.is_alive()

    return start


@pytest.fixture
def one(running) -> Iterator[Running]:
    """A daemon with the defaults."""
    with running() as found:
        yield found


@pytest.fixture
def password(tmp_path) -> str:
    """A file with a password."""
    path = tmp_path / "password"
    path.write_text("open sesame\n")
    path.chmod(0o600)
    return str(path)
