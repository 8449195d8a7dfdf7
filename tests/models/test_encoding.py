"""Latent vectors: what Keras makes of a window up to the layer, from a graph that needs no TensorFlow."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from quiet_keras import save

from streamdetect.bundles.architecture import Architecture
from streamdetect.bundles.bundle import GENERAL, Bundle
from streamdetect.bundles.runtime import ONNX_BATCH, BatchedRun, onnx_graph
from streamdetect.core.cutting import windows_of
from streamdetect.core.scaling import PADDING
from streamdetect.errors import BundleError
from streamdetect.training.architectures import RECIPES, build, compilable
from streamdetect.training.encoder import LATENT, export_encoder
from streamdetect.training.fit import train
from streamdetect.training.imported import bring
from streamdetect.training.settings import TrainingSettings

pytest.importorskip("tensorflow")

from streamdetect.bundles.tensorflow import load_keras

keras = load_keras()
layers = keras.layers
SETTINGS = TrainingSettings(Architecture("lstm", units=(6,), latent=3), time_steps=12, epochs=1)


@pytest.fixture(scope="module")
def bundle(sine, tmp_path_factory):
    return train([sine], SETTINGS, tmp_path_factory.mktemp("trained") / "bundle").bundle


@pytest.fixture
def copy(bundle, tmp_path):
    return shutil.copytree(bundle.path, tmp_path / "copy")


@pytest.mark.parametrize("latent", [0, 3])
@pytest.mark.parametrize("name", RECIPES)
def test_every_architecture_has_an_encoder(tmp_path, name, latent):
    keras.utils.set_random_seed(0)
    architecture = Architecture(name, units=(6, 4), latent=latent)
    model = build(architecture, 10, 2)
    windows = np.random.default_rng(0).normal(size=(70, 10, 2)).astype(np.float32)
    if name == "masked":
        windows[:30, :4] = PADDING
    compiled = compilable(architecture, model)
    encoder = export_encoder(model, LATENT, windows, tmp_path, compiled)
    own = {"conv": 12, "bidirectional": 8}.get(name, 4)
    assert (encoder.layer, encoder.size) == ("latent", latent or own)

    run = onnx_graph((tmp_path / "encoder.onnx").read_bytes(), (10, 2), 1)
    encode = BatchedRun(run, (encoder.size,), ONNX_BATCH)
    expected = keras.Model(model.input, model.get_layer("latent").output).predict(windows, verbose=0)
    assert np.allclose(encode(windows), expected.reshape(70, -1), atol=1e-5)
    rows = [encode(windows[at : at + 1]) for at in range(len(windows))]
    assert np.array_equal(np.concatenate(rows), encode(windows)), "the batch shows"


def test_the_encoder_leaves_the_reconstruction_as_it_is(sine, bundle, tmp_path):
    content = bundle.model_bytes("model.keras")
    path = tmp_path / "model.keras"
    path.write_bytes(content)
    windows = windows_of(sine.values[:, None], 12, bundle.manifest.scaling)
    model = keras.saving.load_model(path, compile=False)
    renamed = keras.models.clone_model(
        model,
        clone_function=lambda layer: type(layer).from_config(
            layer.get_config() | {"name": f"x_{layer.name}"}
        ),
    )
    renamed.set_weights(model.get_weights())
    save(renamed, path)
    without = bring(path, [sine], SETTINGS, tmp_path / "without").bundle
    assert without.manifest.encoder is None
    assert np.array_equal(without.reconstructor()(windows), bundle.reconstructor()(windows))


def test_a_bundle_encodes_windows(sine, bundle):
    assert (bundle.manifest.encoder.layer, bundle.manifest.encoder.size) == ("latent", 3)
    windows = windows_of(sine.values[:, None], 12, bundle.manifest.scaling)
    latent = bundle.encode(windows)
    assert (latent.shape, latent.dtype) == ((389, 3), np.float32)
    assert latent.std(axis=0).min() > 0
    encode = bundle.encoder()
    assert np.array_equal(np.concatenate([encode(windows[:5]), encode(windows[5:])]), latent)
    assert encode(windows[:0]).shape == (0, 3)
    assert encode(np.concatenate([windows, windows])).shape == (778, 3), "more than a batch"


def test_encoding_needs_no_tensorflow(bundle):
    script = f"""
