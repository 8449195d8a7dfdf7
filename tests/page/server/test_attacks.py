"""Attacks by strangers and other sites, and broken clients."""

from __future__ import annotations

import json
import os
import shutil
import socket
import ssl
import sys
from base64 import b64encode
from urllib.request import urlopen

import pytest
from real_authority import certify

from streamdetect.errors import StreamdetectError
from streamdetect.monitoring.access import MOST_FAILURES
from streamdetect.page import connections, ration

EVIL = "<img src=x onerror=alert(1)>\"'`{{7*7}}\u202e\x00\r\nSet-Cookie: a=b"


def basic(name="admin", word="open sesame"):
    return {"Authorization": "Basic " + b64encode(f"{name}:{word}".encode()).decode()}


@pytest.fixture
def login(running, password, tmp_path):
    """A page that requires a name and password, or a token."""
    token = tmp_path / "token"
    token.write_text("t0ken\n")
    token.chmod(0o600)
    options = f"username: admin, password_file: {password}, token_file: {token}"
    return lambda more="": running(page=options + more)


# Other sites


def mute(one, **headers):
    body = json.dumps({"sensor": "a"}).encode()
    return one.ask("POST", "/api/v1/mute", body, **{"Content_Type": "application/json", **headers})


def test_a_request_without_our_token_changes_nothing(one):
    assert mute(one).status == 403
    for guessed in ("guessed", "\xe4", "0" * 64):
        assert mute(one, X_CSRF_Token=guessed).status == 403
    assert one.daemon._answers.mutes == {}


def test_a_request_that_another_site_made_changes_nothing(one):
    csrf = one.get("session").json["csrf"]
    assert mute(one, X_CSRF_Token=csrf, Sec_Fetch_Site="cross-site").status == 403
    assert mute(one, X_CSRF_Token=csrf, Sec_Fetch_Site="same-site").status == 403
    assert mute(one, X_CSRF_Token=csrf, Sec_Fetch_Site="same-origin").status == 200


def test_a_form_of_another_site_changes_nothing(one):
    form = {"Content_Type": "application/x-www-form-urlencoded", "Sec_Fetch_Site": "cross-site"}
    assert one.ask("POST", "/api/v1/mute", b"sensor=a", **form).status == 403


def test_no_other_site_may_read(one):
    answer = one.get("session", {"Origin": "https://evil.example"})
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize(
    "path",
    ["/", "/sensor", "/api/v1/session", "/api/v1/odd", "/static/odd", "/static/uplot/uplot.min.css", "/odd"],
)
def test_every_answer_says_what_a_browser_must_not_do(one, path):
    headers = one.ask("GET", path).headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert "server" not in headers


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:9465", "10.0.0.1", "localhost.evil.example", "", "[::"]
)
def test_a_name_of_elsewhere_that_leads_here_is_refused(one, host):
    for path in ("/", "/api/v1/sensors", "/api/v1/session"):
        assert one.ask("GET", path, Host=host).status == 421


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:9465", "127.0.0.1:1", "[::1]:9465", "pi.localhost"])
def test_this_machine_by_its_names(one, host):
    assert one.ask("GET", "/api/v1/session", Host=host).json["may_write"] is True


# Others that reach the address


@pytest.mark.parametrize("page", ["host: 0.0.0.0", "proxies: [127.0.0.1]"])
def test_where_others_reach_it_nobody_writes_without_access(running, page):
    with running(page=page) as one:
        session = one.ask("GET", "/api/v1/session", Host="pi.example").json
        assert (session["may_write"], session["csrf"], session["ways"]) == (False, None, [])
        answer = mute(one, Host="pi.example")
        assert (answer.status, "page.username or page.token_file is required" in answer.json["detail"]) == (
            403,
            True,
        )
        assert one.ask("GET", "/api/v1/sensors", Host="pi.example").status == 200


def test_without_a_login_nothing_is_told_but_the_page(login):
    with login() as one:
        for path in ("sensors", "events", "health", "incidents", "series?detector=a&sensor=b"):
            answer = one.get(path)
            assert answer.status == 401
            assert answer.headers["www-authenticate"].startswith("Basic realm=")
        assert one.get("sensors", {"Sec-Fetch-Mode": "cors"}).headers.get("www-authenticate") is None
        assert one.ask("GET", "/").status == 200
        session = one.get("session").json
        assert (session["login"], session["may_write"], session["ways"]) == (
            False,
            False,
            ["password", "token"],
        )


