"""Normal readings become a bundle that runs."""

from __future__ import annotations

import contextlib
import dataclasses
import resource

import numpy as np
import pytest

from streamdetect.bundles.architecture import Architecture
from streamdetect.bundles.bundle import Bundle
from streamdetect.core.cutting import windows_of
from streamdetect.core.reconstruction import reconstruction_errors
from streamdetect.errors import BundleError, ConfigError, DataError
from streamdetect.training import fit
from streamdetect.training.fit import train
from streamdetect.training.general import GeneralSettings, make
from streamdetect.training.series import Series, prepare
from streamdetect.training.settings import TrainingSettings
from streamdetect.training.synthetic import SHAPES, normal_series

QUICK = TrainingSettings(Architecture("dense", units=(16, 6)), time_steps=12, epochs=30)


def stopping_in_epoch(number):
    """Return training_progress with a Ctrl-C in the middle of an epoch, 1 = the first."""

    @contextlib.contextmanager
    def progress(keras, _epochs, batches, **_options):
        def press(batch, **_logs):
            seen.append(batch)
            if len(seen) == (number - 1) * batches + batches // 2:
                raise KeyboardInterrupt

        seen = []
        yield [keras.callbacks.LambdaCallback(on_train_batch_end=press)]

    return progress


@pytest.fixture(scope="module")
def trained(sine, tmp_path_factory):
    pytest.importorskip("tensorflow")
    return train([sine], QUICK, tmp_path_factory.mktemp("trained") / "bundle")


