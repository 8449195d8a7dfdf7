"""Recordings published to a real Mosquitto, counted by an independent subscriber."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest


@pytest.fixture
def recording(tmp_path):
    """Two sensors, 500 readings each, 10 s apart, with values that a decimal point tests."""
    path = tmp_path / "plant.csv"
    lines = [
        f"{1_700_000_000 + 10 * n},{sensor},{n + 0.1 * k}"
        for n in range(500)
        for k, sensor in enumerate("ab")
    ]
    path.write_text("\n".join(["time,sensor,v", *lines]) + "\n")
    return path


def replay(broker, path, *options, timeout=120):
    command = [
        *(sys.executable, "-m", "streamdetect", "replay", str(path), "--sensor-column", "sensor"),
        *("--host", broker.host, "--port", str(broker.port), *options),
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)


class Subscriber:
    """mosquitto_sub, subscribed when the constructor returns."""

    def __init__(self, broker, count):
        command = [
            *("mosquitto_sub", "-h", broker.host, "-p", str(broker.port), "-t", "#", "-q", "1"),
            *("-F", "%t\t%q\t%p", "-C", str(count + 1)),
        ]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        ready = ["mosquitto_pub", "-h", broker.host, "-p", str(broker.port), "-t", "ready", "-r", "-m", ""]
        while broker.log.read_text().count("SUBACK") == 0:
            time.sleep(0.01)
        subprocess.run([*ready[:-3], "-m", "x"], check=True)
        assert self.process.stdout.readline().startswith("ready")

    def messages(self):
        lines = self.process.communicate(timeout=120)[0].splitlines()
        return [tuple(line.split("\t")) for line in lines]


@pytest.mark.parametrize("qos", ["0", "1"])
def test_every_reading_arrives_in_order_with_its_time(mosquitto, recording, qos):
    broker = mosquitto()
    subscriber = Subscriber(broker, 1000)
    done = replay(broker, recording, "--speed", "0", "--topic", "plant/{sensor}/data", "--qos", qos)
    assert done.returncode == 0, done.stderr
    word = "acknowledged" if qos == "1" else "sent"
    line = done.stdout.splitlines()[-1]
    assert line.startswith(f"{word} 1,000 of 1,000 readings of 2 sensors on plant/{{sensor}}/data in ")
    messages = subscriber.messages()
    assert len(messages) == 1000
    for k, sensor in enumerate("ab"):
        mine = [json.loads(payload) for topic, _, payload in messages if topic == f"plant/{sensor}/data"]
        assert mine == [{"time": 1_700_000_000 + 10 * n, "value": n + 0.1 * k} for n in range(500)]
    assert {message[1] for message in messages} == {qos}


def test_a_broker_with_a_small_receive_maximum(mosquitto, recording):
    broker = mosquitto("max_inflight_messages 3")
    done = replay(broker, recording, "--speed", "0")
    assert done.returncode == 0, done.stderr
    assert "acknowledged 1,000 of 1,000" in done.stdout


def test_times_of_sending(mosquitto, recording):
    broker = mosquitto()
    subscriber = Subscriber(broker, 1000)
    before = time.time()
    assert replay(broker, recording, "--speed", "0", "--time", "now").returncode == 0
    times = [json.loads(payload)["time"] for _, _, payload in subscriber.messages()]
    assert times == sorted(times)
    assert before <= times[0] <= times[-1] <= time.time()


def test_numbers(mosquitto, recording):
    broker = mosquitto()
    subscriber = Subscriber(broker, 1000)
    assert replay(broker, recording, "--speed", "0", "--payload", "number").returncode == 0
    assert [float(m[2]) for m in subscriber.messages() if m[0] == "sensors/a"] == list(range(500))


def test_the_speed_is_kept(mosquitto, recording):
    """4,990 s of recording at 5,000 times take a second, give or take the machine; never less."""
    broker = mosquitto()
    started = time.monotonic()
    assert replay(broker, recording, "--speed", "5000").returncode == 0
    assert time.monotonic() - started >= 4990 / 5000


def once_published(broker, action):
    """Do something to the broker when it has taken a few messages."""

    def wait_and_act():
        while broker.log.read_text().count("Sending PUBACK") < 20:
            time.sleep(0.01)
        action()

    thread = threading.Thread(target=wait_and_act)
    thread.start()
    return thread


def test_a_broker_that_restarts_on_the_way(mosquitto, recording):
    broker = mosquitto()
    restarted = once_published(broker, broker.restart)
    done = replay(broker, recording, "--speed", "2000")
    restarted.join()
    assert done.returncode == 0, done.stderr
    assert "acknowledged 1,000 of 1,000" in done.stdout
    assert broker.log.read_text().count("New client connected") == 2


def test_refused_publications_fail_the_replay(mosquitto, recording, tmp_path):
    rules = tmp_path / "acl"
    rules.write_text("topic write sensors/a\n")
    rules.chmod(0o600)
    # Mosquitto 2.0.11 drops a client whose message it denies when max_queued_messages is 0.
    broker = mosquitto(f"acl_file {rules}", "max_queued_messages 1000")
    done = replay(broker, recording, "--speed", "0")
    assert done.returncode == 1
    assert "acknowledged 500 of 1,000" in done.stdout
    assert "Not authorized" in done.stderr


def test_no_broker(recording):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))

        class Nobody:
            host, port = "127.0.0.1", probe.getsockname()[1]

        done = replay(Nobody, recording)
    assert done.returncode == 1
    *_, last = done.stderr.splitlines()
    assert last == f"streamdetect: no broker at 127.0.0.1:{Nobody.port}: Connection refused"


def test_a_broker_that_does_not_let_us_in(mosquitto, recording):
    broker = mosquitto("allow_anonymous false")
    done = replay(broker, recording)
    assert done.returncode == 1
    assert "refuses us: Not authorized" in done.stderr


def test_a_stuck_broker_is_given_up(mosquitto, recording):
    broker = mosquitto()
    frozen = once_published(broker, broker.freeze)
    done = replay(broker, recording, "--speed", "2000", "--patience", "2")
    frozen.join()
    broker.thaw()
    assert done.returncode == 1
    assert "messages unanswered for 2 s: no acknowledgement" in done.stderr
    assert " of 1,000 readings" in done.stdout


def test_interrupted(mosquitto, recording):
    broker = mosquitto()
    command = [
        *(sys.executable, "-m", "streamdetect", "replay", str(recording), "--sensor-column", "sensor"),
        *("--host", broker.host, "--port", str(broker.port)),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while "PUBACK" not in broker.log.read_text():
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "interrupted" in err
    assert " of 1,000 readings" in out


def test_password_and_tls_come_from_the_configuration(mosquitto, recording, tmp_path):
    password = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-c", "-b", str(password), "pump", "secret"], check=True)
    password.chmod(0o600)
    broker = mosquitto("allow_anonymous false", f"password_file {password}")
    (tmp_path / "pw").write_text("secret\n")
    (tmp_path / "pw").chmod(0o600)
    config = tmp_path / "config.yaml"
    config.write_text(f"mqtt: {{port: 1, username: pump, password_file: {tmp_path / 'pw'}}}\n")
    done = replay(broker, recording, "--speed", "0", "-c", str(config))
    assert done.returncode == 0, done.stderr
