"""ONNX and TFLite models that were trained elsewhere, as bundles."""

from __future__ import annotations

import numpy as np
import pytest

from streamdetect.bundles.bundle import Bundle
from streamdetect.commands.bundle_options import summary
from streamdetect.errors import BundleError, DataError
from streamdetect.training.export import quiet
from streamdetect.training.imported import bring
from streamdetect.training.settings import TrainingSettings

tensorflow = pytest.importorskip("tensorflow")
onnx = pytest.importorskip("onnx")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

SETTINGS = TrainingSettings(scaler="standard")


def onnx_file(path, shape, *, out=None, kind=TensorProto.FLOAT, ends=1, matrix=None):
    """The mean of its neighbours for each step: a convolution over (B, T, 1), which any T suits."""
    weights = np.full((1, 1, 3), 1 / 3, dtype=np.float32) if matrix is None else matrix
    given = helper.make_tensor_value_info("given", kind, shape)
    made = [helper.make_tensor_value_info(f"made{at}", kind, out or shape) for at in range(ends)]
    nodes = [
        helper.make_node("Transpose", ["given"], ["channels"], perm=[0, 2, 1]),
        helper.make_node("Conv", ["channels", "weights"], ["smooth"], pads=[1, 1]),
        *(helper.make_node("Transpose", ["smooth"], [f"made{at}"], perm=[0, 2, 1]) for at in range(ends)),
    ]
    weights = numpy_helper.from_array(weights.astype(helper.tensor_dtype_to_np_dtype(kind)), "weights")
    graph = helper.make_graph(nodes, "smooth", [given], made, [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def tflite_file(path):
    from streamdetect.bundles.tensorflow import load_keras  # noqa: PLC0415

    keras = load_keras()
    layers = keras.layers
    keras.utils.set_random_seed(0)
    window = layers.Input((10, 1))
    small = layers.Dense(10)(layers.Dense(3, activation="relu")(layers.Flatten()(window)))
    model = keras.Model(window, layers.Reshape((10, 1))(small))
    with quiet():
        path.write_bytes(tensorflow.lite.TFLiteConverter.from_keras_model(model).convert())
    return path, model


@pytest.mark.parametrize(
    ("shape", "time_steps"),
    [(["b", 10, 1], None), (["b", 10, 1], 10), (["b", "t", 1], 10), ([None, None, 1], 10)],
)
def test_an_onnx_model_becomes_a_bundle(sine, tmp_path, shape, time_steps):
    path = onnx_file(tmp_path / "mine.onnx", shape)
    report = bring(path, [sine], SETTINGS, tmp_path / "bundle", time_steps=time_steps, features=["level"])
    bundle = Bundle.load(tmp_path / "bundle")
    assert bundle.manifest.brought.form == "onnx"
    assert (bundle.manifest.time_steps, bundle.manifest.features, report.parameters) == (10, ("level",), 3)
    windows = np.random.default_rng(0).normal(size=(5, 10, 1)).astype(np.float32)
    wanted = (np.pad(windows, ((0, 0), (1, 1), (0, 0)))[:, [range(at, at + 3) for at in range(10)]]).mean(
        axis=2
    )
    assert np.allclose(bundle.reconstructor()(windows), wanted, atol=1e-6)
    assert report.explained.variance > 0.9
    assert "compiled   the given graph, unchanged" in summary(report, [], [])


def test_it_runs_wherever_no_keras_is_needed(sine, tmp_path):
    bring(onnx_file(tmp_path / "mine.onnx", ["b", 10, 1]), [sine], SETTINGS, tmp_path / "bundle")
    assert {one.name for one in (tmp_path / "bundle").iterdir()} == {"bundle.json", "model.onnx"}
    with pytest.raises(BundleError, match="has no Keras model"):
        Bundle.load(tmp_path / "bundle").reconstructor("tensorflow")
    with pytest.raises(BundleError, match="has no encoder"):
        Bundle.load(tmp_path / "bundle").encoder()


@pytest.mark.parametrize(
    ("shape", "options", "said"),
    [
        ([1, 10, 1], {}, "must take any number of windows, (None, T, F), got (1, 10, 1)"),
        (["b", "t", 1], {}, "must say how many readings a window has, or --time-steps"),
        (["b", 10, "f"], {}, "must say how many features it takes"),
        (["b", 10], {}, "must take windows (None, T, F)"),
        (["b", 10, 1], {"ends": 2}, "must have exactly one output, got 2"),
        (["b", 10, 1], {"kind": TensorProto.DOUBLE}, "must take and give float32"),
        (["b", 10, 1], {"matrix": np.full((2, 1, 3), 0.1)}, "must give the shape that it takes"),
        (["b", 10, 1], {"matrix": np.full((1, 1, 3), np.nan)}, "got nan"),
        (["b", 10, 1], {"matrix": np.array([[[0, 1, 0]]])}, "must not rebuild every input"),
    ],
    ids=["one window", "any T", "any F", "rank", "outputs", "type", "shape", "no numbers", "identity"],
)
def test_onnx_models_that_do_not_fit(sine, tmp_path, shape, options, said):
    path = onnx_file(tmp_path / "mine.onnx", shape, **options)
    with pytest.raises(BundleError) as caught:
        bring(path, [sine], SETTINGS, tmp_path / "bundle")
    assert said in str(caught.value)
    assert not (tmp_path / "bundle").exists()


def test_a_tflite_model_becomes_a_bundle_that_agrees_with_it(sine, tmp_path):
    path, model = tflite_file(tmp_path / "mine.tflite")
    report = bring(path, [sine], SETTINGS, tmp_path / "bundle")
    bundle = Bundle.load(tmp_path / "bundle")
    assert bundle.manifest.brought.form == "tflite"
    assert report.graph_difference.relative < 1e-6
    windows = np.random.default_rng(0).normal(size=(70, 10, 1)).astype(np.float32)
    assert np.allclose(bundle.reconstructor()(windows), model(windows), atol=1e-5)
    assert "compiled   differs from TFLite by" in summary(report, [], [])


@pytest.mark.parametrize("name", ["mine.onnx", "mine.tflite"])
def test_other_files_and_other_data(sine, tmp_path, name):
    path = tmp_path / name
    with pytest.raises(BundleError, match="must be a readable"):
        bring(path, [sine], SETTINGS, tmp_path / "bundle")
    path.write_bytes(b"\xff" * 100)
    with pytest.raises(BundleError, match="got another file"):
        bring(path, [sine], SETTINGS, tmp_path / "bundle")
    path.write_bytes(b"\0\0\0\0TFL3" + b"\xff" * 100)
    with pytest.raises(BundleError):
        bring(path, [sine], SETTINGS, tmp_path / "bundle")


def test_a_latent_layer_is_for_keras(sine, tmp_path):
    path = onnx_file(tmp_path / "mine.onnx", ["b", 10, 1])
    with pytest.raises(BundleError, match="--latent-layer is for Keras models"):
        bring(path, [sine], SETTINGS, tmp_path / "bundle", latent_layer="latent")


def test_features_have_to_be_as_many(sine, tmp_path):
    path = onnx_file(tmp_path / "mine.onnx", ["b", 10, 2], matrix=np.zeros((2, 2, 3)))
    with pytest.raises(DataError, match="must have 2 features for the model, got 1"):
        bring(path, [sine], SETTINGS, tmp_path / "bundle")
