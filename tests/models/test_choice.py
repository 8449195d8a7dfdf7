"""Settings that are chosen from the recording."""

from __future__ import annotations

import numpy as np
import pytest

from streamdetect.bundles.architecture import Architecture
from streamdetect.errors import ConfigError
from streamdetect.training.choice import choose
from streamdetect.training.series import Series
from streamdetect.training.settings import TrainingSettings


def waves(period, count=3000, *, level=0.0, spread=1.0, features=1, interval=60.0):
    at = np.arange(count)
    wave = np.sin(2 * np.pi * at / period)[:, None] * np.ones(features)
    noise = np.random.default_rng(count).normal(0, 0.1, wave.shape)
    return Series("s", level + spread * (wave + noise), at * interval)


class TestTimeSteps:
    @pytest.mark.parametrize(("period", "steps"), [(20, 16), (100, 20), (180, 36), (600, 64)])
    def test_a_share_of_the_period(self, period, steps):
        assert choose([waves(period)], {}).settings.time_steps == pytest.approx(steps, abs=1)

    def test_lstms_learn_no_long_windows(self):
        given = {"architecture": Architecture("lstm")}
        assert choose([waves(180)], given).settings.time_steps == 32

    def test_a_period_of_a_day_is_left_to_others(self):
        daily = waves(144, interval=600.0)
        assert choose([daily], {}).settings.time_steps == 16
        assert choose([waves(144, interval=600.0, features=3)], {}).settings.time_steps == 32

    def test_given(self):
        assert choose([waves(100)], {"time_steps": 25}).settings.time_steps == 25


class TestScaler:
    @pytest.mark.parametrize(
        ("others", "scaler"),
        [
            ([], "standard"),
            ([{"level": 0.2}], "standard"),
            ([{"level": 5.0}], "sensor"),
            ([{"spread": 10.0}], "sensor"),
            ([{"spread": 0.0}], "sensor"),
        ],
        ids=["one", "alike", "another level", "another spread", "one constant"],
    )
    def test_each_by_itself_where_they_differ(self, others, scaler):
        series = [waves(50), *(waves(50, **other) for other in others)]
        assert choose(series, {}).settings.scaler == scaler


class TestArchitecture:
    def test_it_grows_with_the_window_and_compresses_it(self):
        for features, period in ((1, 20), (5, 200), (40, 200)):
            settings = choose([waves(period, features=features)], {}).settings
            assert settings.architecture.name == "dense"
            outer, latent = settings.architecture.units
            assert latent < outer <= 256
            assert latent * 2 <= settings.time_steps * features

    def test_convolutions_for_very_long_windows(self):
        assert choose([waves(50)], {"time_steps": 9000}).settings.architecture.name == "conv"

    def test_convolutions_compress_as_much_unless_a_recipe_says_otherwise(self):
        given = {"architecture": Architecture("conv")}
        assert choose([waves(200, features=5)], given).settings.architecture.latent == 16
        assert choose([waves(200)], given | {"time_steps": 20}).settings.architecture.latent == 0
        own = {"architecture": Architecture("conv", units=(8, 2))}
        assert choose([waves(200)], own).settings.architecture.latent == 0

    def test_given(self):
        given = Architecture("lstm", units=(8,))
        assert choose([waves(50)], {"architecture": given}).settings.architecture == given


class TestAmounts:
    def test_a_small_recording_is_trained_as_ever(self):
        settings, default = choose([waves(50)], {}).settings, TrainingSettings()
        assert settings.stride == 1
        assert settings.batch_size == default.batch_size
        assert settings.epochs == default.epochs

    def test_a_large_one_is_bounded(self):
        settings = choose([waves(50, 300_000)], {}).settings
        windows = 300_000 // settings.stride
        assert 30_000 < windows <= 40_000
        assert windows / settings.batch_size * settings.epochs <= 15_000

    def test_given(self):
        settings = choose([waves(50, 300_000)], {"stride": 1, "epochs": 3, "batch_size": 7}).settings
        assert (settings.stride, settings.epochs, settings.batch_size) == (1, 3, 7)

    def test_out_of_range(self):
        with pytest.raises(ConfigError, match="stride: must be >= 1"):
            choose([waves(50)], {"stride": 0})


def test_every_choice_is_said_with_its_reason():
    lines = list(choose([waves(100)], {"stride": 2}).lines())
    assert lines[0] == "time steps 20: a pattern comes round in 100 readings"
    assert lines[2] == "architecture dense (64, 8): windows of 20 numbers"
    assert not [line for line in lines if line.startswith("stride")]
