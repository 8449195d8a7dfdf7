"""The steps of CONTRIBUTING, done: each addition works in daemon, backtest and reference."""

import json

import pytest
from house import ROOT

DAEMON = """
import json, sys
from pathlib import Path
from streamdetect.config import parse
from streamdetect.mqtt.inbox import Message
from streamdetect.service.daemon import Daemon

def message(topic, payload, at):
    return Message(topic, payload, qos=0, mid=0, generation=1, arrival=1.7e9 + 60 * at, retain=False)

def daemon(text):
    return Daemon(parse(text + "\\nmetrics: {enabled: false}\\n"))
"""
SPIKE = """
one = daemon({config!r})
payloads = [20 + (at * 7919 % 101) / 100 + 60 * (700 <= at < 712) for at in range(900)]
events = []
for start in range(0, 900, 100):
    part = [message("sensors/a", {payload}, at) for at, value in enumerate(payloads)][start:start + 100]
    done = one.pipeline.process(part)
    assert not done.report.rejected, done.report
    events += done.events
"""


@pytest.mark.parametrize("title", ["A metric", "An architecture", "A view", "A payload codec", "A sink"])
def test_the_steps_keep_the_style(house, title):
    pytest.importorskip("ruff")
    changed = house(title)
    settings = ("--config", str(ROOT / "pyproject.toml"))
    changed.run("-m", "ruff", "check", *settings, *changed.touched)
    changed.run("-m", "ruff", "format", "--check", *settings, *changed.touched)


def test_a_metric(house):
    changed = house("A metric")
    assert len(changed.touched) == 1
    shown = changed.python(f"{DAEMON}\nprint(daemon('').metrics.exposition().decode())")
    assert "\nstreamdetect_inbox_room 10000.0\n" in shown
    assert "| `streamdetect_inbox_room` | gauge |  | Room for messages at QoS 0. |" in changed.reference()


def test_a_wrong_metric_fails_at_import(house):
    changed = house("A metric")
    inbox = changed.folder / "streamdetect" / "mqtt" / "inbox.py"
    inbox.write_text(inbox.read_text().replace('"inbox_room"', '"inbox-room"'))
    assert "metric 'inbox-room'" in changed.python("import streamdetect.mqtt.inbox", status=1)


def test_an_architecture(house):
    pytest.importorskip("tensorflow")
    changed = house("An architecture")
    assert len(changed.touched) == 1
    data = str(changed.spiked())
    train = ("train", data, "-o", "averaged", "--architecture", "averaged", "--time-steps", "8")
    said = changed.run("-m", "streamdetect", *train, "--epochs", "2", "--quiet")
    assert "averaged" in said
    assert json.loads((changed.folder / "averaged" / "bundle.json").read_text())["encoder"]["size"] == 4
    assert "spiked" in changed.run("-m", "streamdetect", "backtest", data, "--bundle", "averaged")
    started = changed.python(
        f"{DAEMON}\none = daemon('detectors: [{{bundle: averaged}}]')\n"
        "print(one.metrics.exposition().decode(), [m for m in sys.modules if m == 'tensorflow'])"
    )
    assert 'architecture="averaged"' in started
    assert started.endswith("[]\n")


def test_a_sink(house):
    changed = house("A sink")
    assert len(changed.touched) == 4
    lamp = changed.folder / "lamp"
    lamp.write_text("")
    detector = "{payload: {format: number}, threshold: {min_count: 100}}"
    config = f"lamps: [{{name: desk, path: {lamp}}}]\ndetectors: [{detector}]"
    spike = SPIKE.format(config=config, payload="str(value).encode()")
    said = changed.python(
        f"{DAEMON}{spike}\n"
        "import time\n"
        "lane = one.outbox.lanes['desk']\n"
        "lane.sink.start()\n"
        "one.outbox.add(one.outbox.queued(events))\n"
        "while len(lane):\n"
        "    lane.drain()\n"
        "    time.sleep(0.01)\n"
        "print(len(events), lane.published, lane.undeliverable)\n"
    )
    happened, delivered, lost = map(int, said.split())
    assert happened == delivered > 0
    assert lost == 0
    assert lamp.read_text() == "0"  # the incident was closed
    assert "`lamps[].path`" in changed.reference()


def test_a_payload_codec(house):
    changed = house("A payload codec")
    assert len(changed.touched) == 2
    config = "detectors: [{payload: {format: semicolon}, threshold: {min_count: 100}}]"
    spike = SPIKE.format(config=config, payload='f"{1.6e9 + 60 * at};{value}".encode()')
    code = f"{DAEMON}{spike}\nprint(events[0].facts['data']['started'])"
    assert changed.python(code).startswith("2020-09-1")
    refused = changed.python(
        f"{DAEMON}\none = daemon({config!r})\n"
        "print(dict(one.pipeline.process([message('sensors/a', b'x', 0)]).report.rejected))"
    )
    assert refused == "{'decode': 1}\n"
    (changed.folder / "config.yaml").write_text(f"{config}\n")
    told = changed.run("-m", "streamdetect", "backtest", str(changed.spiked()), "-c", "config.yaml")
    assert "spiked" in told
    assert "semicolon" in changed.reference()
    every = str(ROOT / "tests" / "codecs" / "test_every_codec.py")
    assert "3 passed" in changed.run("-m", "pytest", "-q", "-p", "no:cacheprovider", every, "-k", "semicolon")


def test_a_view(house):
    changed = house("A view")
    assert len(changed.touched) == 3
    data = changed.folder / "below.csv"
    rows = "".join(f"{1_700_000_000 + 60 * at},{5 - 6 * (at in range(800, 830))}\n" for at in range(900))
    data.write_text(f"time,value\n{rows}")
    said = changed.run("-m", "streamdetect", "backtest", str(data), "-o", "out")
    assert "below" in said
    assert "negative" in (changed.folder / "out" / "verdicts.csv").read_text()
    only = "detectors: [{payload: {format: number}, views: [negative]}]"
    spike = SPIKE.format(config=only, payload="str(value - 30).encode()")
    found = changed.python(f"{DAEMON}{spike}\nprint(len(events), json.dumps(events[0].facts['data']))")
    assert "negative" in found
    assert '"negative"' in changed.reference()
