"""Series to train on."""

from __future__ import annotations

import numpy as np
import pytest

from streamdetect.training.series import Series


@pytest.fixture(scope="session")
def sine():
    """400 readings of a sine, 5 high and 31 readings long, with a little noise."""
    rng = np.random.default_rng(5)
    return Series("sine", np.sin(np.arange(400) / 5) * 5 + rng.normal(size=400) * 0.05)
