"""Every kind of threshold against its textbook, one error at a time in plain numpy."""

import numpy as np
import pytest
from test_judging import TRAINING, judged, stream

from streamdetect.core.thresholds import ThresholdSettings

FLOOR = 0.05 * TRAINING.std


def ewma(past, settings):
    mean = variance = 0.0
    for at, error in enumerate(past):
        alpha = max(2 / (settings.history + 1), 1 / (at + 1))
        delta = error - mean
        mean += alpha * delta
        variance = (1 - alpha) * (variance + alpha * delta**2)
    return mean + settings.sigma * max(variance**0.5, FLOOR)


def robust(past, settings):
    past = past[-settings.history :]
    mad = 1.482602218505602 * np.median(np.abs(past - np.median(past)))
    return np.median(past) + settings.sigma * max(mad, FLOOR)


def quantile(past, settings):
    past = past[-settings.history :]
    return max(np.quantile(past, settings.quantile), np.median(past) + FLOOR)


def pot(past, settings):
    past = past[-settings.history :]
    start = np.quantile(past, 0.98)
    peaks = np.sort(past[past > start] - start)
    if len(peaks) < 10:
        return past.max() + FLOOR
    shares = (np.arange(1, len(peaks) + 1) - 0.35) / len(peaks)
    a0, a1 = peaks.mean(), ((1 - shares) * peaks).mean()
    k = a0 / (a0 - 2 * a1) - 2
    scale = 2 * a0 * a1 / (a0 - 2 * a1)
    return start + scale / k * (1 - (settings.risk * len(past) / len(peaks)) ** k)


def reference(settings, find, errors, every):
    """Thresholds and verdicts, the limit found anew after each `every` remembered errors."""
    past, found = [], []
    limit = TRAINING.mean + settings.sigma * TRAINING.std
    for error in errors:
        known = len(past) >= settings.min_count
        if known and (len(past) - settings.min_count) % every == 0:
            limit = find(np.array(past), settings)
        found.append((limit, error > limit))
        if error <= limit:
            past.append(error)
    return found


@pytest.mark.parametrize(
    ("kind", "find", "every"),
    [("ewma", ewma, 1), ("robust", robust, 6), ("quantile", quantile, 6), ("pot", pot, 6)],
)
@pytest.mark.parametrize("seed", range(3))
def test_verdicts_are_those_of_the_textbook(kind, find, every, seed):
    settings = ThresholdSettings(
        kind=kind,
        sigma=4.0,
        history=100,
        min_count=20,
        regime_change_after=0,
        guard=0.0,
        smoothing=1,
        sigma_floor=0.05,
    )
    errors = stream(seed)
    found = judged(settings, errors)
    expected = reference(settings, find, errors, every)
    np.testing.assert_allclose([row[1] for row in found], [row[0] for row in expected], rtol=1e-9)
    assert [row[2] for row in found] == [row[1] for row in expected]
    assert any(row[2] for row in found)
    assert not all(row[2] for row in found)


def test_peaks_over_threshold_find_the_quantile_of_a_known_tail():
    rng = np.random.default_rng(0)
    settings = ThresholdSettings(
        kind="pot", history=20_000, min_count=20_000, until_min_count="silent", smoothing=1, sigma_floor=0.05
    )
    errors = np.append(rng.exponential(size=20_000), 0.0)
    threshold = judged(settings, errors)[-1][1]
    assert threshold == pytest.approx(-np.log(1e-4), rel=0.15)


@pytest.mark.parametrize("kind", ["rolling", "ewma", "robust", "quantile", "pot"])
def test_a_constant_error_is_no_anomaly_for_any_kind(kind):
    settings = ThresholdSettings(kind=kind, history=64, min_count=16, smoothing=1, sigma_floor=0.05)
    assert not any(row[2] for row in judged(settings, [0.3] * 200))


@pytest.mark.parametrize("kind", ["rolling", "ewma", "robust", "quantile", "pot"])
def test_every_kind_that_learns_escapes_a_level_shift(kind):
    settings = ThresholdSettings(
        kind=kind, history=64, min_count=16, regime_change_after=20, guard=0.0, smoothing=1, sigma_floor=0.05
    )
    rng = np.random.default_rng(1)
    errors = [*rng.gamma(4.0, 0.1, 60), *(10 + rng.gamma(4.0, 0.1, 100))]
    found = judged(settings, errors)
    assert next(at for at, row in enumerate(found) if row[3]) >= 79
    assert not all(row[2] for row in found[100:])
    assert found[-1][1] > 10


@pytest.mark.parametrize(("kind", "limit"), [("training", 0.5 + 2 * 0.2), ("fixed", 0.65)])
def test_a_constant_threshold_stays(kind, limit):
    settings = ThresholdSettings(
        kind=kind, level=0.65, regime_change_after=5, min_count=2, smoothing=1, sigma_floor=0.05
    )
    found = judged(settings, [0.1, 5.0, 0.2, *[9.0] * 20, 0.3])
    assert {row[1] for row in found} == {limit}
    assert not any(row[3] for row in found)
    assert [row[2] for row in found] == [False, True, False, *[True] * 20, False]
