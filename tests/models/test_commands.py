"""The commands that make bundles, from a CSV to a detector that runs on what they made."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from streamdetect.bundles.bundle import Bundle
from streamdetect.cli import INTERRUPTED, main
from streamdetect.core.cutting import windows_of
from streamdetect.training import fit

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


def test_train_goes_on_with_what_was_begun(normal, tmp_path, capsys):
    out = tmp_path / "bundle"
    command = ["train", str(normal), "-o", str(out), "--quiet"]
    model = ("--architecture", "dense", "--units", "16,6", "--time-steps", "12", "--epochs", "2")
    assert main([*command, *model]) == 0
    capsys.readouterr()
    assert main([*command, "--resume"]) == 1
    assert "must have epochs left, got 2 of 2 done; raise --epochs" in capsys.readouterr().err
    assert main([*command, "--resume", "--epochs", "3", "--time-steps", "13"]) == 1
    assert (
        "must continue with the settings it was started with, got another --time-steps"
        in capsys.readouterr().err
    )
    assert main([*command, "--resume", "--epochs", "3"]) == 0
    assert "3 of 3 epochs" in capsys.readouterr().out
    manifest = Bundle.load(out).manifest
    assert (manifest.time_steps, manifest.architecture.units) == (12, (16, 6))


def test_bundle_makes_a_bundle_that_every_command_takes(normal, tmp_path, capsys):
    out, model = tmp_path / "bundle", tmp_path / "mine.keras"
    layers = ("--architecture", "dense", "--units", "16,6", "--time-steps", "12", "--epochs", "1", "--quiet")
    assert main(["train", str(normal), "-o", str(tmp_path / "trained"), *layers]) == 0
    shutil.copy(tmp_path / "trained/model.keras", model)
    capsys.readouterr()

    how = ("--scaler", "robust", "--error", "mse", "--stride", "2", "--max-gap", "5")
    assert main(["bundle", str(model), "--normal", str(normal), "-o", str(out), *how]) == 0
    said = capsys.readouterr().out
    assert "windows of 12 x 1, scaler robust" in said
    assert "measured   195 windows of 1 series" in said
    assert (tmp_path / "bundle-errors.png").read_bytes().startswith(b"\x89PNG")
    bundle = Bundle.load(out)
    assert bundle.manifest.features == ("level",)
    assert (bundle.manifest.brought.stride, bundle.manifest.brought.max_gap) == (2, 5.0)

    config = tmp_path / "config.yaml"
    config.write_text(f"detectors:\n  - bundle: {out}\n    payload: {{value: level}}\n")
    assert main(["check", str(config)]) == 0
    assert f"brought (T=12, level), bundle {out} {bundle.fingerprint}" in capsys.readouterr().out
    assert main(["bench", "-c", str(config), "--sensors", "5", "--turns", "2"]) == 0
    said = capsys.readouterr().out
    assert "(brought, windows of 12 x 1)" in said
    assert "messages/s at QoS 1" in said
    assert main(["backtest", str(normal), "--bundle", str(out), "-o", str(tmp_path / "results")]) == 0
    assert (tmp_path / "results/verdicts.csv").read_text().count("\n") == 401


def test_train_chooses_what_is_not_given(normal, tmp_path, capsys):
    out = tmp_path / "bundle"
    assert main(["train", str(normal), "-o", str(out), "--epochs", "2"]) == 0
    said = capsys.readouterr()
    assert "chosen     time steps 16: a pattern comes round in 31 readings" in said.err
    assert "chosen     scaler standard: one sensor" in said.err
    assert "epoch 2 of 2" in said.err
    assert "model      dense" in said.out
    assert "of the variance of the training windows; of shuffled windows" in said.out
    manifest = Bundle.load(out).manifest
    assert (manifest.time_steps, manifest.interval, manifest.period) == (16, 1.0, 31.0)

    assert main(["train", str(normal), "-o", str(out), "--no-auto", "--epochs", "1", "--quiet"]) == 0
    said = capsys.readouterr()
    assert "chosen" not in said.err
    assert "model      stacked" in said.out
    assert Bundle.load(out).manifest.time_steps == 20


def test_where_pictures_cannot_go_is_said_before_the_work(normal, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    asked = ["train", str(normal), "-o", str(tmp_path / "bundle"), "--plots", str(tmp_path / "file")]
    assert main(asked) == 1
    assert "must be a directory that pictures can be written to" in capsys.readouterr().err
    assert not (tmp_path / "bundle").exists()


def test_ctrl_c_writes_the_best_so_far_and_says_so(normal, tmp_path, capsys, monkeypatch):
    real = fit._fit

    def interrupted(*given, **options):
        return real(*given, **options)._replace(interrupted=True)

    monkeypatch.setattr(fit, "_fit", interrupted)
    out = tmp_path / "bundle"
    assert main(["train", str(normal), "-o", str(out), "--epochs", "1", "--quiet"]) == INTERRUPTED
    assert "stopped by Ctrl-C: the best of them is kept" in capsys.readouterr().out
    assert Bundle.load(out)


def test_bundle_says_what_does_not_fit(normal, tmp_path, capsys):
    (tmp_path / "model.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    asked = ["bundle", str(tmp_path / "model.h5"), "--normal", str(normal), "-o", str(tmp_path / "bundle")]
    assert main(asked) == 1
    assert "got HDF5" in capsys.readouterr().err
    assert not (tmp_path / "bundle").exists()


@pytest.fixture(scope="module")
def bundle(normal, tmp_path_factory):
    """One with two latent numbers a window of 12."""
    out = tmp_path_factory.mktemp("encode") / "bundle"
    layers = ("--architecture", "dense", "--units", "16", "--latent", "2", "--time-steps", "12")
    assert main(["train", str(normal), "-o", str(out), *layers, "--epochs", "1", "--quiet"]) == 0
    return Bundle.load(out)


class TestEncode:
    def test_a_row_is_a_window_of_the_detector(self, bundle, tmp_path, capsys):
        times = np.concatenate([np.arange(20.0), 1000 + np.arange(15.0)])
        values = np.sin(times / 3)
        path = tmp_path / "plant.csv"
        rows = [
            f"{1.7e9 + time},{sensor},{value}"
            for time, value in zip(times, values, strict=True)
            for sensor in "ab"
        ]
        path.write_text("\n".join(["time,sensor,level", *rows]) + "\n")
        asked = [
            "encode",
            str(path),
            "--bundle",
            str(bundle.path),
            "--sensor-column",
            "sensor",
            "--max-gap",
            "60",
        ]
        assert main(asked) == 0
        printed = capsys.readouterr().out
        assert main([*asked, "-o", str(tmp_path / "latent.csv")]) == 0
        assert (tmp_path / "latent.csv").read_text() == printed

        head, *rows = [line.split(",") for line in printed.splitlines()]
        assert head == ["sensor", "time", "latent_0", "latent_1"]
        own = [row for row in rows if row[0] == "b"]
        assert len(rows) == 2 * len(own) == 26, "9 windows before the gap, 4 after it"
        assert (own[0][1], own[9][1]) == ("2023-11-14T22:13:31Z", "2023-11-14T22:30:11Z")
        windows = windows_of(values[:, None], 12, bundle.manifest.scaling, times=times, max_gap=60)
        latent = np.array([row[2:] for row in own], dtype=np.float32)
        assert np.array_equal(latent, bundle.encode(windows)), "to the last bit"

    def test_what_cannot_be_encoded(self, bundle, without_encoder, normal, tmp_path, capsys):
        assert main(["encode", str(normal), "--bundle", str(without_encoder.path)]) == 1
        assert "has no encoder" in capsys.readouterr().err
        (tmp_path / "short.csv").write_text("time,level\n1,2\n2,3\n")
        assert main(["encode", str(tmp_path / "short.csv"), "--bundle", str(bundle.path)]) == 1
        assert "must have 12 readings of one sensor" in capsys.readouterr().err
        (tmp_path / "wide.csv").write_text("time,a,b\n1,2,3\n2,3,4\n")
        assert main(["encode", str(tmp_path / "wide.csv"), "--bundle", str(bundle.path)]) == 1
        assert "got a, b: --per-column" in capsys.readouterr().err
        assert main(["encode", str(normal), "--bundle", str(bundle.path), "--stride", "0"]) == 1
        assert "--stride" in capsys.readouterr().err
