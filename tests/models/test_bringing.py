"""A model that was trained elsewhere: what fits becomes a bundle, anything else is refused by name."""

from __future__ import annotations

import json
import pickle
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from quiet_keras import save

from streamdetect.bundles.architecture import Architecture
from streamdetect.bundles.bundle import Bundle
from streamdetect.commands.bundle_options import summary
from streamdetect.config import DetectorConfig
from streamdetect.core.cutting import windows_of
from streamdetect.core.readings import Readings
from streamdetect.core.reconstruction import reconstruction_errors
from streamdetect.errors import BundleError, ConfigError, DataError
from streamdetect.service.assembly import make_detector
from streamdetect.training.fit import train
from streamdetect.training.imported import bring
from streamdetect.training.series import Series
from streamdetect.training.settings import TrainingSettings

pytest.importorskip("tensorflow")

from streamdetect.bundles.tensorflow import load_keras

SETTINGS = TrainingSettings(scaler="minmax", error="mse")
keras = load_keras()
layers = keras.layers


@pytest.fixture(autouse=True)
def seed():
    keras.utils.set_random_seed(0)


def functional(build, shape=(10, 1)):
    window = layers.Input(shape)
    return keras.Model(window, build(window))


def sequential(*parts, shape=(10, 1)):
    return keras.Sequential([layers.Input(shape), *parts])


def lstm():
    """Make an LSTM as in most tutorials."""
    return sequential(
        layers.LSTM(6), layers.RepeatVector(10), layers.LSTM(6, return_sequences=True), layers.Dense(1)
    )


def saved(model, tmp_path):
    return save(model, tmp_path / "model.keras")


def refused(path, series, tmp_path, *said, error=BundleError, **more):
    with pytest.raises(error) as caught:
        bring(path, series, SETTINGS, tmp_path / "bundle", **more)
    for words in said:
        assert words in str(caught.value)
    assert not [entry for entry in tmp_path.iterdir() if "bundle" in entry.name]


def test_a_latent_layer_of_a_model_that_was_made_in_another_process(sine, tmp_path):
    keras.utils.clear_session()
    parts = layers.Flatten(), layers.Dense(3, name="squeeze"), layers.Dense(10), layers.Reshape((10, 1))
    path = saved(sequential(*parts), tmp_path)
    keras.utils.clear_session()  # Keras counts its names from the start again
    bring(path, [sine], SETTINGS, tmp_path / "bundle", latent_layer="squeeze")
    assert Bundle.load(tmp_path / "bundle").manifest.encoder.size == 3


def test_a_sequential_model_becomes_a_bundle(sine, tmp_path):
    model = lstm()
    model.compile("adam", "mse")
    model.fit(np.zeros((4, 10, 1)), np.zeros((4, 10, 1)), verbose=0)
    path = saved(model, tmp_path)
    report = bring(path, [sine], SETTINGS, tmp_path / "bundle", features=["level"])
    manifest = Bundle.load(tmp_path / "bundle").manifest
    assert (manifest.time_steps, manifest.features, manifest.error) == (10, ("level",), "mse")
    assert (manifest.model_name, manifest.architecture, manifest.training) == ("brought", None, None)
    assert manifest.brought.parameters == report.parameters == model.count_params()
    assert (manifest.brought.scaler, manifest.scaling.kind) == ("minmax", "affine")
    assert manifest.to_bytes() == (tmp_path / "bundle/bundle.json").read_bytes()

    windows = windows_of(sine.values[:, None], 10, manifest.scaling)
    assert (windows.min(), windows.max()) == (0, 1)
    errors, _ = reconstruction_errors(windows, model.predict_on_batch(windows), "mse")
    assert np.allclose(report.errors, errors, atol=1e-6)
    assert manifest.training_error.mean == pytest.approx(errors.mean(), abs=1e-6)
    assert report.windows == manifest.training_error.count == 391
    assert np.allclose(report.bundle.reconstructor("tensorflow")(windows), model(windows), atol=1e-6)


