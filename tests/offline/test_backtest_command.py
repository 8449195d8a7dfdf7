"""`streamdetect backtest` as a user runs it, with the bundle that ships."""

from __future__ import annotations

import csv
import json
import subprocess
import sys

import numpy as np
import pytest

from streamdetect.bundles.bundle import Bundle
from streamdetect.config import DetectorConfig
from streamdetect.offline.backtest import backtest
from streamdetect.offline.backtest.tables import file_name, neutral
from streamdetect.offline.recordings import Layout, read
from streamdetect.service.assembly import make_detector


@pytest.fixture(scope="module")
def plant(tmp_path_factory):
    """Two sensors of 3,000 readings each: daily waves and noise; one with a spike and a day of silence."""
    folder = tmp_path_factory.mktemp("plant")
    random = np.random.default_rng(5)
    steps = np.arange(3000)
    lines = ["time,sensor,value,bad"]
    for sensor, offset in (("north/flow", 40.0), ("south/flow", 1e6)):
        values = offset + 3 * np.sin(2 * np.pi * steps / 288) + random.normal(0, 0.1, 3000)
        bad = np.zeros(3000, int)
        if sensor == "north/flow":
            values[2000] += 30
            values[2500:2540] = values[2500] + random.normal(0, 3, 40)
            bad[2000] = bad[2500:2540] = 1
        lines += [f"{1.7e9 + 300 * n},{sensor},{values[n]:.3f},{bad[n]}" for n in steps]
    path = folder / "plant.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


LAYOUT = ("--sensor-column", "sensor", "--label-column", "bad")


def run(*options):
    command = [sys.executable, "-m", "streamdetect", "backtest", *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_files_and_summary(plant, tmp_path):
    judging = ("--sigma", "5", "--cooldown", "50")
    pictures = ("--plot", "--window", "2023-11-17T00:00:00", "--window", "1700200000")
    done = run(plant, *LAYOUT, *judging, "-o", tmp_path / "out", *pictures, "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert json.loads((tmp_path / "out" / "summary.json").read_text()) == summary
    north, south = summary["sensors"]
    assert (north["sensor"], north["readings"]) == ("north/flow", 3000)
    assert (north["events"]["found"], north["events"]["missed"]) == (2, 0)
    assert south["events"]["found"] == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *("verdicts.csv", "incidents.csv", "summary.json"),
        *("north~flow.png", "north~flow+errors.png", "north~flow+windows.png"),
        *("south~flow.png", "south~flow+errors.png", "south~flow+windows.png"),
    }
    with (tmp_path / "out" / "verdicts.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert sum(row["error"] != "" for row in rows) == north["windows"] + south["windows"]
    assert sum(row["anomalous"] == "1" for row in rows) == summary["total"]["anomalous_readings"]


def test_without_a_folder_only_the_summary_is_printed(plant, tmp_path):
    done = run(plant, *LAYOUT)
    assert done.returncode == 0, done.stderr
    assert "2 sensors: 6,000 of 6,000 rows used" in done.stderr
    first, _, *table = done.stdout.splitlines()
    assert first.startswith(f"bundle general ({Bundle.load('general').fingerprint}): MAE of windows of ")
    assert [line.split()[0] for line in table] == ["sensor", "north/flow", "south/flow", "2"]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["rolling", "training", "fixed"])
def test_every_kind_of_threshold(plant, kind):
    done = run(plant, *LAYOUT, "--kind", kind)
    assert done.returncode == 0, done.stderr


def test_verdicts_are_those_of_the_bundle_fed_by_hand(plant):
    """The command's detector is the configuration's default one."""
    recordings = read([plant], Layout(sensor_column="sensor", columns=("value",)))
    results = backtest(make_detector(DetectorConfig(), Bundle.load("general")), recordings)
    summary = json.loads(run(plant, *LAYOUT, "--json").stdout)
    assert [int(r.anomalous.sum()) for r in results] == [s["anomalous_readings"] for s in summary["sensors"]]


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        (("--plot",), 1, "--output FOLDER"),
        (("--window", "2023-11-17"), 1, "--plot"),
        (
            ("--columns", "value", "-o", "out", "--plot", "--window", "2024-01-01"),
            1,
            "--window: must be within what was judged (2023-",
        ),
        (("--window", "noon"), 2, "must be ISO 8601 or Unix seconds, got 'noon'"),
        (("--bundle", "nowhere"), 1, "nowhere"),
        (("--sigma", "0"), 78, "--sigma: must be > 0"),
        (("--columns", "valve"), 1, "did you mean 'value'?"),
        (("--step", "x"), 2, "--step"),
    ],
)
def test_errors_are_one_line(plant, options, status, said):
    done = run(plant, "--sensor-column", "sensor", *options)
    assert done.returncode == status
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert status == 2 or said in done.stderr.splitlines()[-1]


def test_report(plant, tmp_path):
    pytest.importorskip("plotly", reason="the extra plot is not installed")
    path = tmp_path / "a" / "report.html"
    done = run(plant, *LAYOUT, "--sigma", "5", "--report", path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"report {path}, {path.stat().st_size / 1e6:.1f} MB"
    page = path.read_text(encoding="utf-8")
    for said in (
        *("Backtest of plant.csv", "north/flow", "south/flow", "2 sensors", "Bundle general ("),
        *("<dt>sigma</dt><dd>5.0</dd>", "<dt>cooldown</dt><dd>0</dd>", "<dt>max_gap</dt><dd>none</dd>"),
        *(f"<dt>data</dt><dd>{plant}</dd>", "reconstruction error (MAE)"),
    ):
        assert said in page
    done = run(plant, *LAYOUT, "--json", "--report", path)
    assert json.loads(done.stdout)["total"]["readings"] == 6000
    done = run(plant, *LAYOUT, "--report", path / "inside.html")
    assert done.returncode == 1
    assert "cannot be written" in done.stderr
    assert "rows used" not in done.stderr  # before anything is read


def test_a_folder_that_cannot_be_written(plant, tmp_path):
    (tmp_path / "file").write_text("")
    done = run(plant, *LAYOUT, "-o", tmp_path / "file" / "out")
    assert done.returncode == 1
    assert "cannot be written" in done.stderr


def test_a_long_id_has_a_short_file_name_of_its_own():
    long = "a" * 300
    assert file_name("plant/a") == "plant~a"
    assert len(file_name(long)) <= 150
    assert file_name(long) != file_name(long + "b")


@pytest.mark.parametrize("text", ["=HYPERLINK(1)", "+1", "-1", "@SUM(1)", "\t=1"])
def test_no_cell_that_others_named_is_a_formula(text):
    assert neutral(text) == f"'{text}"
    assert neutral(f"a{text}") == f"a{text}"
