"""`streamdetect top`: the metrics it reads of a daemon, and its table in terminals of any size."""

from __future__ import annotations

import io
from dataclasses import replace
from itertools import takewhile

import numpy as np
import pytest
from rich.console import Console

from streamdetect.cli import main
from streamdetect.config import MetricsConfig
from streamdetect.core.rules import VIEWS
from streamdetect.core.verdicts import SensorColumns
from streamdetect.errors import StreamdetectError
from streamdetect.monitoring.access import Access
from streamdetect.monitoring.http import HttpServer, Pages
from streamdetect.monitoring.metrics import Metrics, Model, Watched
from streamdetect.store.history import Incident
from streamdetect.top.cells import bar
from streamdetect.top.daemon import Daemon, Place, place_of
from streamdetect.top.screen import Shown, render
from streamdetect.top.sensors import read

NAN = np.nan
M = "\N{MINUS SIGN}"
STATES = ["anomalous", "silent", "warming up", "normal"]


def columns(count) -> SensorColumns:
    """Sensors whose state goes round: normal, anomalous, silent, warming up."""
    turn = np.arange(count) % 4
    views = np.full((count, len(VIEWS)), NAN)
    views[:, VIEWS.index("range")] = np.array([0.2, 3.0, 0.5, NAN])[turn]
    views[:, VIEWS.index("level")] = 0.1
    band = np.array([[-17.0], [-17.0], [-17.0], [NAN]])[turn]
    return SensorColumns(
        ids=[f"site/hall/machine-{at:03d}/temperature" for at in range(count)],
        last_time=np.full(count, 1.7e9),
        value=np.array([[-18.1], [-9.13], [-18.0], [-18.2]])[turn],
        error=np.full(count, 0.1),
        threshold=np.full(count, 0.2),
        score=np.array([0.2, 3.0, 0.5, NAN])[turn],
        views=views,
        expected=band - 1.5,
        lower=band - 3.0,
        upper=band,
        anomalous=turn == 1,
        incident_open=(turn == 1) | (turn == 2),
        withheld=turn < 0,
        silent=turn == 2,
        warming_up=turn == 3,
        readings_to_go=np.where(turn == 3, 90, 0),
        interval=np.full(count, 60.0),
        drift=np.full(count, 1.0),
        drifting=turn < 0,
    )


def exposition(count, max_sensors=1000, **changes) -> str:
    made = Metrics(per_sensor=True, max_sensors=max_sensors)
    found = replace(columns(count), **changes)
    features = ["value"] if found.value.shape[1] == 1 else ["x", "y"]
    made.detectors = {"plant": Watched(lambda: found, features, Model("general", "dense", "0" * 16))}
    return made.exposition().decode()


def incident(**changes) -> Incident:
    given = {
        "id": "i",
        "detector": "plant",
        "sensor": "site/hall/machine-001/temperature",
        "started": 1.7e9,
        "ended": None,
        "newest": 1.7e9,
        "severity": "critical",
        "message": f"site/hall/machine-001/temperature {M}9.1 °C, usually {M}20.0 to {M}17.0, for 2 h",
        "reason": "",
        "label": "",
        "data": {},
    }
    return Incident(**given | changes)


def shown(count, **changes) -> Shown:
    max_sensors = changes.pop("max_sensors", 1000)
    snapshot = read(exposition(count, max_sensors))
    given = Shown("http://pi:9464", snapshot, 12.5, [incident()] * 3, {"plant": "°C"}, 1.7e9)
    return given._replace(**changes)


def drawn(what, width, height) -> list[str]:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(render(what, width, height))
    return console.file.getvalue().splitlines()


def test_what_matters_most_comes_first_and_is_told_as_the_daemon_knows_it():
    found = read(exposition(8))
    assert [sensor.state for sensor in found.sensors] == sorted(STATES * 2, key=STATES.index)
    first = found.sensors[0]
    assert (first.detector, first.id) == ("plant", "site/hall/machine-001/temperature")
    assert (first.value, first.lower, first.upper, first.score) == (-9.13, -20.0, -17.0, 3.0)
    assert first.view == "range"
    warming = found.sensors[5]
    assert (warming.state, warming.warmup_seconds) == ("warming up", 5400.0)
    assert np.isnan(warming.score)
    assert found.counts() == dict.fromkeys(STATES, 2)