@pytest.mark.parametrize("headers", [basic(), {"Authorization": "Bearer t0ken"}])
def test_who_is_let_in_may_change_something(login, headers):
    with login() as one:
        assert one.get("sensors", headers).status == 200
        assert mute(one, **headers).status == 403, "the header alone is what a browser adds by itself"
        assert one.post("mute", {"sensor": "a"}, **headers).json["by"] in {"admin", "token"}


@pytest.mark.parametrize("given", [{"token": "t0ken"}, {"name": "admin", "password": "open sesame"}])
def test_a_login_is_kept_in_a_cookie_that_scripts_do_not_see(login, given):
    with login() as one:
        answer = one.post("session", given)
        cookie, *flags = answer.headers["set-cookie"].split("; ")
        assert flags == ["Path=/", "Max-Age=2592000", "HttpOnly", "SameSite=Strict"]
        assert answer.json["login"] is True
        held = {"Cookie": cookie}
        assert one.get("sensors", held).status == 200
        assert mute(one, **held).status == 403
        assert mute(one, **held, X_CSRF_Token=answer.json["csrf"]).status == 200
        ended = one.ask("DELETE", "/api/v1/session", **held)
        assert ended.json["login"] is False
        assert "Max-Age=0" in ended.headers["set-cookie"]


@pytest.mark.parametrize(
    "cookie", ["streamdetect=YWRtaW4=.", f"streamdetect=YWRtaW4=.{'0' * 64}", "streamdetect=\xe4.\xe4"]
)
def test_a_cookie_cannot_be_made_up(login, cookie):
    with login() as one:
        assert one.get("sensors", {"Cookie": cookie}).status == 401


def test_another_site_cannot_log_somebody_in(login):
    with login() as one:
        given = json.dumps({"token": "t0ken"}).encode()
        headers = {"Content_Type": "application/json", "Sec_Fetch_Site": "cross-site"}
        assert one.ask("POST", "/api/v1/session", given, **headers).status == 403


def test_everybody_looks_and_few_change_something(login):
    with login(", public: true") as one:
        assert one.get("sensors").status == 200
        assert mute(one).status == 403
        assert one.post("mute", {"sensor": "a"}, **basic()).status == 200


def test_who_guesses_is_not_heard_for_a_while(login):
    with login() as one:
        for number in range(MOST_FAILURES):
            assert one.post("session", {"name": "admin", "password": f"{number}"}).status == 401
        for answer in (one.post("session", {"token": "t0ken"}), one.get("sensors", basic())):
            assert answer.status == 429
            assert int(answer.headers["retry-after"]) > 0
        assert one.get("session").status == 200


def test_a_proxy_is_believed_about_addresses_and_nobody_else_is(login):
    with login(", proxies: [127.0.0.0/8]") as one:
        for number in range(MOST_FAILURES + 1):
            one.post("session", {"token": f"{number}"}, X_Forwarded_For="192.0.2.1")
        assert one.get("sensors", {**basic(), "X-Forwarded-For": "192.0.2.1"}).status == 429
        assert one.get("sensors", {**basic(), "X-Forwarded-For": "192.0.2.2"}).status == 200
    with login() as one:
        for number in range(MOST_FAILURES):
            one.post("session", {"token": f"{number}"}, X_Forwarded_For=f"192.0.2.{number}")
        assert one.get("sensors", basic()).status == 429


def test_secrets_show_nowhere(login, caplog):
    caplog.set_level(0)
    with login() as one:
        one.post("session", {"token": "t0ken"})
        one.get("health", basic())
    assert "t0ken" not in caplog.text
    assert "sesame" not in caplog.text


# What a message holds


