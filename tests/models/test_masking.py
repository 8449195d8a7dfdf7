"""Windows that are not full: trained with a mask, compiled without, and padding that counts for nothing."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from pydantic import ValidationError

from streamdetect.bundles.architecture import Architecture
from streamdetect.bundles.manifest import Manifest
from streamdetect.core import cutting as core_cutting
from streamdetect.core import scaling as core_scaling
from streamdetect.core.cutting import windows_of
from streamdetect.core.detector import Detector, DetectorSettings
from streamdetect.core.judge_settings import JudgeSettings
from streamdetect.core.readings import Readings
from streamdetect.core.reconstruction import reconstruction_errors
from streamdetect.core.scaling import PADDING, Scaling
from streamdetect.errors import ConfigError
from streamdetect.training import architectures, masking
from streamdetect.training.architectures import build, compilable
from streamdetect.training.export import difference, export
from streamdetect.training.fit import train
from streamdetect.training.series import Series, prepare
from streamdetect.training.settings import TrainingSettings

STEPS = 10
QUICK = TrainingSettings(
    Architecture("masked", units=(16,)), time_steps=STEPS, min_steps=4, epochs=20, scaler="minmax", stride=3
)


@pytest.fixture(scope="module")
def keras():
    pytest.importorskip("tensorflow")
    from streamdetect.bundles.tensorflow import load_keras  # noqa: PLC0415 - after the check that it is there

    return load_keras()


@pytest.fixture(scope="module")
def trained(keras, sine, tmp_path_factory):
    assert keras is not None
    return train([sine], QUICK, tmp_path_factory.mktemp("masked") / "bundle")


def padded(count=130, features=2, seed=0):
    """Windows of 1 to 10 readings, (M, T, F), and how many each has."""
    rng = np.random.default_rng(seed)
    windows = rng.normal(size=(count, STEPS, features)).astype(np.float32)
    lengths = rng.integers(1, STEPS + 1, count)
    for window, length in zip(windows, lengths, strict=True):
        window[: STEPS - length] = PADDING
    return windows, lengths


@pytest.mark.parametrize("units", [(6,), (6, 4)])
@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid"])
def test_the_compiled_graph_steps_over_the_padding_as_keras_does(keras, tmp_path, units, activation):
    keras.utils.set_random_seed(1)
    architecture = Architecture("masked", units=units, activation=activation, latent=3)
    model = build(architecture, STEPS, 2)
    model.set_weights([weights + 0.2 for weights in model.get_weights()])  # biases that are not 0
    graph = export(model, tmp_path, compilable(architecture, model))
    windows, _ = padded()
    assert difference(model, graph, windows).relative < 1e-5
    rows = np.concatenate([graph(windows[at : at + 1]) for at in range(len(windows))])
    assert np.array_equal(graph(windows), rows)


def test_a_window_is_rebuilt_from_its_real_steps_alone(keras, tmp_path):
    """A model without a mask would be thrown off by the padding; the difference would show."""
    keras.utils.set_random_seed(2)
    architecture = Architecture("masked", units=(6,))
    model = build(architecture, STEPS, 1)
    graph = export(model, tmp_path, compilable(architecture, model))
    windows, lengths = padded(features=1)
    latent = keras.Model(model.input, model.get_layer("latent").output)
    for window, length in zip(windows, lengths, strict=True):
        short = keras.layers.Input((length, 1))
        alone = keras.Model(short, model.get_layer("latent")(short))
        expected = alone(window[None, STEPS - length :])
        assert np.allclose(latent(window[None]), expected, atol=1e-6)
    assert np.abs(graph(windows)).max() < 10


@pytest.mark.parametrize("padding", [PADDING, -3e6, -1e7])
def test_any_padding_value_gives_the_same_verdicts(keras, tmp_path, monkeypatch, padding):
    found = []
    for value in (-2e6, padding):
        for module in (core_scaling, masking):
            monkeypatch.setattr(module, "PADDING", value)
        keras.utils.set_random_seed(3)
        architecture = Architecture("masked", units=(6,))
        model = build(architecture, STEPS, 1)
        (tmp_path / str(value)).mkdir(exist_ok=True)
        graph = export(model, tmp_path / str(value), compilable(architecture, model))
        settings = DetectorSettings(
            STEPS,
            1,
            Scaling("none"),
            min_steps=3,
            max_gap=5.0,
            judging=JudgeSettings(level=1.0),
        )
        times = np.arange(60.0) + np.where(np.arange(60) >= 30, 100.0, 0.0)
        values = np.sin(np.arange(60.0))
        values[50] += 20
        verdicts = Detector(settings, graph).process(Readings(["a"] * 60, times, values[:, None]))
        assert (
            np.isfinite(verdicts.errors).sum() == 56
        )  # 2 × (30 - 2): from the third reading on, at the start and after the gap
        found.append(
            (repr(verdicts.errors.tolist()), repr(verdicts.scores.tolist()), verdicts.anomalous.tolist())
        )
    assert found[0] == found[1]
    assert any(found[0][2])
    assert core_cutting.pad is core_scaling.pad
    assert architectures.masked is masking.masked


def test_a_short_window_of_normal_data_is_rebuilt_well(sine, trained):
    manifest = trained.bundle.manifest
    assert (manifest.min_steps, manifest.architecture.name) == (4, "masked")
    for length in (4, 6, 9):
        windows = windows_of(sine.values[:, None], length, manifest.scaling, stride=7)
        before = ((0, 0), (STEPS - length, 0), (0, 0))
        windows = np.pad(windows, before, constant_values=PADDING)
        rebuilt = trained.bundle.reconstructor()(windows)
        errors, _ = reconstruction_errors(windows, rebuilt, "mae", windows != PADDING)
        spiked = windows.copy()
        spiked[:, -2] += 1.0
        rebuilt = trained.bundle.reconstructor()(spiked)
        higher, _ = reconstruction_errors(spiked, rebuilt, "mae", windows != PADDING)
        assert errors.max() < np.median(higher)


def test_both_runtimes_give_the_same_errors(trained):
    windows, _ = padded(features=1)
    ours, reference = (trained.bundle.reconstructor(name)(windows) for name in ("onnx", "tensorflow"))
    real = windows != PADDING
    assert np.allclose(ours[real], reference[real], atol=1e-5)


def test_the_training_errors_are_those_of_real_steps(trained):
    error = trained.bundle.manifest.training_error
    assert 0 < error.mean < 1
    assert error.quantiles["max"] < 2
    assert trained.graph_difference.relative < 1e-4


@pytest.mark.parametrize("scaler", ["none", "minmax", "sensor", "window"])
def test_every_length_from_min_steps_on_is_trained_on(scaler):
    values = np.random.default_rng(0).normal(size=3000)
    prepared = prepare([Series("a", values)], dataclasses.replace(QUICK, stride=1, scaler=scaler))
    windows = np.concatenate([prepared.fitted, prepared.held_out])
    lengths = (windows != PADDING).all(axis=2).sum(axis=1)
    counts = dict(zip(*np.unique(lengths, return_counts=True), strict=True))
    assert sorted(counts) == [4, 5, 6, 7, 8, 9, 10]
    assert counts[10] == pytest.approx(2991, abs=60)
    assert sum(counts.values()) == pytest.approx(2 * counts[10], rel=0.05)
    assert min(counts.values()) > 400
    held_out = (prepared.held_out != PADDING).all(axis=2).sum(axis=1)
    assert sorted(set(held_out.tolist())) == [4, 5, 6, 7, 8, 9, 10]
    assert len(held_out) == pytest.approx(0.1 * len(windows), rel=0.02)


def test_short_windows_are_scaled_as_they_would_be_live():
    """The scaler "window" takes their own readings: nothing before them is known then."""
    values = np.random.default_rng(1).normal(size=300) * 7 + 50
    prepared = prepare([Series("a", values)], dataclasses.replace(QUICK, scaler="window"))
    real = prepared.fitted != PADDING
    counts = real.sum(axis=(1, 2))
    means = np.where(real, prepared.fitted, 0.0).sum(axis=(1, 2)) / counts
    assert len(set(counts.tolist())) > 3
    assert np.abs(means).max() < 1e-6


def test_min_steps_defaults_to_half_a_window_and_to_full_ones():
    assert TrainingSettings(Architecture("masked"), time_steps=21).least_steps == 11
    assert TrainingSettings(Architecture("lstm"), time_steps=21).least_steps == 0


@pytest.mark.parametrize(("name", "min_steps"), [("masked", 11), ("masked", -1), ("lstm", 3)])
def test_min_steps_that_cannot_be(name, min_steps):
    with pytest.raises(ConfigError, match="min_steps"):
        TrainingSettings(Architecture(name), time_steps=10, min_steps=min_steps)


def test_a_manifest_with_more_min_steps_than_time_steps_is_refused(trained):
    said = trained.bundle.manifest.model_dump(by_alias=True, mode="json")
    Manifest.model_validate_json(trained.bundle.manifest.to_bytes())
    said["min_steps"] = STEPS + 1
    with pytest.raises(ValidationError, match="must be at most time_steps"):
        Manifest.model_validate(said, strict=False)
