"""Series to train on."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from streamdetect.bundles.bundle import GENERAL, Bundle
from streamdetect.training.series import Series


@pytest.fixture(scope="session")
def sine():
    """400 readings of a sine, 5 high and 31 readings long, with a little noise."""
    rng = np.random.default_rng(5)
    return Series("sine", np.sin(np.arange(400) / 5) * 5 + rng.normal(size=400) * 0.05)


@pytest.fixture(scope="session")
def without_encoder(tmp_path_factory):
    """The general bundle as it was before it had an encoder."""
    path = shutil.copytree(Bundle.load(GENERAL).path, tmp_path_factory.mktemp("without") / "bundle")
    manifest = json.loads((path / "bundle.json").read_text())
    del manifest["encoder"], manifest["files"]["encoder.onnx"]
    (path / "bundle.json").write_text(json.dumps(manifest))
    (path / "encoder.onnx").unlink()
    return Bundle.load(path)
