"""The HTTP port lets in whom it should."""

from __future__ import annotations

import base64
import http.client
import shutil
import socket
import ssl
from urllib.parse import urlsplit

import pytest
from real_authority import certify

from streamdetect.config import MetricsConfig, ServerTlsConfig, validate
from streamdetect.errors import ConfigError
from streamdetect.monitoring import http as module
from streamdetect.monitoring.access import FORGIVEN_AFTER, MOST_FAILURES, Failures, access


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A CA, a certificate for `localhost` and one for a client."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    return certify(tmp_path_factory.mktemp("authority"), "localhost", "prometheus")


@pytest.fixture
def password(tmp_path):
    path = tmp_path / "password"
    path.write_text("open sesame\n")
    path.chmod(0o600)
    return str(path)


@pytest.fixture
def serve(serve):
    """Start servers that let in whom these options of `metrics` say."""
    return lambda **options: serve(access=access(MetricsConfig(**options)))


def tls(authority, **more):
    return ServerTlsConfig(
        enabled=True, cert_file=f"{authority}/localhost.pem", key_file=f"{authority}/localhost.key", **more
    )


def get(server, context=None, **headers):
    port = urlsplit(server.url).port
    connection = (
        http.client.HTTPSConnection("localhost", port, timeout=30, context=context)
        if context
        else http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    )
    try:
        connection.request("GET", "/metrics", headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.headers
    finally:
        connection.close()


def trusting(authority):
    return ssl.create_default_context(cafile=f"{authority}/ca.pem")


def basic(user):
    return "Basic " + base64.b64encode(user.encode()).decode()


def test_without_anything_asked_for_anybody_may(serve):
    assert get(serve())[:2] == (200, b"x 1\n")


@pytest.mark.parametrize(
    "given", [None, "", "Basic", basic("prometheus:wrong"), basic("other:open sesame"), "Bearer x", "\xff"]
)
def test_who_does_not_know_the_password_is_told_to_bring_it(serve, password, given):
    server = serve(username="prometheus", password_file=password)
    status, body, headers = get(server, **({} if given is None else {"Authorization": given}))
    assert (status, body) == (401, b"Unauthorized\n")
    assert headers["WWW-Authenticate"].startswith("Basic realm=")


def test_who_knows_it_gets_the_page(serve, password):
    server = serve(username="prometheus", password_file=password)
    assert get(server, Authorization=basic("prometheus:open sesame"))[:2] == (200, b"x 1\n")


@pytest.mark.parametrize(
    "header",
    [
        "basic " + basic("prometheus:öffne dich")[6:],
        "BASIC   " + basic("prometheus:öffne dich")[6:],
        basic("prometheus:o\u0308ffne dich"),  # the same text, decomposed
        "Basic " + base64.b64encode("prometheus:öffne dich".encode("latin-1")).decode(),
    ],
)
def test_the_header_is_read_as_rfc_7617_has_it(serve, tmp_path, header):
    password = tmp_path / "password"
    password.write_text("öffne dich\n")
    password.chmod(0o600)
    server = serve(username="prometheus", password_file=str(password))
    assert get(server, Authorization=header)[0] == 200


def test_who_guesses_is_not_heard_for_a_while(password):
    now = [0.0]
    made = access(MetricsConfig(username="prometheus", password_file=password))
    object.__setattr__(made, "failures", Failures(lambda: now[0]))
    right = basic("prometheus:open sesame")
    for number in range(MOST_FAILURES):
        assert made.refusal(basic(f"prometheus:{number}"), "2001:db8::1") == 401
    assert made.refusal(right, "2001:db8::1") == 429
    assert made.refusal(right, "2001:db8::ffff:1") == 429, "an address in the same network is the same client"
    assert made.refusal(right, "192.0.2.1") is None
    assert made.refusal(None, "192.0.2.2") == 401
    now[0] = FORGIVEN_AFTER
    assert made.refusal(right, "2001:db8::1") is None


def test_who_is_not_heard_is_told_when_to_come_again(serve, password):
    server = serve(username="prometheus", password_file=password)
    for _ in range(MOST_FAILURES):
        assert get(server, Authorization=basic("prometheus:x"))[0] == 401
    status, _, headers = get(server, Authorization=basic("prometheus:open sesame"))
    assert (status, headers["Retry-After"]) == (429, "60")


def test_the_failures_of_many_addresses_take_no_more_memory(password):
    made = access(MetricsConfig(username="prometheus", password_file=password))
    for number in range(5000):
        made.refusal("Basic x", f"10.0.{number >> 8}.{number & 255}")
    assert len(made.failures._counted) == 1024


def test_tls(serve, authority):
    server = serve(tls=tls(authority))
    assert server.url.startswith("https://")
    assert get(server, trusting(authority))[:2] == (200, b"x 1\n")
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        get(server)
    assert get(server, trusting(authority))[0] == 200


def test_client_certificates(serve, authority):
    server = serve(tls=tls(authority, client_ca_file=f"{authority}/ca.pem"))
    context = trusting(authority)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        get(server, context)
    context.load_cert_chain(f"{authority}/prometheus.pem", f"{authority}/prometheus.key")
    assert get(server, context)[:2] == (200, b"x 1\n")


def test_who_never_begins_to_speak_tls_is_cut_off_and_keeps_nobody_waiting(serve, authority, monkeypatch):
    monkeypatch.setattr(module, "_DEADLINE", 0.2)
    server = serve(tls=tls(authority))
    with socket.create_connection(("127.0.0.1", urlsplit(server.url).port), timeout=30) as silent:
        monkeypatch.setattr(module, "_DEADLINE", 10.0)
        assert get(server, trusting(authority))[0] == 200
        assert silent.recv(1) == b""


def test_a_private_key_that_others_may_read_is_refused(authority, tmp_path):
    shutil.copy(authority / "localhost.key", tmp_path / "key")
    (tmp_path / "key").chmod(0o644)
    open_to_all = tls(authority).model_copy(update={"key_file": str(tmp_path / "key")})
    with pytest.raises(ConfigError, match=r"metrics\.tls\.key_file: must be closed to other users"):
        access(MetricsConfig(tls=open_to_all))


def test_files_that_do_not_fit_are_named(authority):
    swapped = tls(authority).model_copy(update={"cert_file": f"{authority}/prometheus.pem"})
    with pytest.raises(ConfigError, match=r"metrics\.tls\.cert_file"):
        access(MetricsConfig(tls=swapped))
    with pytest.raises(ConfigError, match=r"metrics\.tls\.client_ca_file"):
        access(MetricsConfig(tls=tls(authority, client_ca_file="/nowhere")))


def test_the_password_shows_nowhere(password):
    made = access(MetricsConfig(username="prometheus", password_file=password))
    assert "sesame" not in repr(made)
    assert basic("prometheus:open sesame") not in repr(made)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"username": "a"}, "metrics.password_file: is required with username"),
        ({"password_file": "a"}, "metrics.username: is required with password_file"),
        ({"username": "a:b", "password_file": "c"}, "metrics.username"),
        ({"tls": {"enabled": True}}, "metrics.tls.cert_file: is required with enabled: true"),
        ({"tls": {"client_ca_file": "a"}}, "metrics.tls.client_ca_file: needs enabled: true"),
    ],
)
def test_what_contradicts_itself_is_refused(options, problem):
    with pytest.raises(ConfigError) as error:
        validate({"metrics": options})
    assert any(str(one).startswith(problem) for one in error.value.problems)