def test_of_several_features_the_one_furthest_outside_its_band_is_shown():
    two = np.array([[-18.1, 5.0]])
    band = {"expected": two * 0 + [-18.5, 1.0], "lower": two * 0 + [-20, 0], "upper": two * 0 + [-17, 2]}
    (sensor,) = read(exposition(1, value=two, **band)).sensors
    assert (sensor.feature, sensor.value, sensor.upper) == ("y", 5.0, 2.0)


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 50), (40, 12), (200, 30), (80, 8)])
@pytest.mark.parametrize("count", [0, 3, 500])
def test_it_fits_and_says_what_is_hidden(width, height, count):
    lines = drawn(shown(count), width, height)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    at = next(number for number, line in enumerate(lines) if line.startswith("sensor "))
    rows = sum(line[0] in "s…" for line in takewhile(bool, lines[at + 1 :]))
    assert (rows >= 1) == (count > 0)
    if rows < count and width >= 80:  # the other way round, how many is cut off
        hidden = next(line for line in lines if "below these lines" in line)
        said = sum(int("".join(filter(str.isdigit, part))) for part in hidden.partition(": ")[2].split(", "))
        assert said == count - rows


def test_eighty_columns_hold_what_is_needed():
    lines = drawn(shown(8), 80, 24)
    assert lines[0].startswith("streamdetect top  http://pi:9464  ")
    assert lines[0].endswith("broker not connected")
    assert lines[1] == "12.5 readings/s  8 sensors: 2 anomalous, 2 silent, 2 warming up, 2 normal"
    row = next(line for line in lines if "machine-001" in line)
    assert row.split()[1:] == [f"{M}9.1", "°C", f"{M}20.0", "to", f"{M}17.0", "3.00", "anomalous"]
    assert any(line.rstrip().endswith("warming up, 1 h 30 min") for line in lines)
    assert any(f"open  site/hall/machine-001/temperature {M}9.1 °C, usually" in line for line in lines)


def test_sensors_without_series_are_counted():
    lines = drawn(shown(20, max_sensors=4), 80, 24)
    assert "20 sensors" in lines[1]
    assert "16 more have no series: metrics.max_sensors" in lines


def test_a_daemon_that_no_longer_answers_is_said_above_what_was_known():
    lines = drawn(shown(4, trouble="http://pi:9464 does not answer"), 80, 24)
    assert lines[1] == "http://pi:9464 does not answer"
    assert any("machine-001" in line for line in lines)


def test_names_from_outside_control_no_terminal():
    text = exposition(1).replace("site/hall", "a\x1b[2J")
    snapshot = read(text)
    assert "\x1b" not in "".join(drawn(shown(1)._replace(snapshot=snapshot), 80, 24))


@pytest.mark.parametrize(("score", "style"), [(0.9, "green"), (1.1, "red"), (2.0, "red"), (99.0, "red")])
def test_a_bar_is_red_from_the_limit_on_to_the_worst(score, style):
    console = Console(file=io.StringIO(), force_terminal=True, color_system="standard")
    console.print(bar(score))
    assert {"green": "\x1b[32m", "red": "\x1b[31m"}[style] in console.file.getvalue()


@pytest.fixture
def port():
    """A daemon's metrics port that wants a password."""
    access = Access(login="anna:secret")
    pages = Pages(lambda: exposition(8).encode(), list, list)
    server = HttpServer("127.0.0.1", 0, pages, access)
    server.start()
    yield int(server.url.rpartition(":")[2])
    server.close()


def test_it_asks_as_the_configuration_says_and_prints_once_without_a_terminal(port, tmp_path, capsys):
    (tmp_path / "password").write_text("secret")
    (tmp_path / "password").chmod(0o600)
    text = f"metrics: {{port: {port}, username: anna, password_file: {tmp_path}/password}}"
    (tmp_path / "config.yaml").write_text(text)
    assert main(["top", "-c", str(tmp_path / "config.yaml")]) == 0
    assert capsys.readouterr().out.count("machine-") == 8
    with pytest.raises(StreamdetectError, match="HTTP status 401"):
        Daemon(Place(f"http://127.0.0.1:{port}")).metrics()


def test_a_daemon_that_is_not_there_is_named(free_port, capsys):
    assert main(["top", "--url", f"http://127.0.0.1:{free_port}/"]) == 1
    said = capsys.readouterr().err
    assert said == (
        f"streamdetect: http://127.0.0.1:{free_port} does not answer (Connection refused): "
        "does the daemon run?\n"
    )


def test_a_port_that_listens_everywhere_is_asked_on_this_machine():
    assert place_of(MetricsConfig(host="0.0.0.0")).url == "http://127.0.0.1:9464"  # noqa: S104 - asked only
    assert place_of(MetricsConfig(host="::")).url == "http://[::1]:9464"
    with pytest.raises(StreamdetectError, match="must be enabled"):
        place_of(MetricsConfig(enabled=False))
