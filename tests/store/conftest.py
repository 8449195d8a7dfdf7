from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent))

# A deadline measures the machine, not the code; the directories fixture makes a new one at each call.
settings.register_profile(
    "store",
    deadline=None,
    max_examples=30,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("store")


@pytest.fixture
def directory(tmp_path):
    """Give fresh directories, one a call."""
    count = iter(range(1_000_000))
    return lambda: tmp_path / f"state{next(count)}"