def test_it_is_measured_as_in_training(sine, tmp_path):
    settings = TrainingSettings(
        Architecture("dense", units=(8, 3)), time_steps=8, epochs=2, scaler="sensor", stride=3
    )
    trained = train([sine], settings, tmp_path / "trained").bundle.manifest
    path = tmp_path / "trained/model.keras"
    brought = bring(path, [sine], settings, tmp_path / "bundle").bundle.manifest
    assert brought.scaling == trained.scaling
    assert brought.trained_on == trained.trained_on
    assert brought.training_error.mean == pytest.approx(trained.training_error.mean)
    assert brought.training_error.quantiles["max"] == trained.training_error.quantiles["max"]


def test_a_detector_runs_on_it(sine, tmp_path):
    path = saved(lstm(), tmp_path)
    bundle = bring(path, [sine], SETTINGS, tmp_path / "bundle").bundle
    detector = make_detector(DetectorConfig(bundle=str(bundle.path)), bundle)
    verdicts = detector.process(Readings(["a"] * 50, np.arange(50.0), sine.values[:50, None]))
    assert len(verdicts) == 50
    assert np.isnan(verdicts.errors[:9]).all()
    assert np.isfinite(verdicts.errors[9:]).all()


def test_it_is_said_when_a_window_depends_on_its_batch(sine, tmp_path):
    """elu compiles to kernels that treat the last of several numbers in their own way; tanh does not."""
    found = {}
    for activation in ("tanh", "elu"):
        model = sequential(
            layers.Flatten(), layers.Dense(30, activation), layers.Dense(10), layers.Reshape((10, 1))
        )
        model.set_weights([5 * weights for weights in model.get_weights()])
        report = bring(save(model, tmp_path / f"{activation}.keras"), [sine], SETTINGS, tmp_path / activation)
        found[activation] = summary(report, [], [])
        assert (report.graph_difference.batch > 0) == (activation == "elu")
    assert "live and backtest can differ" in found["elu"]
    assert "batches" not in found["tanh"]


@pytest.mark.parametrize(
    "model",
    [
        pytest.param(lambda: sequential(layers.GRU(1, return_sequences=True)), id="gru"),
        pytest.param(lambda: functional(lambda x: layers.MultiHeadAttention(2, 4)(x, x)), id="attention"),
        pytest.param(
            lambda: sequential(layers.Conv1D(1, 3, padding="causal"), layers.BatchNormalization()), id="conv"
        ),
        pytest.param(lambda: functional(lambda x: keras.ops.tanh(x) * 0.5), id="operations"),
        pytest.param(lambda: functional(lambda x: {"y": layers.Dense(1)(x)}), id="dictionary"),
        pytest.param(
            lambda: sequential(
                sequential(layers.LSTM(3)),
                sequential(layers.Dense(10), layers.Reshape((10, 1)), shape=(3,)),
            ),
            id="nested",
        ),
    ],
)
def test_models_of_other_kinds(model, sine, tmp_path):
    made = model()
    report = bring(saved(made, tmp_path), [sine], SETTINGS, tmp_path / "bundle")
    windows = np.random.default_rng(0).random((5, 10, 1)).astype(np.float32)
    (expected,) = keras.tree.flatten(made(windows))
    assert np.allclose(report.bundle.reconstructor()(windows), expected, atol=1e-5)


def test_windows_of_any_length_need_a_length(sine, tmp_path):
    path = saved(sequential(layers.Conv1D(1, 3, padding="same"), shape=(None, 1)), tmp_path)
    refused(path, [sine], tmp_path, "--time-steps", "got (None, None, 1)")
    bundle = bring(path, [sine], SETTINGS, tmp_path / "bundle", time_steps=7).bundle
    assert bundle.manifest.time_steps == 7
    windows = np.ones((2, 7, 1), dtype=np.float32)
    assert np.allclose(
        bundle.reconstructor("tensorflow")(windows), bundle.reconstructor()(windows), atol=1e-6
    )


def test_a_length_that_is_not_the_models(sine, tmp_path):
    path = saved(lstm(), tmp_path)
    refused(path, [sine], tmp_path, "--time-steps must be the model's 10, got 12", time_steps=12)
    assert bring(path, [sine], SETTINGS, tmp_path / "bundle", time_steps=10).windows == 391


