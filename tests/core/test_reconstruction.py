import numpy as np
import pytest

from streamdetect.core.reconstruction import MAX_ERROR, reconstruction_errors

WINDOWS = np.array([[[1, 10], [2, 20]], [[0, 0], [0, 0]]], dtype=np.float32)
REBUILT = np.array([[[2, 10], [5, 24]], [[0, 0], [0, 1]]], dtype=np.float32)


@pytest.mark.parametrize(
    ("metric", "by_feature"),
    [("mae", [[2, 2], [0, 0.5]]), ("mse", [[5, 8], [0, 0.5]]), ("last", [[3, 4], [0, 1]])],
)
def test_errors_are_means_over_steps_then_features(metric, by_feature):
    errors, found = reconstruction_errors(WINDOWS, REBUILT, metric)
    assert found.tolist() == by_feature
    assert errors.tolist() == np.mean(by_feature, axis=1).tolist()


@pytest.mark.parametrize("metric", ["mae", "mse", "last"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_the_largest_error(metric, value):
    rebuilt = REBUILT.copy()
    rebuilt[0] = value
    errors, _ = reconstruction_errors(WINDOWS, rebuilt, metric)
    assert errors[0] == MAX_ERROR
    assert errors[1] < MAX_ERROR


@pytest.mark.parametrize("metric", ["mae", "mse", "last"])
def test_a_window_s_error_does_not_depend_on_its_company(metric):
    rng = np.random.default_rng(0)
    windows = rng.normal(size=(64, 37, 3)).astype(np.float32)
    rebuilt = rng.normal(size=(64, 37, 3)).astype(np.float32)
    together, by_feature = reconstruction_errors(windows, rebuilt, metric)
    for at in range(64):
        alone = reconstruction_errors(windows[at : at + 1], rebuilt[at : at + 1], metric)
        assert alone[0][0] == together[at]
        assert (alone[1][0] == by_feature[at]).all()
