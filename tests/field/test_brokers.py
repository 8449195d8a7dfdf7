"""Brokers that can less than others, sessions of earlier runs, passwords that change."""

from __future__ import annotations

import subprocess

import pytest

from streamdetect.config import parse
from streamdetect.errors import ConfigError

PROTOCOLS = ("5", "3.1.1")
HOME = "detectors: [{topics: [home/#]}]"


def config(protocol, text, client_id="field-broker", **mqtt):
    given = "".join(f", {name}: {value}" for name, value in mqtt.items())
    return f"mqtt: {{protocol: '{protocol}', client_id: {client_id}, reconnect_max: 1s{given}}}\n{text}"


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("options", [(), ("max_qos 0",), ("retain_available false",)])
def test_brokers_without_qos_1_or_retained_messages(options, protocol, broker, daemon, publish):
    one = daemon(broker(*options), config(protocol, HOME))
    one.settle(publish(broker(*options), [("home/t", '{"value": 21.5}')], qos=0))
    assert one.readings == [("home/t", 21.5)]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_status_topic_that_a_policy_forbids_can_be_left_out(protocol, broker, daemon, publish):
    one = daemon(broker(), config(protocol, f"events: {{prefix: quiet-{protocol}, status: false}}\n{HOME}"))
    one.settle(publish(broker(), [("home/t", '{"value": 1}')]))
    assert one.readings == [("home/t", 1.0)]
    done = subprocess.run(
        ["mosquitto_sub", "-p", str(broker().port), "-t", f"quiet-{protocol}/#", "-W", "1", "-C", "1"],
        capture_output=True,
        check=False,
    )
    assert done.stdout == b""


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_subscriptions_of_an_earlier_run_are_given_up_without_a_state_directory(
    protocol, broker, daemon, publish
):
    name = f"again-{protocol.replace('.', '')}"
    one = daemon(broker(), config(protocol, "detectors: [{topics: [plant/#]}]", name), forget=True)
    assert one.edge.stop(5)
    other = daemon(broker(), config(protocol, "detectors: [{topics: [plant/boiler/+]}]", name), forget=True)
    other.settle(publish(broker(), [("plant/boiler/t", '{"value": 1}'), ("plant/x", '{"value": 2}')]))
    assert (other.readings, other.outcomes) == ([("plant/boiler/t", 1.0)], {"accepted": 1})


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("mqtt://broker.lan:1884", ("broker.lan", 1884, "tcp", False)),
        ("broker.lan:1884", ("broker.lan", 1884, "tcp", False)),
        ("mqtts://broker.lan", ("broker.lan", 8883, "tcp", True)),
        ("wss://broker.lan/ws", ("broker.lan", 443, "websockets", True)),
        ("mqtt://[fe80::1]:1884", ("fe80::1", 1884, "tcp", False)),
        ("fe80::1", ("fe80::1", 1883, "tcp", False)),
        ("unix:///run/m.sock", ("localhost", 0, "unix", False)),
    ],
)
def test_a_host_that_is_a_url_is_taken_apart(host, expected):
    mqtt = parse(f"mqtt: {{host: '{host}'}}").mqtt
    assert (mqtt.host, mqtt.resolved_port, mqtt.transport, mqtt.tls.enabled) == expected


def test_a_url_brings_user_and_password_and_nothing_shows_them():
    mqtt = parse("mqtt: {host: 'mqtt://me:s%40cret@broker'}").mqtt
    assert (mqtt.username, mqtt.password_value()) == ("me", "s@cret")
    with pytest.raises(ConfigError) as broken:
        parse("mqtt: {host: 'mqtt://me:secret@broker:99999', port: 1}")
    assert "secret" not in str(broken.value)


@pytest.mark.parametrize(
    ("mqtt", "rule"),
    [
        ("host: 'mqtt://b:1884', port: 1883", "port must agree with the URL in host, or be left out"),
        ("host: 'mqtts://b', tls: {enabled: false}", "tls.enabled must agree with the URL in host"),
        ("host: 'amqp://b'", "host must be a name, an address or a URL of mqtt"),
        ("host: 'mqtt://'", "host must have a name or an address in its URL"),
        ("host: 'mqtt://b/x'", "mqtt.path: is for the transports websockets and unix"),
    ],
)
def test_a_url_that_contradicts_or_means_nothing_is_refused(mqtt, rule):
    with pytest.raises(ConfigError) as broken:
        parse(f"mqtt: {{{mqtt}}}")
    assert rule in str(broken.value)


def test_a_password_is_read_anew_at_each_connect(mosquitto, daemon, tmp_path, until):
    passwords, mine = tmp_path / "passwords", tmp_path / "mine"

    def set_password(text):
        subprocess.run(["mosquitto_passwd", "-b", "-c", str(passwords), "me", text], check=True)
        passwords.chmod(0o644)
        mine.write_text(text)
        mine.chmod(0o600)

    set_password("first")
    strict = mosquitto("allow_anonymous false", f"password_file {passwords}", start=False)
    strict.start()
    text = config("5", HOME, username="me", password_file=str(mine))
    one = daemon(strict, text)
    set_password("second")
    strict.restart()
    until(lambda: one.edge.subscribed, "subscribed with the new password")
