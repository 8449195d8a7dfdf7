"""What systemd is told, through a socket that stands in for it."""

from __future__ import annotations

import os
import socket

import pytest

from streamdetect.notify import Notifier


@pytest.fixture(params=["path", "abstract"])
def systemd(request, tmp_path):
    address = f"{tmp_path}/notify" if request.param == "path" else f"\0streamdetect-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(address)
        listener.settimeout(10)
        listener.name = address.replace("\0", "@")
        yield listener


class Listener(socket.socket):
    name: str


@pytest.fixture(autouse=True)
def _named_sockets(monkeypatch):
    monkeypatch.setattr(socket, "socket", Listener)


def test_every_state(systemd):
    notifier = Notifier({"NOTIFY_SOCKET": systemd.name})
    notifier.ready("all\nis well")
    assert systemd.recv(1000) == b"READY=1\nSTATUS=all is well"
    notifier.status("10 sensors")
    assert systemd.recv(1000) == b"STATUS=10 sensors"
    notifier.watchdog()
    assert systemd.recv(1000) == b"WATCHDOG=1"
    notifier.stopping()
    assert systemd.recv(1000) == b"STOPPING=1"
    notifier.reloading()
    state, _, moment = systemd.recv(1000).decode().partition("\n")
    assert state == "RELOADING=1"
    assert moment.startswith("MONOTONIC_USEC=")
    assert moment.removeprefix("MONOTONIC_USEC=").isdecimal()


def test_outside_systemd_nothing_is_sent():
    Notifier({}).ready("fine")
    Notifier({"NOTIFY_SOCKET": "relative"}).ready("fine")


def test_a_socket_that_is_gone_does_no_harm(tmp_path, caplog):
    Notifier({"NOTIFY_SOCKET": f"{tmp_path}/gone"}).ready("fine")
    assert "cannot notify systemd" in caplog.text


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_interval(environment, seconds):
    assert Notifier(environment).watchdog_interval == seconds
