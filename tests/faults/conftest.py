"""The parts of the fault matrix, for pytest."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))


def pytest_configure(config):
    config.addinivalue_line("markers", "faults: a row of the fault matrix, see tests/faults/run.sh")
