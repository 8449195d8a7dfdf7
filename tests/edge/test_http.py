"""The HTTP port answers what it should, and survives what it should not be sent."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

from streamdetect.errors import StreamdetectError
from streamdetect.monitoring import http as module
from streamdetect.monitoring.http import HttpServer, Pages, Shared


def address(server) -> tuple[str, int]:
    parts = urlsplit(server.url)
    return parts.hostname, parts.port


def request(server, path="/metrics", method="GET"):
    connection = http.client.HTTPConnection(*address(server), timeout=30)
    connection.request(method, path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body


def raw(server, data: bytes) -> bytes:
    with socket.create_connection(address(server), timeout=30) as connection:
        connection.sendall(data)
        answer = b""
        while part := connection.recv(65_536):
            answer += part
    return answer


def test_metrics(serve):
    answer, body = request(serve())
    assert (answer.status, body) == (200, b"x 1\n")
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"


@pytest.mark.parametrize("page", ["healthy", "ready"])
def test_health_and_readiness(serve, page):
    path = {"healthy": "/healthz", "ready": "/readyz"}[page]
    objections: list[str] = []
    server = serve(**{page: lambda: objections})
    answer, body = request(server, path)
    assert (answer.status, body) == (200, b"ok\n")
    objections.append("not connected")
    answer, body = request(server, path)
    assert (answer.status, body) == (503, b"not connected\n")


def test_the_index_names_the_pages(serve):
    answer, body = request(serve(), "/?a=b")
    assert answer.status == 200
    assert b"/metrics" in body


def test_any_other_path_is_not_found(serve):
    for path in ("/metrics/", "/../etc/passwd", "/x" * 1000):
        assert request(serve(), path)[0].status == 404


def test_head_has_no_body(serve):
    answer, body = request(serve(), method="HEAD")
    assert (answer.status, body) == (200, b"")
    assert answer.headers["Content-Length"] == "4"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"])
def test_other_methods_are_not_allowed(serve, method):
    answer, _ = request(serve(), method=method)
    assert answer.status == 405
    assert answer.headers["Allow"] == "GET, HEAD"


def test_nobody_learns_what_software_this_is(serve):
    server = serve()
    for path, method in (("/metrics", "GET"), ("/none", "GET"), ("/metrics", "POST")):
        answer, body = request(server, path, method)
        assert "Server" not in answer.headers
        assert b"ython" not in body


@pytest.mark.parametrize(
    "data",
    [
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x00" * 100 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n:\r\n\r\n",
    ],
    ids=ascii,
)
def test_malformed_requests_do_no_harm(serve, data):
    server = serve()
    raw(server, data)
    assert request(server)[0].status == 200


def test_headers_and_lines_have_limits(serve):
    server = serve()
    assert b" 414 " in raw(server, b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n").splitlines()[0]
    many = b"".join(b"h%d: x\r\n" % number for number in range(200))
    assert b" 431 " in raw(server, b"GET / HTTP/1.1\r\n" + many + b"\r\n").splitlines()[0]


def test_a_page_that_fails_is_an_error_and_is_logged(serve, caplog):
    def fail():
        raise KeyError("columns")

    server = serve(metrics=fail)
    answer, body = request(server)
    assert (answer.status, body) == (500, b"Internal Server Error\n")
    assert "cannot make the page" in caplog.text
    assert request(server, "/healthz")[0].status == 200


def test_a_request_that_trickles_in_is_cut_off(serve, monkeypatch):
    monkeypatch.setattr(module, "_DEADLINE", 0.3)
    with socket.create_connection(address(serve()), timeout=30) as connection:
        stop = threading.Event()

        def trickle():
            try:
                while not stop.wait(0.02):
                    connection.send(b"x")
            except OSError:
                pass  # cut off

        thread = threading.Thread(target=trickle)
        thread.start()
        try:
            assert connection.recv(1000) == b""
        except ConnectionResetError:
            pass
        finally:
            stop.set()
            thread.join()


def test_health_is_answered_whatever_else_hangs(serve):
    go_on = threading.Event()
    server = serve(metrics=lambda: bytes(go_on.wait(30)))
    with ExitStack() as stack:
        open_ = [
            stack.enter_context(socket.create_connection(address(server), timeout=30))
            for _ in range(2 * (module._SILENT + module._AT_WORK))
        ]
        for connection in open_[: 2 * module._AT_WORK]:
            connection.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        for path in ("/healthz", "/readyz"):
            assert request(server, path)[0].status == 200
        go_on.set()


def test_the_connection_that_was_silent_longest_makes_room(serve):
    server = serve()
    with ExitStack() as stack:
        first, *others = (
            stack.enter_context(socket.create_connection(address(server), timeout=30))
            for _ in range(module._SILENT + 1)
        )
        assert first.recv(1) == b""
        for connection in others:
            connection.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
            assert connection.recv(1000).startswith(b"HTTP/1.0 200 ")


def test_those_who_ask_at_the_same_time_share_one_exposition(serve):
    made, begun, go_on = [], threading.Event(), threading.Event()

    def slow() -> bytes:
        made.append(1)
        begun.set()
        go_on.wait(30)
        return b"done\n"

    server = serve(metrics=slow)
    answers: list[bytes] = []
    threads = [threading.Thread(target=lambda: answers.append(request(server)[1])) for _ in range(10)]
    for thread in threads:
        thread.start()
    assert begun.wait(30)
    until_all_wait = time.monotonic() + 30
    while len(server._server.at_work._taken) < len(threads) and time.monotonic() < until_all_wait:
        time.sleep(0.01)
    go_on.set()
    for thread in threads:
        thread.join(30)
    assert answers == [b"done\n"] * 10
    assert len(made) == 1


def test_a_page_is_good_for_nine_times_as_long_as_it_took():
    now, made = [0.0], []

    def make() -> bytes:
        now[0] += 1.0
        made.append(now[0])
        return b"%d" % len(made)

    page = Shared(make, lambda: now[0])
    assert page() == b"1"
    now[0] = 9.9
    assert page() == b"1"
    now[0] = 10.0
    assert page() == b"2"


def test_a_port_in_use_is_said_clearly(serve):
    host, port = address(serve())
    with pytest.raises(
        StreamdetectError, match=rf"metrics: cannot listen on 127\.0\.0\.1:{port}: Address already"
    ):
        HttpServer(host, port, Pages(bytes, list, list))


def test_a_host_that_is_not_ours_is_said_clearly():
    with pytest.raises(StreamdetectError, match="cannot listen on"):
        HttpServer("192.0.2.1", 0, Pages(bytes, list, list))


def test_ipv6(serve):
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    server = serve(host="::1")
    assert server.url.startswith("http://[::1]:")
    assert request(server)[0].status == 200


def test_a_closed_server_frees_its_port():
    server = HttpServer("127.0.0.1", 0, Pages(bytes, list, list))
    server.start()
    host, port = address(server)
    server.close()
    HttpServer(host, port, Pages(bytes, list, list)).close()
