"""A webhook gets every event, whatever the receiver does to it, in the formats that others read."""

from __future__ import annotations

import json
import socket
import threading

import pytest
from cloudevents.v1.http import from_http
from pydantic import ValidationError
from receiving_end import HANG
from standardwebhooks import Webhook as Verifier

from streamdetect.config import WebhookConfig
from streamdetect.errors import ConfigError
from streamdetect.sinks.sink import RefusedError, UnavailableError
from streamdetect.sinks.webhook import Webhook
from streamdetect.store import Queued

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - the example of the specification


@pytest.fixture
def webhook(receiver, tmp_path):
    def make(**changes) -> Webhook:
        secrets = {}
        for option, text in {"secret_file": SECRET, "authorization_file": "Bearer abc"}.items():
            if changes.pop(option, False):
                (tmp_path / option).write_text(text)
                (tmp_path / option).chmod(0o600)
                secrets[option] = str(tmp_path / option)
        options = {"name": "hook", "url": receiver.url, "timeout": 10.0}
        return Webhook("hook", WebhookConfig.model_validate(options | changes | secrets))

    return make


@pytest.mark.parametrize("mode", ["structured", "binary"])
def test_others_read_the_event_as_a_cloud_event(webhook, receiver, event, mode):
    webhook(mode=mode).deliver(event(sensor='Küche "1" 50%'))
    (received,) = receiver.taken
    read = from_http(received.headers, received.body)
    assert read["id"] == "id1"
    assert read["type"] == "io.streamdetect.anomaly.opened"
    assert read["subject"] == 'Küche "1" 50%' or mode == "binary"  # their library leaves %XX as it is
    assert read.data["message"] == "hall/a 1 °C"
    if mode == "binary":
        assert received.headers["content-type"] == "application/json"
        assert received.headers["ce-subject"] == "K%C3%BCche%20%221%22%2050%25"


@pytest.mark.parametrize("mode", ["structured", "binary"])
def test_the_signature_is_that_of_standard_webhooks(webhook, receiver, event, mode):
    webhook(mode=mode, secret_file=True, authorization_file=True).deliver(event())
    (received,) = receiver.taken
    Verifier(SECRET).verify(received.body, received.headers)
    assert received.headers["webhook-id"] == "id1"
    assert received.headers["authorization"] == "Bearer abc"
    with pytest.raises(Exception, match="No matching signature"):
        Verifier(SECRET).verify(received.body + b" ", received.headers)


@pytest.mark.usefixtures("fast")
def test_what_fails_is_tried_again_in_order_until_it_is_taken(webhook, receiver, outbox, settle, event):
    receiver.answers.extend([(503, {}), (500, {}), (401, {}), (302, {"Location": "/elsewhere"})])
    one = outbox(webhook())
    settle(one, *map(event, range(1, 21)))
    assert [json.loads(received.body)["id"] for received in receiver.taken] == [
        f"id{n}" for n in range(1, 21)
    ]
    assert len(receiver.requests) == 24
    assert [place.number for place in one.delivered] == list(range(1, 21))
    assert one.dead == []


@pytest.mark.usefixtures("fast")
def test_what_the_receiver_will_never_take_is_a_dead_letter_and_nobody_waits_for_it(
    webhook, receiver, outbox, settle, event
):
    receiver.answers.extend([(422, {}), *[(500, {})] * 8])
    one = outbox(webhook())
    settle(one, event(1), event(2), event(3))
    assert [json.loads(received.body)["id"] for received in receiver.taken] == ["id3"]
    assert [(letter.queued.event.id, letter.reason) for letter in one.dead] == [
        ("id1", "HTTP status 422"),
        ("id2", "HTTP status 500 (8 attempts)"),
    ]


def test_it_waits_as_long_as_the_receiver_asks(webhook, receiver, event):
    receiver.answers.extend([(429, {"Retry-After": "7"}), (429, {"Retry-After": "soon"}), (503, {})])
    waits = []
    for _ in range(3):
        with pytest.raises(UnavailableError) as raised:
            webhook().deliver(event())
        waits.append(raised.value.wait)
    assert waits == [7.0, None, None]


def test_who_asks_for_no_wait_is_not_asked_without_end(webhook, receiver, event):
    receiver.answers.extend([(503, {"Retry-After": "0"})] * 4)
    one = webhook()
    waits = [one.work({1: Queued("hook", 1, event(), 2e9)})[1] for _ in range(4)]
    assert [wait >= least for wait, least in zip(waits, (0.5, 1, 2, 4), strict=True)] == [True] * 4


def test_a_redirect_is_told_and_not_followed(webhook, receiver, event):
    receiver.answers.append((301, {"Location": "/elsewhere"}))
    with pytest.raises(UnavailableError, match="HTTP status 301, a redirect: url must be where it leads"):
        webhook().deliver(event())
    assert len(receiver.requests) == 1


def test_an_answer_that_is_not_http_is_told(event):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            connection.recv(65_536)
            connection.sendall(b"\x00 garbage\r\n\r\n")
            connection.close()

        threading.Thread(target=answer, daemon=True).start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        settings = WebhookConfig.model_validate({"name": "hook", "url": url})
        with pytest.raises(UnavailableError, match="the answer is not valid HTTP"):
            Webhook("hook", settings).deliver(event())


@pytest.mark.parametrize("url", ["http://", "http://:80/", "http://x:99999/", "http://x y/", "http://[::1/"])
def test_a_url_without_a_host_or_with_a_wrong_port_is_refused(url):
    with pytest.raises(ValidationError, match="must have a host, at most a port from 1 to 65535"):
        WebhookConfig.model_validate({"name": "hook", "url": url})


@pytest.mark.usefixtures("fast")
def test_what_waited_for_too_long_is_given_up(webhook, receiver, outbox, settle, event):
    receiver.close()
    one = outbox(webhook(give_up_after=0.001))
    settle(one, event())
    assert [letter.reason for letter in one.dead] == ["Connection refused"]


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_an_answer_that_speaks_against_the_event_is_final(webhook, receiver, event, status):
    receiver.answers.append((status, {}))
    with pytest.raises(RefusedError, match=f"HTTP status {status}"):
        webhook().deliver(event())


def test_a_receiver_that_hangs_costs_its_timeout(webhook, receiver, event):
    receiver.answers.append((HANG, {}))
    with pytest.raises(UnavailableError, match="timed out"):
        webhook(timeout=0.2).deliver(event())


def test_no_secret_is_in_an_error(event):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://user:hunter2@127.0.0.1:{nobody.getsockname()[1]}/T0K3N"
        settings = WebhookConfig.model_validate({"name": "hook", "url": url, "timeout": 0.2})
        assert "hunter2" not in repr(settings)
        with pytest.raises(UnavailableError) as raised:
            Webhook("hook", settings).deliver(event())
    assert "hunter2" not in str(raised.value)
    assert "T0K3N" not in str(raised.value)


def test_a_secret_that_cannot_be_read_is_named(tmp_path):
    settings = WebhookConfig.model_validate(
        {"name": "hook", "url": "http://x", "secret_file": str(tmp_path / "none")}
    )
    with pytest.raises(ConfigError, match=r"webhooks\.hook\.secret_file: cannot be read"):
        Webhook("hook", settings)