import sys
import numpy as np
from streamdetect.bundles.bundle import Bundle
assert Bundle.load({str(bundle.path)!r}).encode(np.zeros((2, 12, 1), dtype=np.float32)).shape == (2, 3)
loaded = {{name.partition(".")[0] for name in sys.modules}} & {{"tensorflow", "keras", "tf2onnx", "onnx"}}
assert not loaded, loaded
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_the_general_bundle_encodes():
    assert Bundle.load(GENERAL).encode(np.zeros((3, 16, 1), dtype=np.float32)).shape == (3, 8)


def test_a_bundle_without_an_encoder_says_so(without_encoder):
    with pytest.raises(BundleError, match=r"bundle: has no encoder; .*--latent-layer"):
        without_encoder.encode(np.zeros((1, 16, 1), dtype=np.float32))


def test_the_encoder_is_checked_as_the_model_is(copy):
    content = bytearray((copy / "encoder.onnx").read_bytes())
    content[-1] ^= 1
    (copy / "encoder.onnx").write_bytes(content)
    with pytest.raises(BundleError, match=r"encoder\.onnx: SHA-256 must be"):
        Bundle.load(copy)
    (copy / "encoder.onnx").unlink()
    with pytest.raises(BundleError, match=r"encoder\.onnx: must be a readable plain file"):
        Bundle.load(copy)


def test_an_encoder_of_another_size(copy):
    manifest = json.loads((copy / "bundle.json").read_text())
    manifest["encoder"]["size"] = 4
    (copy / "bundle.json").write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match=r"encoder\.onnx: must give \(1, 4\) .*got \(1, 3\)"):
        Bundle.load(copy).encoder()


@pytest.mark.parametrize("missing", ["encoder", "file"])
def test_an_encoder_and_its_file_go_together(copy, missing):
    manifest = json.loads((copy / "bundle.json").read_text())
    del (manifest if missing == "encoder" else manifest["files"])[
        "encoder" if missing == "encoder" else "encoder.onnx"
    ]
    (copy / "bundle.json").write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match="must both be present, or neither"):
        Bundle.load(copy)


@pytest.fixture(scope="module")
def parts():
    keras.utils.set_random_seed(0)
    encoder = keras.Sequential([layers.Input((12, 1)), layers.LSTM(3)], name="squeeze")
    decoder = keras.Sequential([layers.Input((3,)), layers.Dense(12), layers.Reshape((12, 1))], name="unfold")
    return encoder, keras.Sequential([layers.Input((12, 1)), encoder, decoder])


@pytest.fixture
def path(parts, tmp_path):
    return save(parts[1], tmp_path / "model.keras")


class TestBrought:
    def test_a_model_in_the_model_is_an_encoder(self, sine, parts, path, tmp_path):
        report = bring(path, [sine], SETTINGS, tmp_path / "bundle", latent_layer="squeeze")
        windows = windows_of(sine.values[:, None], 12, report.bundle.manifest.scaling)
        assert np.allclose(report.bundle.encode(windows), parts[0].predict(windows, verbose=0), atol=1e-6)

    def test_without_a_name_there_is_none(self, sine, path, tmp_path):
        assert bring(path, [sine], SETTINGS, tmp_path / "bundle").bundle.manifest.encoder is None
        assert not (tmp_path / "bundle/encoder.onnx").exists()

    def test_the_layer_latent_needs_no_name(self, sine, bundle, tmp_path):
        brought = bring(bundle.path / "model.keras", [sine], SETTINGS, tmp_path / "bundle").bundle
        assert brought.manifest.encoder.size == 3

    def test_a_layer_that_is_not_there(self, sine, path, tmp_path):
        message = "must be one of squeeze, unfold, used once; 'lstm' is not among them"
        with pytest.raises(BundleError, match=message):
            bring(path, [sine], SETTINGS, tmp_path / "bundle", latent_layer="lstm")
        assert not (tmp_path / "bundle").exists()
