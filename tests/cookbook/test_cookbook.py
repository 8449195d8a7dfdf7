"""The recipes of the cookbook, run as they stand there.

Recipe 2 takes minutes: its training is cut down to one epoch unless pytest is given `--full`.
"""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from statistics import mean

import pytest

README = Path(__file__).with_name("README.md")
SPIKES = (100, 300, 700, 900)  # rows of the sine, half a second apart
STEPS = 20
SHELL = ("bash", "-euo", "pipefail", "-c")


def block(number: int, language: str = "sh") -> str:
    """The commands of a recipe."""
    recipe = re.search(rf"^## {number}\. .*?(?=^## |\Z)", README.read_text(), re.DOTALL | re.MULTILINE)
    assert recipe, f"the cookbook has no recipe {number}"
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", recipe[0], re.DOTALL | re.MULTILINE)
    return found


@pytest.fixture(scope="module")
def kitchen(tmp_path_factory):
    """A folder for all recipes, with `streamdetect` and `python3` of this environment on the path."""
    pytest.importorskip("tensorflow")
    folder = tmp_path_factory.mktemp("cookbook")
    tools = folder / "bin"
    tools.mkdir()
    for name, command in ("streamdetect", "-m streamdetect"), ("python3", ""):
        (tools / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {command} "$@"\n')
        (tools / name).chmod(0o755)
    return folder


@pytest.fixture
def cook(kitchen):
    """Run shell commands in the kitchen, to their end."""

    def run(commands):
        done = subprocess.run(
            [*SHELL, commands],
            cwd=kitchen,
            env=environment(kitchen),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def environment(kitchen):
    # The package is found where these tests found it, installed or not.
    path = os.pathsep.join([str(README.parent), os.environ.get("PYTHONPATH", "")]).strip(os.pathsep)
    return os.environ | {"PATH": f"{kitchen / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": path}


def verdicts(kitchen, folder):
    """The rows of verdicts.csv, by sensor."""
    found = defaultdict(list)
    with (kitchen / folder / "verdicts.csv").open() as lines:
        for row in csv.DictReader(lines):
            found[row["sensor"]].append(row)
    return found


def judged(kitchen, folder, sensor):
    """Return those of a sensor's rows that ended a window."""
    return [row for row in verdicts(kitchen, folder)[sensor] if row["error"]]


def incidents(kitchen, folder):
    with (kitchen / folder / "incidents.csv").open() as lines:
        return list(csv.DictReader(lines))


def anomalous(rows):
    return [at for at, row in enumerate(rows) if row["anomalous"] == "1"]


def test_the_sine(kitchen, cook):
    cook(block(1))
    found = verdicts(kitchen, "sine-out")
    flagged = set(anomalous(found["spiked"]))  # the rows that ended the windows
    held = {row for spike in SPIKES for row in range(spike, spike + STEPS)}
    usual = set(anomalous(found["clean"]))
    assert all(flagged & set(range(spike, spike + STEPS)) for spike in SPIKES)
    assert flagged <= held | usual  # a window without a spike is anomalous only where the clean sine is, too
    assert len(flagged & held) > 0.8 * len(held)
    assert len(usual) < 0.05 * len(found["clean"])
    assert (kitchen / "sine-out" / "spiked.png").stat().st_size > 10_000
    assert (kitchen / "sine-loss.png").exists()


def test_the_index(kitchen, cook, data, request):
    full = request.config.getoption("--full")
    shutil.copy(data / "spx" / "spx.csv", kitchen)
    cook(block(2) if full else block(2).replace("--epochs 10", "--epochs 1"))
    rows = judged(kitchen, "spx-out", "spx-test")
    assert (kitchen / "spx-train.csv").read_text().count("\n") == 1 + 7782
    assert len(rows) == 410 - 29
    assert {"time", "close", "error", "threshold", "anomalous"} <= rows[0].keys()
    assert {float(row["threshold"]) for row in rows} == {0.65}
    assert all((float(row["error"]) > 0.65) == (row["anomalous"] == "1") for row in rows)
    assert (kitchen / "spx-out" / "spx-test.png").exists()
    rolling = judged(kitchen, "spx-rolling", "spx-test")
    assert len({row["threshold"] for row in rolling}) > 2  # found anew at the end of each block
    if full:
        found = incidents(kitchen, "spx-rolling")
        assert any(one["started"] <= "2018-02-12" <= (one["ended"] or "2019") for one in found)
        worst = max(rows, key=lambda row: float(row["error"]))  # how large depends on the processor
        assert "2018-02-05" <= worst["time"] <= "2018-02-16"


def test_one_to_ten(kitchen, cook):
    cook(block(3))
    same, near, backwards = (
        float(judged(kitchen, "toy-out", name)[0]["error"]) for name in ("same", "near", "reversed")
    )
    assert same < 1e-3
    assert same * 10 < near
    assert 0.01 < near < 0.1
    assert near * 10 < backwards < 1


def test_two_features(kitchen, cook):
    cook(block(4))
    near, unseen = (
        mean(float(row["error"]) for row in judged(kitchen, "two-out", name)) for name in ("near", "unseen")
    )
    assert 0.05 < near < 0.2
    assert 1.5 < unseen < 5


def test_runs_of_different_lengths(kitchen, cook):
    cook(block(5))
    (incident,) = incidents(kitchen, "runs-out")
    assert incident["opened"] == "1970-01-01T00:05:07Z"
    rows = judged(kitchen, "runs-out", "today")
    with (kitchen / "today.csv").open() as lines:
        readings = sum(1 for _ in lines) - 1
    assert len(rows) == readings - 6 * 4  # each of the six runs is judged from its fifth reading on


@pytest.fixture
def live(kitchen, mosquitto, free_port):
    """Start shell commands in the kitchen against a broker of our own; all of them end with the test."""
    port = str(mosquitto().port)
    started = []

    def run(commands):
        names = {"1883": port, "9464": str(free_port), "mosquitto_sub": f"mosquitto_sub -p {port}"}
        for old, new in names.items():
            commands = commands.replace(old, new)
        with (kitchen / "live.log").open("w") as log:
            process = subprocess.Popen(
                [*SHELL, commands],
                cwd=kitchen,
                env=environment(kitchen),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        started.append(process)
        assert process.wait() == 0, (kitchen / "live.log").read_text()

    yield run
    for process in started:
        os.killpg(process.pid, signal.SIGTERM)


def test_live(kitchen, cook, live, until):
    if not (kitchen / "sine").is_dir():
        cook(block(1))
    live(block(6))

    def events():
        lines = (kitchen / "events.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    until(lambda: sum(event["type"].endswith("closed") for event in events()) == 3 * 4, "all incidents close")
    opened = [event["data"] for event in events() if event["type"].endswith("opened")]
    for name in ("stacked", "small", "conv"):
        started = [one["started"] for one in opened if one["detector"] == name]
        rows = [2 * (60 * int(at[14:16]) + float(at[17:26])) for at in started]
        assert [spike <= row < spike + STEPS for spike, row in zip(SPIKES, rows, strict=True)] == [True] * 4


def test_a_model_of_ones_own(kitchen, cook):
    if not (kitchen / "clean.csv").exists():
        cook(block(1))
    said = cook(block(7))
    assert "8 numbers a window, of the layer squeeze" in said
    with (kitchen / "latent.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == 1000 - 19
    assert {*rows[0]} == {"sensor", "time", *(f"latent_{at}" for at in range(8))}


def test_a_data_frame(kitchen, cook):
    pytest.importorskip("pandas")
    if not (kitchen / "sine").exists():
        cook(block(1))
    recipe = block(8, "python")
    assert len(list(filter(None, recipe.splitlines()))) <= 12
    said = cook(f"python3 - <<'END'\n{recipe}END\n")
    found = [line.split() for line in said.splitlines() if line.startswith("sine ")]
    assert len(found) >= 3
    assert all(float(score) > 1 for *_, score in found)
