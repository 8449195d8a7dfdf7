"""`streamdetect bench` with messages that go through a broker."""

import shutil
from math import nan

import pytest

from streamdetect.cli import main
from streamdetect.commands import bench
from streamdetect.config import Config
from streamdetect.demo.carrying import Carried, Usage, isolated, state_folder
from streamdetect.store import Change, Store

USED = Usage(wall=10.0, broker=1.0, publisher=1.0, process=1.0, main=0.6, model=0.1, commit=0.1)


@pytest.mark.parametrize(
    ("used", "cores", "found"),
    [
        ({}, 2, "waiting"),
        ({"broker": nan}, 2, "waiting"),
        ({"process": 9.0}, 4, "daemon"),
        ({"broker": 9.5, "process": 2.0}, 4, "broker"),
        ({"broker": 9.5, "process": 9.4}, 2, "cores"),
        ({"broker": nan, "process": 9.4}, 2, "daemon"),
        ({"process": 9.4}, 1, "cores"),
        ({"commit": 5.1, "process": 2.0}, 2, "commit"),
    ],
)
def test_what_holds_it_back_is_what_was_busy(used, cores, found):
    carried = Carried(1000, USED._replace(**used))
    assert carried.bottleneck(cores) == found
    assert found in bench._HOLDS_BACK
    assert found in bench._HELPS


def test_the_daemon_s_shares_are_all_of_its_time():
    carried = Carried(1_000_000, USED)
    shares = carried.shares(decode=0.2e-6)
    assert shares == pytest.approx(
        {"receive and answer": 0.4, "decode": 0.2, "model": 0.1, "judge and commit": 0.3}
    )
    assert set(shares) == set(bench._HELPS_DAEMON)
    assert (carried.rate, carried.each(USED.process)) == pytest.approx((100_000, 1.0))


def test_nobody_else_hears_of_what_is_measured(tmp_path):
    class Own:
        name, protocol, pid, port = "own", "3.1.1", 1, 11883

    hook = {"name": "hook", "url": "http://127.0.0.1:9/hook"}
    config = Config.model_validate(
        {
            "mqtt": {"host": "broker.lan", "username": "we", "password": "secret", "qos": 0},
            "webhooks": [hook],
            "files": [{"name": "file", "path": str(tmp_path / "events")}],
            "homeassistant": True,
            "answers": {"enabled": True},
            "state": {"directory": str(tmp_path / "state")},
            "batch": {"max_batch": 77},
        }
    )
    alone = isolated(config, Own(), tmp_path / "other")
    assert (alone.mqtt.address, alone.mqtt.username, alone.mqtt.qos) == ("127.0.0.1:11883", None, 0)
    assert (alone.webhooks, alone.files, alone.notify) == ((), (), ())
    assert not any(one.enabled for one in (alone.homeassistant, alone.answers, alone.metrics, alone.page))
    assert alone.state.path == tmp_path / "other"
    assert (alone.detectors, alone.batch) == (config.detectors, config.batch)
    with state_folder(config) as folder:
        assert folder.startswith(str(tmp_path / "streamdetect-bench-"))
    assert state_folder(Config.defaults()) is None


def test_the_time_of_commits_is_counted(tmp_path):
    store = Store(tmp_path, 300.0)
    try:
        store.load()
        store.commit(Change([], [], [], [], [], None))
        first = store.commit_seconds
        store.commit(Change([], [], [], [], [], None))
        assert store.commit_seconds > first > 0
    finally:
        store.close()


BROKERS = [
    pytest.param(
        True, id="Mosquitto", marks=pytest.mark.skipif(not bench.installed(), reason="no Mosquitto")
    ),
    pytest.param(False, id="the demo's broker"),
]


@pytest.mark.parametrize("real", BROKERS)
@pytest.mark.parametrize("qos", [0, 1])
def test_bench_sends_through_a_broker_and_says_which(real, qos, tmp_path, monkeypatch, capsys):
    if not real:
        pytest.importorskip("iotcore")
        monkeypatch.setattr(bench, "installed", lambda: None)
    config = tmp_path / "config.yaml"
    config.write_text(f"""
mqtt: {{qos: {qos}}}
state: {{directory: {tmp_path / "state"}}}
detectors:
  - {{name: pumps, topics: ["pumps/#"], templates: ["pumps/{{line}}/{{sensor}}/state"]}}
  - {{name: halls, topics: ["hall/+/state"], payload: {{value: v}}}}
""")
    small = ["--sensors", "3", "--turns", "2", "--seconds", "0.1"]
    assert main(["bench", "-c", str(config), *small]) == 0
    said = capsys.readouterr().out
    name = "Mosquitto 2" if real else "the demo's broker (iotcore)"
    assert f"\nwith {name}" in said
    assert f"at QoS {qos}, state on the disk of {tmp_path}" in said
    for row in ("carried ", "the daemon ", "the publisher ", "held back by ", "what helps "):
        assert f"\n  {row}" in said
    assert [one.name for one in tmp_path.iterdir()] == ["config.yaml"]


def test_bench_says_when_there_is_no_broker(monkeypatch, capsys):
    monkeypatch.setattr(bench, "installed", lambda: None)
    monkeypatch.setattr(bench, "find_spec", lambda _: None)
    assert main(["bench", "--sensors", "3", "--turns", "2"]) == 0
    assert "none is here to measure with; apt-get install mosquitto" in capsys.readouterr().out


def test_mosquitto_is_found_where_it_is(monkeypatch):
    there = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
    monkeypatch.setattr("shutil.which", lambda _, path="": there if "/usr/sbin" in path else None)
    assert bench.installed() == there
