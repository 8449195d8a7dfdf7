"""The unit files, as far as systemd-analyze can tell; test_machine.py runs them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

UNITS = ("streamdetect.service", "streamdetect@north.service")
RETRAINING = ("streamdetect-record.service", "streamdetect-retrain.service", "streamdetect-retrain.timer")
EXPOSURE = 12  # tenths; Telegraf's and Mosquitto's own units are at 92


@pytest.fixture
def prefix(tmp_path, deploy, need):
    """A root with the units, the targets that they refer to, and what they start."""
    need("systemd-analyze")
    units = tmp_path / "etc/systemd/system"
    shutil.copytree(deploy / "systemd", units)
    for target in Path("/usr/lib/systemd/system").glob("*.target"):
        shutil.copy(target, units)
    for program in ("opt/streamdetect/bin/streamdetect", "bin/kill", "bin/systemctl"):
        (tmp_path / program).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy("/bin/true", tmp_path / program)
    return tmp_path


@pytest.mark.parametrize("unit", UNITS + RETRAINING)
def test_verify_has_nothing_to_say(run, prefix, unit):
    assert run("systemd-analyze", "verify", f"--root={prefix}", unit) == ""


@pytest.mark.parametrize("unit", [*UNITS, "streamdetect-record.service"])
def test_exposure(run, prefix, unit):
    run("systemd-analyze", "security", f"--root={prefix}", "--offline=true", f"--threshold={EXPOSURE}", unit)


def test_the_two_units_differ_in_names_only(deploy):
    def settings(name):
        lines = (deploy / "systemd" / name).read_text().splitlines()
        return [line for line in lines if line and not line.startswith("#")]

    named = {
        "Description=streamdetect:": "Description=streamdetect %i:",
        "config.yaml": "%i.yaml",
        "User=streamdetect": "User=streamdetect-%i",
        "StateDirectory=streamdetect": "StateDirectory=streamdetect-%i",
        ":streamdetect.": ":streamdetect.%i.",
    }
    expected = []
    for line in settings("streamdetect.service"):
        for one, instance in named.items():
            if one in line:
                line = line.replace(one, instance)  # noqa: PLW2901 - the same line, renamed
                break
        expected.append(line)
    assert settings("streamdetect@.service") == expected
