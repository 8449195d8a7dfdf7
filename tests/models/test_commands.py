"""The commands that make bundles, from a CSV to a detector that runs on what they made."""

from __future__ import annotations

import numpy as np
import pytest

from streamdetect.cli import main
from streamdetect.models.bundle import Bundle

pytest.importorskip("tensorflow")


@pytest.fixture(scope="module")
def normal(tmp_path_factory, sine):
    """The sine as a CSV, a reading a second."""
    path = tmp_path_factory.mktemp("data") / "normal.csv"
    rows = [f"{1.7e9 + at},{value}" for at, value in enumerate(sine.values)]
    path.write_text("\n".join(["time,level", *rows]) + "\n")
    return path


def test_train_on_the_error_of_the_last_step(normal, tmp_path, capsys):
    out = tmp_path / "bundle"
    model = ("--architecture", "dense", "--units", "16,6", "--time-steps", "12", "--epochs", "2")
    assert main(["train", str(normal), "-o", str(out), *model, "--error", "last", "--quiet"]) == 0
    assert "error      last" in capsys.readouterr().out
    pictures = {path.name for path in tmp_path.glob("*.png")}
    assert pictures == {"bundle-loss.png", "bundle-errors.png", "bundle-windows.png"}
    bundle = Bundle.load(out)
    assert bundle.manifest.error == "last"
    assert main(["backtest", str(normal), "--bundle", str(out)]) == 0
    assert "error of the last step of windows of 12 readings" in capsys.readouterr().out.replace("\n", " ")
    assert np.isfinite(bundle.manifest.training_error.mean)
