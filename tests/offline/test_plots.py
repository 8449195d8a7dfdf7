"""Pictures: that they are drawn, and that they say what they must."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import numpy as np
import pytest

from streamdetect.offline import plots
from streamdetect.offline.backtest import backtest
from streamdetect.offline.backtest.rebuilding import Rebuilt
from streamdetect.offline.plots.drawing import broken, thinned
from streamdetect.offline.recordings import Recording

image = pytest.importorskip("matplotlib.image", reason="the extra plot is not installed")

YEAR = 365 * 86400.0


def drawn(path):
    """The picture's pixels: not empty, and of a size to be read."""
    pixels = image.imread(path)
    assert min(pixels.shape[:2]) > 300
    assert pixels.std() > 0.02
    return pixels


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_sensor(make_detector, spiked, tmp_path):
    (result,) = backtest(make_detector(), [spiked])
    figure = plots.sensor(result, tmp_path / "new" / "pump.png")
    drawn(tmp_path / "new" / "pump.png")
    series, error = figure.axes
    assert series.get_title(loc="left") == ("pump:  300 readings, 10 anomalous, 3 incidents")
    assert series.get_ylabel() == "f0"
    assert error.get_ylabel() == "reconstruction error (MAE)"
    assert error.get_xlabel() == "2023-11-14, time in UTC"
    assert legend(figure) == [
        "usual", "reading", "anomalous", "known anomaly", "incident", "reconstruction error", "threshold"
    ]  # fmt: skip
    lines = {line.get_label(): line for line in error.lines}
    np.testing.assert_array_equal(lines["reconstruction error"].get_ydata(), result.errors[3:])
    np.testing.assert_array_equal(lines["threshold"].get_ydata(), result.thresholds[3:])
    assert len(lines["anomalous"].get_ydata()) == result.anomalous.sum()
    assert series.get_xlim() == error.get_xlim()


def test_colours_tell_what_is_what(make_detector, spiked, tmp_path):
    """The known band, the incidents and the marks differ from the background and each other, in grey, too."""
    (result,) = backtest(make_detector(), [spiked])
    pixels = (
        np.asarray(plots.sensor(result, tmp_path / "a.png") and drawn(tmp_path / "a.png"))[..., :3] * 255
    ).astype(int)
    for colour in ((0x56, 0xB4, 0xE9), (0xD5, 0x5E, 0x00), (0x00, 0x72, 0xB2)):
        assert (np.abs(pixels - colour).sum(axis=2) < 12).sum() > 20


@pytest.mark.parametrize(
    ("start", "span", "label"),
    [
        (1.7e9, 3600.0, "time in UTC"),
        (1.7e9, 2 * YEAR, "2023-11-14 to 2025-11-13, time in UTC"),
        (0.0, 50.0, "time since the start (s)"),
        (0.0, 3000.0, "time since the start (min)"),
        (0.0, 30_000.0, "time since the start (h)"),
        (0.0, 900_000.0, "time since the start (days)"),
    ],
)
def test_time_axis(make_detector, make_recording, tmp_path, start, span, label):
    times = start + np.linspace(0, span, 200)
    (result,) = backtest(make_detector(), [make_recording(np.sin(np.arange(200.0)), times=times)])
    figure = plots.sensor(result, tmp_path / "a.png")
    axis = figure.axes[-1]
    assert label in axis.get_xlabel()
    ticks = [text.get_text() for text in axis.get_xticklabels() if text.get_text()]
    low, high = axis.get_xlim()
    inside = [tick for tick in axis.get_xticks() if low <= tick <= high]
    assert 3 <= len(inside) <= 12
    assert len(ticks) >= len(inside)


def test_several_features_blame_the_one(make_detector, make_recording, tmp_path):
    values = np.random.default_rng(0).normal(0, 0.1, (300, 2))
    values[200, 1] += 20
    (result,) = backtest(make_detector(features=2), [make_recording(values, features=("flow", "level"))])
    flow, level, _ = plots.sensor(result, tmp_path / "a.png").axes
    marks = [
        len(next(line for line in axis.lines if line.get_label() == "anomalous").get_xdata())
        for axis in (flow, level)
    ]
    assert marks == [0, 4]


def test_of_many_features_the_worst_are_drawn(make_detector, make_recording, tmp_path):
    values = np.random.default_rng(0).normal(0, 0.1, (200, 9))
    values[150, 7] += 90
    names = tuple("abcdefghi")
    (result,) = backtest(make_detector(features=9), [make_recording(values, features=names)])
    figure = plots.sensor(result, tmp_path / "a.png", metric="mse")
    labels = [axis.get_ylabel() for axis in figure.axes]
    assert len(labels) == 7
    assert "h" in labels
    assert labels[-1] == "reconstruction error (MSE)"
    assert "6 of 9 features" in figure.axes[0].get_title(loc="left")


