"""The notifications to systemd, through a socket that stands in for it."""

from __future__ import annotations

import os
import socket
import time

import pytest

from streamdetect.service.notify import Notifier


@pytest.fixture(params=["path", "abstract"])
def systemd(request, tmp_path):
    """The socket's name as systemd would give it, and a function that reads from it."""
    name = f"{tmp_path}/notify" if request.param == "path" else f"@streamdetect-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(name.replace("@", "\0"))
        listener.settimeout(10)
        yield name, lambda: listener.recv(1000).decode()


def test_every_state(systemd):
    name, read = systemd
    notifier = Notifier({"NOTIFY_SOCKET": name})
    notifier.ready("all\nis well")
    assert read() == "READY=1\nSTATUS=all is well"
    notifier.status("10 sensors")
    assert read() == "STATUS=10 sensors"
    notifier.watchdog()
    assert read() == "WATCHDOG=1"
    notifier.stopping()
    assert read() == "STOPPING=1"


def test_a_reload_carries_its_moment(systemd):
    name, read = systemd
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    Notifier({"NOTIFY_SOCKET": name}).reloading()
    after = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    state, moment = read().split("\n")
    assert state == "RELOADING=1"
    assert before // 1000 <= int(moment.removeprefix("MONOTONIC_USEC=")) <= after // 1000


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