def test_whatever_a_message_holds_comes_back_as_data(running, until):
    detector = 'sensor: "{id}", payload: {value: value, labels: {note: note, unit: note}}'
    with running(detector=detector) as one:
        one.put(f"sensors/{EVIL}", json.dumps({"value": 100, "id": EVIL, "note": EVIL}).encode())
        one.put("sensors/a", EVIL.encode())
        one.put("sensors/b", json.dumps({EVIL: EVIL}).encode())
        until(lambda: len(one.get("health").json["rejected"]) >= 2, "what was turned away")
        (sensor,) = one.get("sensors").json["sensors"]
        assert sensor["sensor"].startswith("%3Cimg%20src")
        assert sensor["labels"]["note"] == sensor["sensor"]
        assert one.get("sensor", detector="hall", sensor=sensor["sensor"]).status == 200
        assert one.get("series", detector="hall", sensor=sensor["sensor"]).status == 200
        for path in ("sensors", "health", "incidents", "about"):
            answer = one.get(path)
            assert answer.headers["content-type"] == "application/json"
            assert "set-cookie" not in answer.headers
            assert answer.json
        assert one.get("health").json["rejected"][0]["payload"]
        for asked in ({"q": EVIL}, {"detector": EVIL}, {"label": f"a:{EVIL}"}):
            assert one.get("sensors", **asked).json["total"] == 0
        answer = one.get("sensor", detector=EVIL, sensor=EVIL)
        assert (answer.status, answer.headers["content-type"]) == (404, "application/problem+json")
        assert one.post("mute", {"glob": EVIL}).json["sensor"] == EVIL


# Files


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/..%2fapp.py",
        "/static/%2e%2e/app.py",
        "/static/%2e%2e%2f%2e%2e%2f%2e%2e%2fetc/passwd",
        "/static//etc/passwd",
        "/static/....//app.py",
        "/static/..\\app.py",
        "/static/%00",
        "/static/a%0d%0aSet-Cookie:%20a=b",
        "/static/uplot/../__init__.py",
        "/static/uplot/..%2f__init__.py",
        "/static/",
        "/static/uplot",
        "/static/" + "a" * 5000,
    ],
)
def test_no_file_is_served_that_is_not_one_of_ours(one, path):
    answer = one.ask("GET", path)
    assert answer.status in {400, 404}
    assert b"import" not in answer.body
    assert "set-cookie" not in answer.headers


def test_our_own_files_are_served(one):
    assert one.ask("GET", "/static/uplot/uplot.iife.min.js").body.startswith(
        b"/*! https://github.com/leeoniya/uPlot"
    )
    answer = one.ask("GET", "/static/page.css")
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-cache")
    assert one.ask("GET", "/static/page.css", If_None_Match=answer.headers["etag"]).status == 304


# A path behind a proxy


def test_below_a_prefix_whether_or_not_the_proxy_takes_it_off(running):
    with running(page="prefix: /plant/north, proxies: [127.0.0.1]") as one:
        for prefix in ("", "/plant/north"):
            assert one.ask("GET", f"{prefix}/api/v1/session").json["prefix"] == "/plant/north"
            assert b'<base href="/plant/north/">' in one.ask("GET", f"{prefix}/incidents").body
            assert one.ask("GET", f"{prefix}/static/page.css").status == 200
        answer = one.ask("GET", "/plant/north")
        assert (answer.status, answer.headers["location"]) == (307, "/plant/north/")
        assert one.ask("GET", "/plant/northern/api/v1/session").status == 404


# Slow clients


def test_who_says_nothing_is_cut_off_and_keeps_nobody_waiting(one, monkeypatch):
    monkeypatch.setattr(connections, "DEADLINE", 0.2)
    with socket.create_connection((one.address.hostname, one.address.port), timeout=30) as silent:
        assert one.get("session").status == 200
        assert silent.recv(1) == b""


@pytest.mark.parametrize(
    "began",
    [
        b"GET /api/v1/session HTTP/1.1\r\nHost: localhost\r\n",
        b"POST /api/v1/mute HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{",
        b"GET /api/v1/session HTTP/1.1\r\nHost: localhost\r\n\r\nGET /api",
    ],
)
def test_who_never_says_all_of_it_is_cut_off(one, monkeypatch, began):
    monkeypatch.setattr(connections, "DEADLINE", 0.3)
    with socket.create_connection((one.address.hostname, one.address.port), timeout=30) as slow:
        slow.sendall(began)
        received = b""
        with_reset = False
        try:
            while more := slow.recv(65536):
                received += more
        except ConnectionResetError:
            with_reset = True
        assert with_reset or received.count(b"HTTP/1.1") <= 1


def test_many_that_say_nothing_have_a_bound_and_others_are_answered(one):
    silent = [
        socket.create_connection((one.address.hostname, one.address.port), timeout=30)
        for _ in range(2 * connections.SILENT)
    ]
    assert one.get("session").status == 200
    ended = [each.recv(1) for each in silent[: connections.SILENT]]
    assert ended == [b""] * connections.SILENT
    for each in silent:
        each.close()


