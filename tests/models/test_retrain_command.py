"""`streamdetect retrain`: killed anywhere, the daemon finds a whole bundle, and the next run goes through."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from streamdetect.bundles import versions
from streamdetect.bundles.bundle import Bundle
from streamdetect.failpoints import VARIABLE

# What takes long stands aside: the model is fitted already, and found to be better.
SCRIPT = """
import sys
from streamdetect.cli import main
from streamdetect.commands import retrain
from streamdetect.training import fit

def fitted(prepared, settings, resumed=None, *, quiet):
    print("trained", settings.time_steps, settings.architecture.name, settings.scaler)
    return fit._Fit(model_of(prepared), {"loss": [0.1]}, interrupted=False)

def model_of(prepared):
    from streamdetect.training.architectures import build
    return build(Architecture("dense", units=(4, 2)), *prepared.fitted.shape[1:])

from streamdetect.bundles.architecture import Architecture
fit._fit = fitted
retrain.retraining.Trial.is_better_than = lambda *_: True
sys.exit(main(["retrain", *sys.argv[1:]]))
"""
"""In the order in which they are passed; None: not at all."""
PLACES = (
    "bundle.staged",
    "bundle.checked",
    "retrain.trained",
    "retrain.tried",
    "versions.noted",
    "versions.activate",
    "versions.active",
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A small bundle for windows of 8 readings, and a recording to train another one from."""
    folder = tmp_path_factory.mktemp("retrain")
    rng = np.random.default_rng(0)
    values = np.sin(np.arange(900) / 5) + rng.normal(0, 0.05, 900)
    lines = [f"{1.7e9 + 60 * at:.0f},{value:.4f}" for at, value in enumerate(values)]
    recorded = folder / "recorded" / "default"  # as `record` leaves it
    recorded.mkdir(parents=True)
    (recorded / "pump.csv").write_text("\n".join(["time,value", *lines]))
    options = ["--time-steps", "8", "--scaler", "standard", "--epochs", "1", "--units", "4,2"]
    command = [
        "train",
        "recorded/default",
        "-o",
        "bundles/pump",
        "--quiet",
        "--architecture",
        "dense",
        *options,
    ]
    run(folder, [sys.executable, "-m", "streamdetect", *command], check=True)
    versions.adopt(folder / "bundles/pump")
    (folder / "config.yaml").write_text("detectors: [{bundle: bundles/pump}]\n")
    return folder


def run(folder, command, place=None, *, check=False):
    given = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"} | ({VARIABLE: f"{place}=kill"} if place else {})
    return subprocess.run(command, cwd=folder, env=given, check=check, capture_output=True, text=True)


def retrain(folder, place=None):
    command = [sys.executable, "-c", SCRIPT, "-c", "config.yaml", "recorded", "--quiet"]
    return run(folder, command, place)


@pytest.mark.parametrize("place", PLACES)
def test_killed_anywhere_there_is_a_whole_bundle_and_the_next_run_goes_through(trained, place):
    link = trained / "bundles/pump"
    before = Bundle.load(link).fingerprint
    assert retrain(trained, place).returncode == -9
    now = Bundle.load(link)  # as the daemon does; every file is checked
    assert (now.fingerprint != before) == (place == "versions.active")
    assert now.reconstructor()(np.zeros((1, 8, 1), np.float32)).shape == (1, 8, 1)


def test_the_other_model_is_of_the_shape_of_the_old_one_and_nothing_is_left_of_what_was_killed(trained):
    link = trained / "bundles/pump"
    before = versions.active(link)
    done = retrain(trained)
    assert done.returncode == 0, done.stderr
    assert "trained 8 dense standard" in done.stdout
    assert f"today  {before.name}: " in done.stdout
    assert f"active now: {versions.active(link).name}" in done.stdout
    there = [path.name for path in (trained / "bundles/pump.versions").iterdir()]
    assert sorted(there) == sorted([*(path.name for path in versions.versions(link)), "active"])
    assert not [path for path in link.parent.iterdir() if path.name.startswith(".")]