@pytest.mark.usefixtures("tensorflow")
class TestTrain:
    def test_the_loss_falls(self, trained):
        losses = trained.history["loss"]
        assert losses[-1] < losses[0] / 4
        assert len(trained.history["val_loss"]) == len(losses)

    def test_the_bundle_holds_the_errors_of_what_runs(self, sine, trained):
        manifest = trained.bundle.manifest
        windows = windows_of(sine.values[:, None], 12, manifest.scaling)
        rebuilt = trained.bundle.reconstructor()(windows)
        errors, by_feature = reconstruction_errors(windows, rebuilt, "mae")
        assert np.array_equal(errors, trained.errors)
        assert manifest.training_error.mean == pytest.approx(errors.mean())
        assert manifest.training_error.std == pytest.approx(errors.std())
        assert manifest.training_error.count == trained.windows == len(windows) == 389
        assert manifest.training_error.quantiles["max"] == errors.max()
        assert manifest.training_error.feature_means == pytest.approx((by_feature.mean(),))
        assert trained.threshold == pytest.approx(errors.mean() + 2 * errors.std())

    def test_both_runtimes_give_the_same_errors(self, sine, trained):
        windows = windows_of(sine.values[:, None], 12, trained.bundle.manifest.scaling)
        rebuilt = trained.bundle.reconstructor("tensorflow")(windows)
        assert np.allclose(reconstruction_errors(windows, rebuilt, "mae")[0], trained.errors, atol=1e-5)

    def test_a_spike_stands_out(self, sine, trained):
        spiked = sine.values.copy()
        spiked[200] += 10
        windows = windows_of(spiked[:, None], 12, trained.bundle.manifest.scaling)
        errors, _ = reconstruction_errors(windows, trained.bundle.reconstructor()(windows), "mae")
        assert (errors[189:201] > trained.threshold).all()

    def test_the_record(self, sine, trained):
        manifest = Bundle.load(trained.bundle.path).manifest
        (source,) = manifest.trained_on
        assert (source.name, source.rows, source.windows) == ("sine", 400, 389)
        assert source.sha256 == dataclasses.replace(sine).checked().digest()
        assert manifest.training.epochs_run == len(trained.history["loss"])
        assert manifest.training.parameters == trained.parameters
        assert manifest.training.max_gap is None
        assert manifest.architecture.activation == "relu"
        assert manifest.graph_difference == trained.graph_difference
        assert {"keras", "tensorflow", "onnxruntime", "streamdetect"} <= set(manifest.versions)

    def test_the_same_seed_gives_the_same_errors(self, sine, trained, tmp_path):
        again = train([sine], QUICK, tmp_path / "again")
        other = train([sine], dataclasses.replace(QUICK, seed=1), tmp_path / "other")
        assert np.array_equal(again.errors, trained.errors)
        assert not np.array_equal(other.errors, trained.errors)

    def test_early_stopping_keeps_the_best(self, sine, tmp_path):
        settings = dataclasses.replace(QUICK, learning_rate=0.3, epochs=60, patience=2)
        report = train([sine], settings, tmp_path / "bundle")
        losses = report.history["val_loss"]
        assert len(losses) < 60
        assert min(losses) == losses[-3]

    def test_an_earlier_bundle_is_replaced_and_its_pictures_stay(self, sine, trained, tmp_path):
        out = tmp_path / "bundle"
        first = train([sine], dataclasses.replace(QUICK, epochs=1), out)
        (out / "training.png").write_bytes(b"picture")
        second = train([sine], dataclasses.replace(QUICK, epochs=2), out)
        assert first.bundle.fingerprint != second.bundle.fingerprint == Bundle.load(out).fingerprint
        assert (out / "training.png").exists()
        assert [entry.name for entry in tmp_path.iterdir()] == ["bundle"]
        assert trained.bundle.path != out

    def test_several_features_from_several_series(self, tmp_path):
        rng = np.random.default_rng(0)
        series = [Series(name, rng.normal(size=(60, 2)) * [1, 100], np.arange(60.0)) for name in "ab"]
        settings = dataclasses.replace(QUICK, epochs=1, error="mse", max_gap=5.0)
        manifest = train(series, settings, tmp_path / "b", features=["t", "p"]).bundle.manifest
        assert manifest.features == ("t", "p")
        assert manifest.error == "mse"
        assert manifest.training.max_gap == 5.0
        assert manifest.scaling.scale[1] == pytest.approx(100, rel=0.3)
        assert len(manifest.training_error.feature_means) == 2

    def test_a_single_window_is_enough(self, tmp_path):
        settings = dataclasses.replace(QUICK, time_steps=10, epochs=2, scaler="minmax")
        report = train([Series("toy", np.arange(1.0, 11.0))], settings, tmp_path / "bundle")
        assert report.windows == 1
        assert list(report.history) == ["loss"]

    def test_ctrl_c_keeps_the_best_so_far(self, sine, tmp_path, monkeypatch):
        settings = dataclasses.replace(QUICK, epochs=40, learning_rate=0.01)
        whole = train([sine], dataclasses.replace(settings, epochs=3), tmp_path / "three")
        monkeypatch.setattr(fit, "training_progress", stopping_in_epoch(4))
        stopped = train([sine], settings, tmp_path / "stopped")
        assert stopped.interrupted
        assert not whole.interrupted
        assert stopped.history == whole.history
        assert np.array_equal(stopped.errors, whole.errors)

    def test_what_ctrl_c_left_goes_on_and_gets_no_worse(self, sine, tmp_path, monkeypatch):
        settings = dataclasses.replace(QUICK, epochs=8, learning_rate=0.01)
        with monkeypatch.context() as patched:
            patched.setattr(fit, "training_progress", stopping_in_epoch(4))
            left = train([sine], settings, tmp_path / "b")
        assert left.bundle.manifest.training.epochs_run == 3
        with pytest.raises(DataError, match=r"must be those that .* was trained on \(sine\)"):
            train([Series("other", sine.values)], settings, tmp_path / "b", resumed=left.bundle)
        whole = train([sine], settings, tmp_path / "b", resumed=left.bundle)
        assert whole.bundle.manifest.training.epochs_run == 8
        assert len(whole.history["loss"]) == 5
        assert whole.history["loss"][0] < left.history["loss"][0] / 2
        assert whole.explained.variance >= left.explained.variance

    def test_a_model_that_gets_no_better_stays_as_it_was(self, sine, tmp_path):
        first = train([sine], dataclasses.replace(QUICK, epochs=6), tmp_path / "b")
        worse = dataclasses.replace(QUICK, epochs=8, learning_rate=10.0)
        again = train([sine], worse, tmp_path / "b", resumed=first.bundle)
        assert np.array_equal(again.errors, first.errors)

    def test_ctrl_c_before_anything_is_learnt_writes_nothing(self, sine, tmp_path, monkeypatch):
        monkeypatch.setattr(fit, "training_progress", stopping_in_epoch(1))
        with pytest.raises(KeyboardInterrupt):
            train([sine], QUICK, tmp_path / "bundle")
        assert not list(tmp_path.iterdir())

    def test_a_full_disk_is_found_before_the_work(self, sine, tmp_path, monkeypatch):
        monkeypatch.setattr(fit, "prepare", lambda *_: pytest.fail("the work began"))
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
        try:
            with pytest.raises(BundleError, match="must have room for a bundle"):
                train([sine], QUICK, tmp_path / "bundle")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert not list(tmp_path.iterdir())

    def test_a_constant_is_refused(self, tmp_path):
        with pytest.raises(DataError, match="must vary, got constant values in value"):
            train([Series("stuck", np.full(100, 20.5))], QUICK, tmp_path / "bundle")

    def test_what_the_model_explains(self, trained):
        explained = trained.bundle.manifest.explained
        assert explained == trained.explained
        assert explained.variance > 0.95
        assert explained.shuffled < 0.7
        assert trained.bundle.manifest.period == 31
        assert trained.bundle.manifest.interval is None

    def test_a_fit_that_diverges_writes_nothing(self, sine, tmp_path):
        settings = dataclasses.replace(QUICK, learning_rate=1e30, epochs=3)
        with pytest.raises(BundleError, match="the loss must stay finite"):
            train([sine], settings, tmp_path / "bundle")
        assert not list(tmp_path.iterdir())

    def test_the_general_bundle_comes_out_the_same(self, tmp_path):
        training = dataclasses.replace(QUICK, scaler="sensor", epochs=2, stride=5)
        settings = GeneralSettings(training, seed=3, each=1, readings=300)
        first = make(tmp_path / "first", settings).bundle.manifest
        second = make(tmp_path / "second", settings).bundle.manifest
        assert first.training_error == second.training_error
        assert first.trained_on == second.trained_on
        assert [source.name for source in first.trained_on] == [f"{shape.__name__}-0" for shape in SHAPES]


