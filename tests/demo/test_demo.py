"""The demo as a user runs it: broker, plant, daemon and listener over real MQTT."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import subprocess
import sys
import urllib.request

import pytest
from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion

from streamdetect.cli import main
from streamdetect.config import parse
from streamdetect.demo import settings
from streamdetect.demo.broker import EmbeddedBroker
from streamdetect.demo.faults import KINDS
from streamdetect.demo.plant import Plant
from streamdetect.demo.running import Demo
from streamdetect.errors import StreamdetectError
from streamdetect.service.assembly import assemble

COMMAND = [sys.executable, "-m", "streamdetect", "demo"]
QUICK = ["--seconds", "1", "--sensors", "16", "--speed", "1000"]
CLOSING = re.compile(r"injected (\d+), found (\d+), missed (\d+), false (\d+)")


@pytest.fixture
def own_signals():
    """Return the handlers back that a demo in this process takes."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def closing(text):
    return tuple(int(number) for number in CLOSING.fullmatch(text.splitlines()[-1]).groups())


@pytest.mark.parametrize("seed", ["1", "7"])
def test_every_kind_of_fault_is_injected_and_found(seed):
    done = subprocess.run([*COMMAND, *QUICK, "--seed", seed], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not done.stderr
    injected, found, missed, _ = closing(done.stdout)
    assert injected == found >= len(KINDS)
    assert missed == 0
    for kind in KINDS:
        assert f"injected  {kind.name} in line-" in done.stdout


@pytest.mark.usefixtures("own_signals")
def test_faults_that_nobody_finds_are_missed_and_the_demo_fails(monkeypatch, capsys):
    topics = "topics: [plant/#]"
    unable = f"{topics}\n    views: [reconstruction]\n    sensitivity: 0.001"
    blind = settings._TEXT.replace(topics, unable)
    assert blind != settings._TEXT
    monkeypatch.setattr(settings, "_TEXT", blind)
    status = main(["demo", *QUICK])
    printed = capsys.readouterr().out
    injected, found, missed, _ = closing(printed)
    assert status == 1
    assert (found, missed) == (0, injected)
    assert printed.count("missed, score ") == injected
    assert not logging.getLogger("streamdetect.sinks.log").disabled  # what runs after it in this process logs


def test_ctrl_c_ends_it_with_a_summary_and_metrics_are_there_until_then():
    with subprocess.Popen([*COMMAND, "--plain", "--sensors", "8"], stdout=subprocess.PIPE, text=True) as demo:
        url = None
        for line in demo.stdout:
            if line.startswith("metrics"):
                url = line.split()[1]
            if " s  injected" in line:
                break
        page = urllib.request.urlopen(url, timeout=30).read().decode()
        demo.send_signal(signal.SIGINT)
        rest = demo.stdout.read()
    assert 'streamdetect_sensors{detector="plant"} 8' in page
    assert demo.returncode == 0
    assert "cut short, not counted" in rest
    assert closing(rest)[:3] == (0, 0, 0)


def test_the_configuration_is_printed_and_is_what_the_demo_runs_on(capsys, tmp_path):
    assert main(["demo", "--print-config"]) == 0
    text = capsys.readouterr().out
    config = parse(text)
    (assembly,) = assemble(config)
    assert assembly.bundle.path.name == "general"
    running = settings.make_config(1234, tmp_path)
    assert running.detectors == config.detectors
    assert running.mqtt.port == 1234
    assert (config.mqtt.port, config.metrics.port) == (1883, 9464)


def test_where_the_usual_metrics_port_is_taken_another_one_is_found(demo, tmp_path):
    other = Demo(1, tmp_path / "other", sensors=1, seed=0, speed=1.0, seconds=1.0)
    other._daemon.http.close()
    other._daemon._store.close()
    assert other.metrics_url != demo.metrics_url


@pytest.mark.usefixtures("own_signals")
def test_a_failure_on_the_plants_thread_is_one_of_the_demo(monkeypatch, capsys):
    def broken(*_):
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(Plant, "step", broken)
    with pytest.raises(ZeroDivisionError, match="a bug"):
        main(["demo", *QUICK])
    assert "injected 0" not in capsys.readouterr().out


def test_the_broker_refuses_mqtt_5_so_the_daemon_must_not_speak_it(until, tmp_path):
    reasons = []
    with EmbeddedBroker() as broker:
        client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv5)
        client.on_connect = lambda _client, _data, _flags, reason, _properties: reasons.append(reason)
        client.on_disconnect = lambda *_: reasons.append(None)
        client.connect("127.0.0.1", broker.port)
        until(lambda: client.loop() or reasons, "an answer")
    assert settings.make_config(1, tmp_path).mqtt.protocol == "3.1.1"
    assert not any(reason is not None and not reason.is_failure for reason in reasons)