def test_an_enormous_error_makes_the_axis_logarithmic(make_detector, make_recording, tmp_path):
    values = np.random.default_rng(0).normal(0, 0.1, 300)
    assert (
        plots.sensor(backtest(make_detector(), [make_recording(values)])[0], tmp_path / "a.png")
        .axes[-1]
        .get_yscale()
        == "linear"
    )
    values[200] = 1e6
    values[20:40] = 0.0  # rebuilt exactly
    axis = plots.sensor(backtest(make_detector(), [make_recording(values)])[0], tmp_path / "a.png").axes[-1]
    assert axis.get_yscale() == "log"
    assert axis.get_ylim()[0] > 1e-4


def test_days_are_named_with_their_month(make_detector, make_recording, tmp_path):
    times = 1.7e9 + np.linspace(0, 6 * 86400, 300)
    (result,) = backtest(make_detector(), [make_recording(np.ones(300), times=times)])
    figure = plots.sensor(result, tmp_path / "a.png")
    figure.canvas.draw()
    ticks = [text.get_text() for text in figure.axes[-1].get_xticklabels() if text.get_text()]
    assert ticks
    assert all(tick.startswith("Nov ") for tick in ticks)
    assert "anomalous" not in legend(figure)


def test_seconds_are_told_from_minutes(make_detector, make_recording, tmp_path):
    times = 1.7e9 + np.linspace(0, 30, 300)
    (result,) = backtest(make_detector(), [make_recording(np.ones(300), times=times)])
    figure = plots.sensor(result, tmp_path / "a.png")
    figure.canvas.draw()
    ticks = [text.get_text() for text in figure.axes[-1].get_xticklabels() if text.get_text()]
    assert ticks
    assert all(tick.startswith("22:13:") for tick in ticks)


@pytest.mark.parametrize("length", [0, 1, 3, 4, 5])
def test_hardly_any_readings(make_detector, make_recording, tmp_path, length):
    recordings = [make_recording(np.ones(length)), make_recording(np.ones(9), sensor="other")]
    result = backtest(make_detector(), recordings)[0]
    plots.sensor(result, tmp_path / "a.png")
    drawn(tmp_path / "a.png")


def test_constant_series_without_threshold(make_detector, make_recording, tmp_path):
    detector = make_detector(level=None, min_count=50)
    (result,) = backtest(detector, [make_recording(np.full(40, 3.0))])
    assert np.isnan(result.thresholds).all()
    plots.sensor(result, tmp_path / "a.png")
    drawn(tmp_path / "a.png")


def test_lines_are_broken_at_gaps_that_can_be_seen():
    times = np.concatenate([np.arange(100.0), 500 + np.arange(100.0)])
    x, y = broken(times, np.ones(200))
    assert np.isnan(y).sum() == 1
    assert x[np.isnan(y)] == 500
    assert not np.isnan(broken(np.arange(200.0), np.ones(200))[1]).any()
    assert len(broken(np.arange(1.0), np.ones(1))[0]) == 1


def test_thinning_keeps_extremes_gaps_and_order():
    random = np.random.default_rng(0)
    times, values = np.arange(100_000.0), random.normal(size=100_000)
    values[[777, 50_001]] = 99, -99
    values[30_000] = np.nan
    x, y = thinned(times, values, 2000)
    assert len(x) <= 2001
    assert {777.0, 50_001.0, 30_000.0} <= set(x)
    assert np.isnan(y).sum() == 1
    assert (np.diff(x) > 0).all()
    np.testing.assert_array_equal(y, values[x.astype(int)])
    all_nan = thinned(times, np.full(100_000, np.nan), 2000)
    assert np.isnan(all_nan[1]).all()


def test_training_loss(tmp_path):
    figure = plots.training_loss(
        {"loss": [3.0, 0.5, 0.1, 0.02], "val_loss": [2.0, 0.3, 0.05, 0.06]}, tmp_path / "a.png"
    )
    drawn(tmp_path / "a.png")
    (axis,) = figure.axes
    assert [text.get_text() for text in axis.get_legend().get_texts()] == [
        "training", "validation", "lowest: 0.05 at epoch 3"
    ]  # fmt: skip
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("epoch", "loss")
    assert all(tick == int(tick) for tick in axis.get_xticks())


@pytest.mark.parametrize(
    "losses", [{"loss": [0.5]}, {"loss": [float("nan")] * 3, "val_loss": [float("nan")] * 3}]
)
def test_training_loss_of_one_epoch_or_of_none_finite(tmp_path, losses):
    plots.training_loss(losses, tmp_path / "a.png")
    drawn(tmp_path / "a.png")


def test_error_histogram(tmp_path):
    errors = np.concatenate([np.linspace(0, 1, 99), [5.0]])
    figure = plots.error_histogram(errors, 2.0, tmp_path / "a.png", "Errors of the training", "mse")
    drawn(tmp_path / "a.png")
    (axis,) = figure.axes
    assert axis.get_title(loc="left") == "Errors of the training"
    assert axis.get_xlabel() == "reconstruction error (MSE)"
    assert legend(figure) == ["99 windows up to the threshold", "1 windows above it", "threshold 2"]
    assert sum(patch.get_height() for patch in axis.patches) == 100


