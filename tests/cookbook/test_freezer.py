"""The recording of the README's picture holds one fault, and the general bundle finds it and nothing else."""

import subprocess
import sys
from pathlib import Path

import streamdetect

FREEZER = Path(__file__).with_name("freezer.py")
OPENED = 1772888400.0  # 2026-03-07 13:00, when the door is left ajar


def test_the_freezer_has_one_incident(tmp_path):
    recording = tmp_path / "freezer.csv"
    with recording.open("w") as file:
        subprocess.run([sys.executable, FREEZER], stdout=file, check=True)
    general = streamdetect.Bundle.load("general")
    (incident,) = streamdetect.judge(streamdetect.read_csv(recording), general).incidents
    assert 0 < incident.opened.started - OPENED < 3600