def test_a_length_that_a_layer_cannot_take(sine, tmp_path):
    path = saved(sequential(layers.MaxPooling1D(4), layers.UpSampling1D(4), shape=(None, 1)), tmp_path)
    refused(path, [sine], tmp_path, "must give the shape that it takes", "(None, 8, 1)", time_steps=10)
    refused(path, [sine], tmp_path, "must take windows of 2 readings", time_steps=2)
    refused(path, [sine], tmp_path, "time_steps", "got 20000", error=ConfigError, time_steps=20_000)


class TestUnsafe:
    def test_a_lambda_layer(self, sine, tmp_path):
        path = saved(sequential(layers.Lambda(lambda x: x * 1.0, name="sneaky")), tmp_path)
        refused(path, [sine], tmp_path, "must not hold code", "Lambda 'sneaky'")

    def test_a_lambda_layer_in_a_model_in_the_model(self, sine, tmp_path):
        inner = sequential(layers.Lambda(lambda x: x * 1.0))
        path = saved(functional(lambda x: layers.TimeDistributed(layers.Dense(1))(inner(x))), tmp_path)
        refused(path, [sine], tmp_path, "must not hold code", "Lambda")

    def test_a_layer_of_ones_own(self, sine, tmp_path):
        class Mine(layers.Layer):
            def call(self, x):
                return x

        refused(saved(sequential(Mine()), tmp_path), [sine], tmp_path, "Keras's own layers", "Mine")

    def test_a_layer_of_ones_own_that_keras_would_find(self, sine, tmp_path):
        @keras.saving.register_keras_serializable(package="plant")
        class Registered(layers.Layer):
            def call(self, x):
                return x

        path = saved(sequential(Registered()), tmp_path)
        refused(path, [sine], tmp_path, "Keras's own layers", "plant>Registered")

    def test_a_subclassed_model(self, sine, tmp_path):
        class Autoencoder(keras.Model):
            def __init__(self):
                super().__init__()
                self.rebuild = layers.Dense(1)

            def call(self, x):
                return self.rebuild(x)

        model = Autoencoder()
        model(np.zeros((1, 10, 1)))
        refused(saved(model, tmp_path), [sine], tmp_path, "Keras's own layers", "Autoencoder")

    def test_a_function_of_ones_own(self, sine, tmp_path):
        def shout(x):
            return x * 2

        path = saved(sequential(layers.Dense(1, activation=shout)), tmp_path)
        refused(path, [sine], tmp_path, "Keras's own layers", "the function shout")

    @pytest.mark.parametrize(
        ("module", "name"), [("os", "system"), ("keras.utils", "get_file"), ("keras.src.utils", "plot_model")]
    )
    def test_a_description_that_was_tampered_with(self, sine, tmp_path, module, name):
        path = saved(sequential(layers.Dense(1)), tmp_path)
        with zipfile.ZipFile(path) as archive:
            members = {member: archive.read(member) for member in archive.namelist()}
        description = json.loads(members["config.json"])
        description["config"]["layers"][1] |= {"module": module, "class_name": name}
        members["config.json"] = json.dumps(description).encode()
        with zipfile.ZipFile(path, "w") as archive:
            for member, content in members.items():
                archive.writestr(member, content)
        refused(path, [sine], tmp_path, str(path), name)

    def test_the_older_form(self, sine, tmp_path):
        path = tmp_path / "model.h5"
        path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
        refused(path, [sine], tmp_path, "got HDF5", "model.save('model.keras')")

    def test_a_pickle_is_not_opened(self, sine, tmp_path):
        path = tmp_path / "model.keras"
        path.write_bytes(pickle.dumps(_Bomb()))
        refused(path, [sine], tmp_path, "got another file")

    def test_a_member_too_many(self, sine, tmp_path):
        path = saved(sequential(layers.Dense(1)), tmp_path)
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("assets/vocabulary.txt", "x")
        refused(path, [sine], tmp_path, "assets/vocabulary.txt")

    def test_an_archive_that_unpacks_without_end(self, sine, tmp_path):
        path = tmp_path / "model.keras"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for member in ("metadata.json", "config.json", "model.weights.h5"):
                archive.writestr(member, bytes(90 << 20))
        refused(path, [sine], tmp_path, "must unpack to at most")


