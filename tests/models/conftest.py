"""Series to train on, and what TensorFlow may say while it is imported and exported."""

from __future__ import annotations

import numpy as np
import pytest

from streamdetect.models.preparing import Series

IGNORED = (
    # Raised inside TensorFlow, Keras and tf2onnx with numpy 2; none is ours to mend.
    r"ignore:In the future `np\.object`:FutureWarning",
    r"ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning",
)


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.parent.name == "models":
            for rule in IGNORED:
                item.add_marker(pytest.mark.filterwarnings(rule))


@pytest.fixture(scope="session")
def sine():
    """`sin(t / 20) * 5` with a little noise, 400 readings."""
    rng = np.random.default_rng(5)
    return Series("sine", np.sin(np.arange(400) / 5) * 5 + rng.normal(size=400) * 0.05)
