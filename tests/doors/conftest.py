import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from house import House


@pytest.fixture
def house(tmp_path):
    """Applies the steps of a section of CONTRIBUTING to a copy of the package."""
    return lambda title: House(tmp_path / "house", title)