class _Bomb:
    def __reduce__(self):
        return pytest.fail, ("a pickle was opened",)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"{}", bytes(1000)])
def test_what_is_no_model(sine, tmp_path, content):
    path = tmp_path / "model.keras"
    path.write_bytes(content)
    refused(path, [sine], tmp_path, "must be a model saved with", str(path))


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "[]", "{}", '{"class_name": "Functional"}'])
def test_a_description_that_is_none(sine, tmp_path, text):
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        for member in ("metadata.json", "model.weights.h5"):
            archive.writestr(member, "{}")
        archive.writestr("config.json", text)
    refused(path, [sine], tmp_path, str(path))


def test_no_file_and_no_folder(sine, tmp_path):
    refused(tmp_path / "nowhere.keras", [sine], tmp_path, "nowhere.keras", "No such file")
    refused(tmp_path, [sine], tmp_path, "Is a directory")


@pytest.mark.parametrize(
    ("model", "said"),
    [
        pytest.param(
            lambda: sequential(layers.Dense(10), shape=(10,)), "must take windows (None, T, F)", id="rank 2"
        ),
        pytest.param(
            lambda: sequential(layers.Dense(1), shape=(10, 4, 1)), "got (None, 10, 4, 1)", id="rank 4"
        ),
        pytest.param(lambda: sequential(layers.LSTM(1)), "must give the shape that it takes", id="one step"),
        pytest.param(lambda: sequential(layers.Dense(3)), "got (None, 10, 3)", id="more features"),
        pytest.param(
            lambda: functional(layers.Identity(), (10, None)), "how many features", id="any F"
        ),
        pytest.param(
            lambda: keras.Sequential([layers.Input((10, 1), batch_size=4), layers.Dense(1)]),
            "must take any number of windows",
            id="fixed batch",
        ),
        pytest.param(lambda: functional(lambda x: [x * 2.0, x]), "one output, got 2", id="two outputs"),
        pytest.param(
            lambda: keras.Model(
                ins := [layers.Input((10, 1)), layers.Input((10, 1))], layers.Add()(ins)
            ),
            "one input, got 2",
            id="two inputs",
        ),
        pytest.param(
            lambda: functional(layers.Dense(1, dtype="float16")), "float32 and float16", id="half"
        ),
        pytest.param(lambda: keras.Sequential([layers.Dense(1)]), "one input, got 0", id="never built"),
    ],
)  # fmt: skip
def test_a_model_that_does_not_fit(model, said, sine, tmp_path):
    refused(saved(model(), tmp_path), [sine], tmp_path, said, "model.keras")


def test_data_that_does_not_fit(sine, tmp_path):
    path = saved(lstm(), tmp_path)
    wide = Series("wide", np.zeros((40, 2)))
    refused(path, [wide], tmp_path, "wide: must have 1 features for the model, got 2", error=DataError)
    short = replace(sine, values=sine.values[:9])
    refused(path, [short], tmp_path, "must have 10 readings", "got 9", error=DataError)
    refused(path, [], tmp_path, "at least one series", error=DataError)


def test_a_model_that_does_not_compile(sine, tmp_path, capfd):
    path = saved(functional(lambda x: keras.ops.erfinv(keras.ops.tanh(x))), tmp_path)
    refused(path, [sine], tmp_path, "must convert to ONNX", "Erfinv")
    assert "Erfinv" not in capfd.readouterr().err


def test_a_model_whose_windows_are_not_independent(sine, tmp_path):
    path = saved(functional(lambda x: x - keras.ops.mean(x, axis=0, keepdims=True)), tmp_path)
    refused(path, [sine], tmp_path, "must be within 0.0001 of Keras")


def test_a_model_that_gives_no_numbers(sine, tmp_path):
    path = saved(functional(lambda x: keras.ops.log(x - 10.0)), tmp_path)
    refused(path, [sine], tmp_path, "must be within 0.0001 of Keras", "got nan")


def test_nothing_else_is_overwritten(sine, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    with pytest.raises(BundleError, match=r"got notes\.txt"):
        bring(saved(lstm(), tmp_path), [sine], SETTINGS, out)