def test_error_histogram_of_a_threshold_that_moves(tmp_path):
    """Each window counts by the threshold that it was held against, if it had one."""
    errors = np.array([1.0, 2.0, 3.0, 1e6])
    figure = plots.error_histogram(errors, np.array([np.nan, 1.0, 5.0, 9.0]), tmp_path / "a.png")
    drawn(tmp_path / "a.png")
    (axis,) = figure.axes
    *counts, threshold = legend(figure)
    assert counts == ["2 windows up to the threshold", "2 windows above it"]
    assert threshold == "threshold 5, between 1 and 9"
    assert axis.get_xscale() == "log"
    assert sum(bar.get_height() for container in axis.containers for bar in container) == 4


@pytest.mark.parametrize("errors", [np.empty(0), np.array([0.25]), np.full(50, 0.25), np.zeros(9)])
def test_error_histogram_of_hardly_anything(tmp_path, errors):
    figure = plots.error_histogram(errors, np.full(len(errors), np.nan), tmp_path / "a.png")
    drawn(tmp_path / "a.png")
    assert sum(bar.get_height() for container in figure.axes[0].containers for bar in container) == len(
        errors
    )


def windows(count, features=1, time_steps=20):
    random = np.random.default_rng(0)
    names = tuple("abcdefghijkl"[:features])
    recording = Recording("pump", "pump", np.arange(9.0), np.ones((9, features)), names)
    for at in range(count):
        readings = random.normal(size=(time_steps, features))
        yield Rebuilt(
            recording=recording,
            why=f"incident {at}",
            time=1.7e9 + at,
            error=0.5,
            threshold=np.nan if at > 1 else 0.3,
            readings=readings,
            reconstruction=readings * (1 - 0.05 * np.arange(features)),
        )


@pytest.mark.parametrize(
    ("shape", "panels"), [((1, 20, 1), 1), ((7, 20, 1), 7), ((5, 1, 3), 15), ((2, 200, 12), 12)]
)
def test_reconstruction(tmp_path, shape, panels):
    count, time_steps, features = shape
    figure = plots.reconstruction(list(windows(count, features, time_steps)), tmp_path / "a.png", "pump: all")
    drawn(tmp_path / "a.png")
    assert legend(figure) == ["difference", "readings", "reconstruction"]
    visible = [axis for axis in figure.axes if axis.get_visible()]
    assert len(visible) == panels
    assert figure.get_suptitle() == "pump: all"
    assert visible[-1].get_xlabel() == "step of the window"
    shown = [axis.get_ylabel() for axis in visible if axis.get_ylabel()]
    if features == 1:
        assert set(shown) == {"a"}
    else:
        # Of many features those that the reconstructions miss by most.
        assert shown == list("abcdefghijkl"[max(features - 6, 0) : features]) * count


def test_reconstruction_says_which_window_it_is(tmp_path):
    figure = plots.reconstruction(list(windows(3)), tmp_path / "a.png")
    assert [axis.get_title(loc="left") for axis in figure.axes] == [
        "incident 0: until 2023-11-14 22:13:20\nerror 0.5, threshold 0.3",
        "incident 1: until 2023-11-14 22:13:21\nerror 0.5, threshold 0.3",
        "incident 2: until 2023-11-14 22:13:22\nerror 0.5",
    ]


def test_reconstruction_of_a_constant_and_of_padding(tmp_path):
    """A spread that the scaler takes for 0 looks like 0, and padding is not drawn."""
    (one,) = windows(1)
    readings = np.full((20, 1), 7.0)
    readings[:5] = np.nan
    one = one._replace(readings=readings, reconstruction=readings + 1e-5)
    (axis,) = plots.reconstruction([one], tmp_path / "a.png").axes
    drawn(tmp_path / "a.png")
    low, high = axis.get_ylim()
    assert high - low >= 0.01
    assert np.isnan(axis.lines[0].get_ydata()[:5]).all()
    assert axis.get_xlim() == (0.5, 20.5)
    plots.reconstruction([one._replace(readings=readings * np.nan)], tmp_path / "a.png")


def test_without_matplotlib_it_is_said_what_to_install():
    code = """
        import sys
        sys.modules["matplotlib"] = sys.modules["matplotlib.figure"] = None
        from pathlib import Path
        from streamdetect.offline import plots
        from streamdetect.errors import StreamdetectError
        try:
            plots.training_loss({"loss": [1.0]}, Path("a.png"))
        except StreamdetectError as error:
            print(error)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "pictures need matplotlib: pip install 'streamdetect[plot]'"


def test_matplotlib_is_not_imported_until_something_is_drawn():
    code = "import sys; from streamdetect.offline import backtest, plots; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