def test_a_broker_whose_port_is_taken_says_so():
    with EmbeddedBroker() as first, pytest.raises(StreamdetectError, match="Address already in use"):
        EmbeddedBroker(first.port).__enter__()


def test_the_broker_ends_with_whoever_started_it(until):
    script = (
        "import os\nfrom streamdetect.demo.broker import EmbeddedBroker\n"
        "broker = EmbeddedBroker().__enter__()\nprint(broker._process.pid, flush=True)\nos._exit(1)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    def is_gone():
        try:
            os.kill(int(done.stdout), 0)
        except ProcessLookupError:
            return True
        with open(f"/proc/{int(done.stdout)}/stat") as status:  # noqa: PTH123 - a zombie has ended, too
            return status.read().rpartition(")")[2].split()[0] == "Z"

    until(is_gone, "the end of the broker")


def test_the_plant_alone_is_published_to_a_broker_of_ones_own(mosquitto):
    broker = mosquitto()
    subscribe = [
        "mosquitto_sub",
        "-p",
        str(broker.port),
        "-t",
        "plant/#",
        "-C",
        "9",
        "-W",
        "60",
        "-F",
        "%t %p",
    ]
    with subprocess.Popen(subscribe, stdout=subprocess.PIPE, text=True) as subscriber:
        options = ["--plant-only", "--port", str(broker.port), "--sensors", "3", "--speed", "100"]
        with subprocess.Popen([*COMMAND, *options], stdout=subprocess.PIPE, text=True) as plant:
            lines = subscriber.stdout.read().splitlines()
            plant.send_signal(signal.SIGINT)
            plant.wait(120)
    assert plant.returncode == 130
    readings = [(topic, json.loads(payload)) for topic, payload in (line.split(" ", 1) for line in lines)]
    assert [topic for topic, _ in readings[:3]] == [
        f"plant/line-1/{name}" for name in ("temperature", "pressure", "humidity")
    ]
    times = [reading["time"] for _, reading in readings]
    assert times == sorted(times)
    assert len(set(times)) == 3


def test_the_plant_alone_takes_user_and_password_from_a_configuration(mosquitto, tmp_path):
    password = tmp_path / "password"
    password.write_text("soil\n")
    password.chmod(0o600)
    known = tmp_path / "known"
    subprocess.run(["mosquitto_passwd", "-c", "-b", known, "plant", "soil"], check=True)
    broker = mosquitto("allow_anonymous false", f"password_file {known}")
    options = ["--plant-only", "--sensors", "1", "--seconds", "0.1", "--speed", "100000"]
    config = tmp_path / "config.yaml"
    config.write_text(f"mqtt: {{host: 127.0.0.1, port: 1, username: plant, password_file: {password}}}")
    assert main(["demo", *options, "-c", str(config), "--port", str(broker.port)]) == 0
    assert "u'plant'" in broker.log.read_text()


def test_the_plant_alone_does_not_try_again_without_its_password(tmp_path, capsys):
    config = tmp_path / "config.yaml"
    config.write_text("mqtt: {username: plant, password_file: /missing}")
    assert main(["demo", "--plant-only", "-c", str(config)]) == 78
    assert "mqtt.password_file: cannot be read" in capsys.readouterr().err


def test_the_plant_alone_outlives_a_broker_that_is_not_there(free_port):
    options = ["--plant-only", "--port", str(free_port), "--sensors", "1"]
    with subprocess.Popen([*COMMAND, *options], stderr=subprocess.PIPE, text=True) as plant:
        assert "again in 5 s" in plant.stderr.readline()
        assert plant.poll() is None
        plant.terminate()


@pytest.mark.parametrize("wrong", ["--sensors=0", "--seconds=0", "--speed=nan", "--seed=x", "--seed=-1"])
def test_wrong_options_are_refused(wrong, capsys):
    with pytest.raises(SystemExit) as end:
        main(["demo", wrong])
    assert end.value.code == 2
    assert wrong.partition("=")[0] in capsys.readouterr().err
