from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def directory(tmp_path):
    """Give fresh directories, one a call."""
    count = iter(range(1_000_000))
    return lambda: tmp_path / f"state{next(count)}"