@pytest.fixture
def tensorflow():
    return pytest.importorskip("tensorflow")


@pytest.mark.parametrize("name", ["notes.txt", "model.h5", "subdirectory"])
def test_nothing_but_a_bundle_is_overwritten(sine, tmp_path, name):
    (tmp_path / name).mkdir() if name == "subdirectory" else (tmp_path / name).write_text("mine")
    with pytest.raises(BundleError, match=f"must be empty or a bundle to be overwritten, got {name}"):
        train([sine], QUICK, tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


def test_a_file_is_not_overwritten(sine, tmp_path):
    (tmp_path / "bundle").write_text("mine")
    with pytest.raises(BundleError, match="must be a directory or not exist yet"):
        train([sine], QUICK, tmp_path / "bundle")


@pytest.mark.parametrize(
    ("series", "said"),
    [
        ([], "at least one series"),
        ([Series("short", np.zeros(11))], "must have 12 readings"),
        ([Series("gaps", np.zeros(40), np.arange(40.0) * 100)], "without a gap"),
        ([Series("a", np.zeros((40, 1))), Series("b", np.zeros((40, 2)))], "b: must have 1 features, got 2"),
        (
            [Series("holes", np.array([0.0, np.nan, 1.0]))],
            r"holes: values must be finite, got \[nan\] in row 1",
        ),
        ([Series("times", np.zeros(40), np.full(40, np.inf))], "times must be finite"),
        ([Series("times", np.zeros(40), np.zeros(39))], r"times must be \(40,\), got shape \(39,\)"),
        ([Series("cube", np.zeros((4, 4, 4)))], r"values must be \(N, F\)"),
    ],
)
def test_series_that_cannot_be_trained_on(tmp_path, series, said):
    with pytest.raises(DataError, match=said):
        train(series, dataclasses.replace(QUICK, max_gap=10.0), tmp_path / "bundle")
    assert not list(tmp_path.iterdir())


def test_every_setting_out_of_range_is_named():
    broken = {
        "time_steps": 0,
        "scaler": "magic",
        "scaler_history": 0,
        "error": "rmse",
        "loss": "hinge",
        "learning_rate": float("nan"),
        "epochs": 0,
        "batch_size": 0,
        "validation_split": 1.0,
        "patience": -1,
        "seed": -1,
        "stride": 0,
        "max_gap": 0.0,
    }
    with pytest.raises(ConfigError) as caught:
        TrainingSettings(**broken)
    assert {problem.path for problem in caught.value.problems} == set(broken)


@pytest.mark.parametrize(
    ("scaler", "offset", "scale"),
    [("minmax", 0.0, 100.0), ("standard", 50.0, 29.155), ("robust", 50.0, 50.0)],
)
def test_scalers_are_fitted_on_all_series(scaler, offset, scale):
    series = [Series("low", np.arange(50.0)), Series("high", np.arange(50.0, 101.0))]
    scaling = prepare(series, dataclasses.replace(QUICK, scaler=scaler)).scaling
    assert scaling.kind == "affine"
    assert scaling.offset == pytest.approx((offset,))
    assert scaling.scale == pytest.approx((scale,), rel=1e-4)


@pytest.mark.parametrize("scaler", ["minmax", "standard", "robust"])
def test_a_feature_that_is_constant_scales_to_zero(scaler):
    values = np.column_stack([np.arange(50.0), np.full(50, 0.1)])
    prepared = prepare([Series("a", values)], dataclasses.replace(QUICK, scaler=scaler))
    assert np.abs(prepared.fitted[:, :, 1]).max() < 1e-6


def test_a_small_spread_on_a_large_offset_is_kept():
    values = 1e8 + np.random.default_rng(0).uniform(-2, 2, 500)
    prepared = prepare([Series("a", values)], dataclasses.replace(QUICK, scaler="standard"))
    assert prepared.fitted.std() == pytest.approx(1, rel=0.05)


@pytest.mark.parametrize("scaler", ["none", "sensor", "window"])
def test_scalers_that_are_never_fitted(sine, scaler):
    scaling = prepare([sine], dataclasses.replace(QUICK, scaler=scaler, scaler_history=512)).scaling
    assert (scaling.kind, scaling.offset, scaling.scale) == (scaler, (), ())
    assert scaling.history == (512 if scaler == "sensor" else 2048)


def test_the_latest_windows_of_each_series_are_held_out():
    series = [Series("a", np.arange(50.0)), Series("b", np.arange(100.0, 150.0))]
    settings = dataclasses.replace(QUICK, time_steps=1, scaler="none", validation_split=0.1)
    prepared = prepare(series, settings)
    assert prepared.held_out.ravel().tolist() == [*range(45, 50), *range(145, 150)]
    assert len(prepared.fitted) == 90


def test_windows_far_out_of_their_sensors_spread_are_left_out():
    values = np.random.default_rng(0).normal(size=400)
    values[300] = 50
    series = [Series("a", values)]
    prepared = prepare(series, dataclasses.replace(QUICK, scaler="sensor"))
    assert (prepared.sources[0].windows, prepared.sources[0].left_out) == (389 - 12, 12)
    assert np.abs(prepared.fitted).max() < 10
    fitted = prepare(series, dataclasses.replace(QUICK, scaler="standard"))
    assert (fitted.sources[0].windows, fitted.sources[0].left_out) == (389, 0)


def test_made_up_series_come_from_their_seed_alone():
    first, again, other = (normal_series(seed, 2, 500) for seed in (1, 1, 2))
    assert [one.digest() for one in first] == [one.digest() for one in again]
    assert not {one.digest() for one in first} & {one.digest() for one in other}
    assert len(first) == 2 * len(SHAPES)
    assert all(np.isfinite(one.values).all() and one.values.shape == (500,) for one in first)
