"""Opening a connection ends in time, whatever it hangs in."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from streamdetect.mqtt.dialing import Dialing

NEVER = bool  # gives False


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def test_a_connection_is_given(listener):
    dialing = Dialing(10.0)
    with dialing.run(lambda: dialing.tcp(*listener.getsockname()), NEVER) as made:
        assert made.getpeername() == listener.getsockname()


def test_what_goes_wrong_is_raised():
    def fail():
        raise ConnectionRefusedError("no")

    with pytest.raises(ConnectionRefusedError):
        Dialing(10.0).run(fail, NEVER)


def test_what_hangs_is_left_behind_when_the_time_is_up_and_what_comes_of_it_is_closed():
    dialing, released, closed = Dialing(0.2), threading.Event(), threading.Event()

    class Late:
        def close(self):
            closed.set()

    def hang():
        released.wait(30)
        return Late()

    with pytest.raises(TimeoutError, match="no connection within 0 s"):
        dialing.run(hang, NEVER)
    released.set()
    assert closed.wait(30)


def test_it_ends_when_it_is_told_to_while_the_other_side_says_nothing(listener):
    dialing, heard = Dialing(60.0), []

    def wait_for_an_answer():
        connection = dialing.tcp(*listener.getsockname())
        heard.append(connection.recv(1))
        return connection

    with pytest.raises(TimeoutError):
        dialing.run(wait_for_an_answer, lambda: dialing._socket is not None)
    deadline = time.monotonic() + 30
    while not heard and time.monotonic() < deadline:
        time.sleep(0.01)
    assert heard == [b""], "the other thread finds its connection closed"


def test_every_address_has_its_share_of_the_time(monkeypatch):
    tried = []

    def connect(_, sock, _address, share):
        tried.append(share)
        if len(tried) < 14:
            sock.close()
            raise TimeoutError
        return sock

    address = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 1883))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [address] * 14)
    monkeypatch.setattr(Dialing, "_connected", connect)
    Dialing(14.0).tcp("broker", 1883).close()
    assert len(tried) == 14
    assert tried[0] <= 1.0
    assert tried[-1] <= 14.0