def test_who_does_not_take_an_answer_is_cut_off(one, monkeypatch, until):
    monkeypatch.setattr(connections, "DEADLINE", 0.3)
    one.daemon.page._sensors.shared = lambda *_: os.urandom(16 << 20)
    with socket.create_connection((one.address.hostname, one.address.port), timeout=30) as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.sendall(b"GET /api/v1/sensors HTTP/1.1\r\nHost: localhost\r\n\r\n")
        until(lambda: one.daemon.page._listener._open, "it is heard")
        until(lambda: not one.daemon.page._listener._open, "it is cut off")


@pytest.mark.parametrize(
    "said",
    [b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"G" * 200_000, b"\r\n" * 100_000],
)
def test_what_is_no_http_ends_the_connection_and_nothing_else(one, said):
    with socket.create_connection((one.address.hostname, one.address.port), timeout=30) as odd:
        try:
            odd.sendall(said)
            odd.shutdown(socket.SHUT_WR)
            while odd.recv(65536):
                pass
        except OSError:
            pass
    assert one.get("session").status == 200


def test_the_page_computes_for_its_share_and_no_more():
    now, computed = [0.0], [0.0]
    rationed = ration.Rationed(None, lambda: now[0], lambda: computed[0])
    assert rationed._wait() <= 0
    computed[0] = ration.BURST + 0.1
    assert rationed._wait() == pytest.approx(0.1 / ration.SHARE)
    now[0] += 0.1 / ration.SHARE
    assert rationed._wait() == pytest.approx(0.0)
    now[0] += 1e6
    assert rationed._wait() == -ration.BURST / ration.SHARE, "what was not used does not add up"


# TLS, ports


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    return certify(tmp_path_factory.mktemp("authority"), "localhost", "client")


def test_tls_and_who_never_begins_to_speak_it(running, authority, monkeypatch):
    keys = f"cert_file: {authority}/localhost.pem, key_file: {authority}/localhost.key"
    with running(page=f"tls: {{enabled: true, {keys}}}") as one:
        assert one.daemon.page.url.startswith("https://")
        context = ssl.create_default_context(cafile=f"{authority}/ca.pem")
        monkeypatch.setattr(connections, "DEADLINE", 0.3)
        where = (one.address.hostname, one.address.port)
        with socket.create_connection(where, timeout=30) as silent:
            with context.wrap_socket(
                socket.create_connection(where, timeout=30), server_hostname="localhost"
            ) as spoken:
                spoken.sendall(b"GET /api/v1/session HTTP/1.0\r\nHost: localhost\r\n\r\n")
                assert b"200 OK" in spoken.recv(65536)
            assert silent.recv(1) == b""


def test_a_client_certificate_is_access(running, authority):
    keys = f"cert_file: {authority}/localhost.pem, key_file: {authority}/localhost.key"
    with running(
        page=f"host: 0.0.0.0, tls: {{enabled: true, {keys}, client_ca_file: {authority}/ca.pem}}"
    ) as one:
        context = ssl.create_default_context(cafile=f"{authority}/ca.pem")
        context.load_cert_chain(f"{authority}/client.pem", f"{authority}/client.key")
        with context.wrap_socket(
            socket.create_connection(("127.0.0.1", one.address.port), timeout=30), server_hostname="localhost"
        ) as spoken:
            spoken.sendall(b"GET /api/v1/session HTTP/1.0\r\nHost: pi.example\r\n\r\n")
            received = b""
            while more := spoken.recv(65536):
                received += more
            assert b'"may_write":true' in received


def test_a_port_that_is_taken_is_said(one, running):
    with (
        pytest.raises(
            StreamdetectError, match=r"page: cannot listen on 127\.0\.0\.1:\d+: Address already in use"
        ),
        running(state=None, port=one.address.port),
    ):
        pass


def test_the_port_of_metrics_and_health_answers_whatever_hangs_here(one):
    where = (one.address.hostname, one.address.port)
    hanging = [socket.create_connection(where, timeout=30) for _ in range(connections.MOST)]
    with urlopen(f"{one.daemon.http.url}/healthz", timeout=30) as answer:
        assert answer.status == 200
    for each in hanging:
        each.close()


def test_without_the_extra_the_page_names_what_is_missing(running, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.setitem(sys.modules, "youplot", None)
    wanted = r"page: needs uvicorn, youplot, not installed: pip install 'streamdetect\[page\]'"
    with pytest.raises(StreamdetectError, match=wanted), running():
        pass
