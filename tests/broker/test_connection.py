"""One connection, kept up over every transport, and given up in time."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from counting import counted
from real_authority import certify

from streamdetect.config import MqttConfig
from streamdetect.errors import ConfigError
from streamdetect.mqtt.client import PacedClient
from streamdetect.mqtt.edge import MqttEdge
from streamdetect.mqtt.inbox import Inbox


def receives(broker, inbox, take):
    broker.publish("in/a", ["1"])
    return take(inbox, 1)[0].payload == b"1"


def test_the_status_is_online_while_connected_and_offline_after_a_stop(mosquitto, edge):
    broker = mosquitto()
    one, _ = edge(broker)
    assert broker.retained("test/status") == "online"
    assert one.stop(5)
    assert broker.retained("test/status") == "offline"
    assert (
        "closed its connection" not in broker.log.read_text().rpartition("DISCONNECT")[2].partition("\n")[0]
    )


def test_it_starts_without_a_broker_and_connects_once_there_is_one(mosquitto, edge, take, until):
    broker = mosquitto(start=False)
    one, inbox = edge(broker, wait=False)
    until(lambda: counted(one, "mqtt_connect_failures"), "a failed attempt")
    assert "refused" in one.last_error
    assert not one.connected
    broker.start()
    until(lambda: one.subscribed, "subscribed")
    assert one.last_error == ""
    assert receives(broker, inbox, take)


def test_mqtt_3(mosquitto, edge, take):
    broker = mosquitto()
    one, inbox = edge(broker, protocol="3.1.1")
    assert receives(broker, inbox, take)
    assert one.publish("a", "out/x", b"1")
    assert one.stop(5)
    assert broker.retained("test/status") == "offline"
    _, inbox = edge(broker, protocol="3.1.1")
    assert take(inbox, 1)[0].payload == b"1", "the session was not kept"


def test_websockets(mosquitto, edge, take, free_port):
    broker = mosquitto(listener=(f"listener {free_port}", "protocol websockets"))
    _, inbox = edge(broker, transport="websockets", port=free_port)
    broker.publish("in/a", [f"{number} {'x' * number}" for number in range(300)])
    assert [len(message.payload.split()[-1]) for message in take(inbox, 300)][1:] == list(range(1, 300))


def test_unix_socket(mosquitto, edge, take, until, tmp_path):
    path = tmp_path / "broker.sock"
    broker = mosquitto(listener=(f"listener 0 {path}",))
    until(path.exists, "the socket")
    _, inbox = edge(broker, transport="unix", path=str(path), port=None)
    assert receives(broker, inbox, take)


def test_password(mosquitto, edge, tmp_path):
    subprocess.run(["mosquitto_passwd", "-c", "-b", tmp_path / "passwords", "me", "secret"], check=True)
    broker = mosquitto("allow_anonymous false", f"password_file {tmp_path}/passwords")
    (tmp_path / "password").write_text("secret\n")
    (tmp_path / "password").chmod(0o600)
    one, _ = edge(broker, username="me", password_file=str(tmp_path / "password"))
    assert one.subscribed


def test_a_wrong_password_is_visible(mosquitto, edge, until, caplog):
    broker = mosquitto("allow_anonymous false")
    one, _ = edge(broker, username="me", password="wrong-secret", wait=False)  # noqa: S106 - that is the test
    until(lambda: counted(one, "mqtt_connect_failures"), "a refusal")
    assert one.last_error == "refused: Not authorized"
    assert "refused: Not authorized" in caplog.text
    assert "wrong-secret" not in caplog.text


def test_a_refused_subscription_is_visible_and_not_ready(mosquitto, edge, until):
    denied = {
        "publishClientSend": True,
        "publishClientReceive": True,
        "subscribe": False,
        "unsubscribe": True,
    }
    plugin = Path("/usr/lib/x86_64-linux-gnu/mosquitto_dynamic_security.so")
    if not plugin.exists():
        pytest.skip("this Mosquitto has no plugin that refuses subscriptions")
    broker = mosquitto("plugin " + str(plugin), "plugin_opt_config_file {folder}/rules.json", start=False)
    (broker.folder / "rules.json").write_text(json.dumps({"defaultACLAccess": denied}))
    broker.start()
    one, _ = edge(broker, wait=False)
    until(lambda: "subscription to 'in/#' refused" in one.last_error, "the refusal")
    assert one.connected
    assert not one.subscribed


class TestTls:
    @pytest.fixture
    def authority(self, tmp_path):
        """A CA, a certificate for `localhost` and one for a client."""
        return certify(tmp_path, "server", "client")

    @pytest.fixture
    def broker(self, mosquitto, authority, free_port):
        broker = mosquitto(
            listener=(
                f"listener {free_port}",
                f"cafile {authority}/ca.pem",
                f"certfile {authority}/server.pem",
                f"keyfile {authority}/server.key",
                "require_certificate true",
            )
        )
        broker.tls_port = free_port
        return broker

    def tls(self, authority, **changes):
        names = {"ca_file": "ca.pem", "cert_file": "client.pem", "key_file": "client.key"}
        return {"enabled": True, **{key: str(authority / name) for key, name in names.items()}, **changes}

    def test_with_a_client_certificate(self, broker, authority, edge, take):
        _, inbox = edge(broker, host="localhost", port=broker.tls_port, tls=self.tls(authority))
        broker.publish("in/a", ["x" * 50_000, "y"])
        assert [len(message.payload) for message in take(inbox, 2)] == [50_000, 1]

    # paho drops the socket of a failed handshake without closing it
    @pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")
    @pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
    @pytest.mark.parametrize(
        ("host", "changes", "error"),
        [
            ("127.0.0.1", {}, "IP address mismatch"),
            ("localhost", {"ca_file": None}, "certificate verify failed"),
            ("localhost", {"cert_file": None, "key_file": None}, ""),
        ],
    )
    def test_no_connection_without_trust(self, broker, authority, edge, until, host, changes, error):
        tls = self.tls(authority, **changes)
        one, _ = edge(broker, host=host, port=broker.tls_port, tls=tls, wait=False)
        until(lambda: counted(one, "mqtt_connect_failures"), "a failed attempt")
        assert error in one.last_error
        assert one.last_error
        assert counted(one, "mqtt_connects") == 0

    @pytest.mark.parametrize("option", ["ca_file", "cert_file"])
    def test_a_file_that_is_not_there_is_a_configuration_error(self, authority, option):
        settings = MqttConfig(tls=self.tls(authority, **{option: "/nowhere.pem"}))
        with pytest.raises(ConfigError, match=rf"mqtt\.tls\.{option}: must be a readable PEM file"):
            MqttEdge(settings, ["#"], Inbox(1), status_topic="s")


class TestStop:
    def test_with_the_broker_down(self, mosquitto, edge, until):
        broker = mosquitto(start=False)
        one, _ = edge(broker, wait=False)
        until(lambda: counted(one, "mqtt_connect_failures"), "a failed attempt")
        assert one.stop(5)
        assert one.stop(5)

    def test_with_the_broker_frozen_and_publications_underway(self, mosquitto, edge):
        broker = mosquitto()
        one, _ = edge(broker)
        broker.freeze()
        for number in range(500):
            assert one.publish(number, "out/x", b"x" * 60_000)
        assert one.stop(1)
        assert len(one.completed()) == 500

    def test_with_a_broker_that_never_answers(self, edge):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            broker = SimpleNamespace(host="127.0.0.1", port=listener.getsockname()[1])
            one, _ = edge(broker, wait=False)
            connection, _ = listener.accept()
            with connection:
                assert one.stop(1)

    def test_what_was_handed_over_before_is_still_sent(self, mosquitto, edge):
        broker = mosquitto()
        one, _ = edge(broker)
        for number in range(200):
            assert one.publish(number, f"out/{number}", b"1", retain=True)
        assert one.stop(5)
        assert sum(delivery.ok for delivery in one.completed()) == 200
        assert broker.retained("out/199") == "1"

    def test_before_the_start(self):
        assert MqttEdge(MqttConfig(), ["#"], Inbox(1), status_topic="s").stop(1)


ACCEPTED = b"\x20\x03\x00\x00\x00"  # CONNACK, new session


class TestFaults:
    @pytest.fixture
    def answering(self):
        """A broker that gives one answer a connection and hangs up."""
        with socket.create_server(("127.0.0.1", 0)) as listener:

            def answer(answers):
                def serve():
                    for each in answers:
                        connection, _ = listener.accept()
                        with connection, suppress(OSError):
                            connection.recv(1000)
                            connection.sendall(each)
                            connection.settimeout(0.5)
                            while connection.recv(1000):
                                pass

                thread = threading.Thread(target=serve, daemon=True)
                thread.start()
                return SimpleNamespace(host="127.0.0.1", port=listener.getsockname()[1], thread=thread)

            yield answer

    def test_a_bug_of_ours_on_the_network_thread_reaches_the_main_thread(self, mosquitto, edge, until):
        class Broken(Inbox):
            def put(self, message):
                raise KeyError(message.topic)

        broker = mosquitto()
        one, _ = edge(broker, inbox=Broken(1))
        one.raise_if_broken()
        broker.publish("in/a", ["1"])
        until(lambda: one._session.bug, "the bug")
        with pytest.raises(RuntimeError, match="network thread failed") as raised:
            one.completed()
        assert isinstance(raised.value.__cause__, KeyError)

    def test_a_dead_network_thread_is_noticed(self, mosquitto, edge, until):
        broker = mosquitto()

        class Deadly(PacedClient):
            def reconnect(self):
                raise SystemExit

        one, _ = edge(broker, factory=Deadly, wait=False)
        until(lambda: not one._thread.is_alive(), "its end")
        with pytest.raises(RuntimeError, match="network thread failed"):
            one.raise_if_broken()

    def test_a_fault_in_the_library_costs_a_connection_and_not_the_thread(self, mosquitto, edge, take, until):
        class Faulty(PacedClient):
            faults = 1

            def loop_read(self, max_packets=1):
                if self.is_connected() and self.faults:
                    self.faults -= 1
                    raise IndexError("as if a packet had confused it")
                return super().loop_read(max_packets)

        broker = mosquitto()
        one, inbox = edge(broker, factory=Faulty, wait=False)
        until(lambda: one.subscribed and counted(one, "mqtt_library_faults"), "reconnected")
        one.raise_if_broken()
        assert receives(broker, inbox, take)

    def test_garbage_from_the_broker_does_not_end_the_thread(self, edge, until, answering):
        garbage = [
            b"\x00" * 64,
            b"\x20\x7f" + b"\xff" * 127,
            ACCEPTED + b"\x30\x02\xff\xff",
            bytes(range(256)),
        ]
        broker = answering(garbage)
        one, _ = edge(broker, wait=False)
        until(lambda: not broker.thread.is_alive(), "all connections")
        one.raise_if_broken()
        assert one.stop(5)

    def test_a_second_client_with_our_id_is_named(self, edge, until, answering, caplog):
        """Mosquitto 2.0.11 hangs up without the reason that MQTT 5 has for it."""
        edge(answering([ACCEPTED + b"\xe0\x01\x8e"]), wait=False)
        until(lambda: "another client has our client id, 'edge'" in caplog.text, "the reason")

    def test_a_frozen_broker_is_noticed_and_the_thread_shows_its_life(self, mosquitto, edge, take, until):
        broker = mosquitto()
        one, inbox = edge(broker, keepalive=1.0)
        broker.freeze()
        until(lambda: not one.connected, "noticed")
        assert one.silence < 10
        broker.thaw()
        until(lambda: one.subscribed, "reconnected")
        assert receives(broker, inbox, take)
