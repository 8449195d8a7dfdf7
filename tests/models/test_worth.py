"""The share that a model explains, and the models that cannot work."""

from __future__ import annotations

import numpy as np
import pytest

from streamdetect.bundles.manifest import Source
from streamdetect.core.scaling import PADDING, SCALED_LIMIT, Scaling
from streamdetect.errors import BundleError, DataError
from streamdetect.training.series import Prepared
from streamdetect.training.worth import check_data, explain, warnings

RNG = np.random.default_rng(6)


def prepared(windows, unseen=0, left_out=0):
    source = Source(name="s", rows=1, windows=len(windows), left_out=left_out, sha256="0" * 64)
    cut = len(windows) - unseen
    return Prepared(Scaling(), windows[:cut], windows[cut:], windows[cut:], (source,))


def sines(count=500, features=1):
    phase = RNG.random((count, 1, features))
    return np.sin(2 * np.pi * (np.arange(20)[:, None] / 20 + phase)).astype(np.float32)


def projected(windows):
    """The best model of sines there is: the part of a window that is a sine of this length."""
    at = 2 * np.pi * np.arange(windows.shape[1]) / 20
    basis = np.stack([np.sin(at), np.cos(at)]) / np.sqrt(windows.shape[1] / 2)
    return np.einsum("ks,kt,mtf->msf", basis, basis, windows).astype(np.float32)


def said(windows, graph, period=None, **facts):
    data = prepared(windows, **facts)
    names = [f"f{at}" for at in range(windows.shape[2])]
    return list(warnings(explain(graph, data), data, graph, names, period))


class TestExplain:
    def test_a_model_of_the_pattern(self):
        found = explain(projected, prepared(sines(), unseen=200))
        assert found.variance == pytest.approx(1, abs=1e-6)
        assert found.shuffled == pytest.approx(2 / 20, abs=0.03), "two of twenty dimensions of noise"
        assert found.held_out

    def test_too_few_unseen_windows(self):
        assert not explain(projected, prepared(sines(), unseen=50)).held_out

    def test_the_mean_explains_nothing(self):
        found = explain(np.zeros_like, prepared(sines()))
        assert found.variance == pytest.approx(0, abs=1e-3)

    def test_padding_does_not_count(self):
        windows = sines()
        windows[:250, :7] = PADDING
        found = explain(lambda given: np.where(given == PADDING, 1e9, 0.5 * given), prepared(windows))
        assert found.variance == pytest.approx(0.75, abs=1e-3)
        assert found.shuffled == pytest.approx(0.75, abs=1e-3)

    def test_an_identity_is_refused(self):
        with pytest.raises(BundleError, match="must not rebuild every input, got 100"):
            explain(lambda windows: windows, prepared(sines()))


class TestData:
    def test_a_constant_is_refused(self):
        with pytest.raises(DataError, match="must vary, got constant values in a, b"):
            check_data(prepared(np.ones((5, 4, 2), dtype=np.float32)), ["a", "b"])

    def test_one_feature_that_moves_is_enough(self):
        windows = np.ones((5, 4, 2), dtype=np.float32)
        windows[:, :, 1] = RNG.normal(size=(5, 4))
        check_data(prepared(windows), ["a", "b"])


class TestWarnings:
    def test_none_of_a_sound_model(self):
        assert said(sines(), projected, period=20) == []

    def test_a_single_window(self):
        (text,) = said(sines(1), projected)
        assert text.startswith("learnt from 1 window;")

    def test_a_feature_that_never_moves(self):
        windows = sines(features=2)
        windows[:, :, 1] = 3
        (text,) = said(windows, lambda given: np.where(given == 3, 3, projected(given)))
        assert text.startswith("f1 never moves")

    def test_untrained(self):
        texts = said(sines(), np.zeros_like)
        assert texts[0] == "explains 0% of the variance: untrained, or there is nothing but noise"

    def test_near_an_identity(self):
        (text,) = said(sines(), lambda windows: 0.8 * windows)
        assert text.startswith("rebuilds 96% of shuffled windows, too")

    def test_a_bounded_output(self):
        texts = said(sines() * 3, lambda windows: projected(windows).clip(0, 1))
        assert [text for text in texts if text.startswith("rebuilds nothing outside 0 to 1, where")]

    def test_windows_left_out_and_values_clipped(self):
        windows = sines()
        windows[:100, 0] = SCALED_LIMIT
        texts = said(windows, projected, left_out=300)
        assert texts[0] == "38% of the windows were left out as too far from the sensor's past"
        assert texts[1].startswith("1% of the scaled values are clipped at 1e+06")

    def test_a_window_shorter_than_the_season(self):
        (text,) = said(sines(), projected, period=1440)
        assert text.startswith("a window of 20 readings is far shorter than the period of 1440")
