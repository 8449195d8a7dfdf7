"""The compiled graph: rows that do not depend on their batch, and no TensorFlow in sight."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from streamdetect.bundles import runtime
from streamdetect.bundles.bundle import GENERAL, Bundle
from streamdetect.bundles.runtime import BatchedRun
from streamdetect.core.reconstruction import reconstruction_errors
from streamdetect.errors import StreamdetectError

ROWS = 1200


@pytest.fixture(scope="module")
def bundle():
    return Bundle.load(GENERAL)


@pytest.fixture(scope="module")
def windows(bundle):
    shape = ROWS, bundle.manifest.time_steps, len(bundle.manifest.features)
    return np.random.default_rng(1).normal(size=shape).astype(np.float32)


@pytest.fixture(scope="module")
def one_by_one(bundle, windows):
    reconstruct = bundle.reconstructor()
    return np.concatenate([reconstruct(windows[at : at + 1]) for at in range(ROWS)])


@pytest.mark.parametrize("size", [2, 3, 5, 7, 8, 16, 31, 32, 33, 64, 127, 128, 200, 256, 511, 512, 513, ROWS])
def test_a_row_has_the_same_bits_in_every_batch(bundle, windows, one_by_one, size):
    reconstruct = bundle.reconstructor()
    parts = [reconstruct(windows[start : start + size]) for start in range(0, ROWS, size)]
    assert np.array_equal(np.concatenate(parts), one_by_one)


def test_a_row_has_the_same_bits_in_every_place(bundle, windows, one_by_one):
    order = np.random.default_rng(2).permutation(ROWS)
    assert np.array_equal(bundle.reconstructor()(windows[order]), one_by_one[order])


def test_windows_need_not_be_contiguous_or_single(bundle, windows, one_by_one):
    reconstruct = bundle.reconstructor()
    backwards = windows[::-1].astype(np.float64)
    assert np.array_equal(reconstruct(backwards), one_by_one[::-1])


def test_nothing_in_nothing_out(bundle, windows):
    assert bundle.reconstructor()(windows[:0]).shape == (0, *windows.shape[1:])


@pytest.mark.parametrize("threads", [0, 2, 3, 50])
@pytest.mark.parametrize("rows", [1, 15, 16, 17, 129, 4 * ROWS])
def test_more_threads_give_the_same_bits(bundle, windows, one_by_one, threads, rows):
    many = np.concatenate([windows] * 4)[:rows]
    expected = np.concatenate([one_by_one] * 4)[:rows]
    assert np.array_equal(bundle.reconstructor(threads=threads)(many), expected)


@pytest.mark.parametrize(
    ("rows", "threads", "sizes"),
    [
        (7, 2, [7]),
        (15, 2, [15]),
        (16, 2, [8, 8]),
        (300, 1, [100, 100, 100]),
        (300, 2, [75] * 4),
        (512, 3, [86] * 5 + [82]),
    ],
)
def test_every_thread_gets_as_many_parts(rows, threads, sizes):
    seen = []

    def run(windows):
        seen.append(len(windows))
        return windows

    windows = np.random.default_rng(3).normal(size=(rows, 4, 1)).astype(np.float32)
    made = BatchedRun(run, (4, 1), 128, threads=threads)(windows)
    assert sorted(seen, reverse=True) == sizes
    assert np.array_equal(made, windows)


def test_tensorflow_gives_the_same_errors(bundle, windows, one_by_one):
    pytest.importorskip("tensorflow")
    reconstruct = bundle.reconstructor("tensorflow")
    for metric in ("mae", "mse"):
        for rows in (1, 63, 64, 65, ROWS):
            errors, _ = reconstruction_errors(windows[:rows], reconstruct(windows[:rows]), metric)
            expected, _ = reconstruction_errors(windows[:rows], one_by_one[:rows], metric)
            assert np.allclose(errors, expected, atol=1e-5)


def test_the_compiled_graph_needs_no_tensorflow():
    script = """
import sys
import numpy as np
from streamdetect.bundles.bundle import Bundle
bundle = Bundle.load("general")
bundle.reconstructor()(np.zeros((1, bundle.manifest.time_steps, 1), dtype=np.float32))
loaded = {name.partition(".")[0] for name in sys.modules} & {"tensorflow", "keras", "tf2onnx", "onnx"}
assert not loaded, loaded
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_runtime_leaves_no_trace_at_home(tmp_path):
    script = """
from streamdetect.bundles.bundle import Bundle
Bundle.load("general").reconstructor()
"""
    foreign = ("ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")
    environment = {name: value for name, value in os.environ.items() if name not in foreign}
    subprocess.run([sys.executable, "-c", script], env=environment | {"HOME": str(tmp_path)}, check=True)
    assert not list(tmp_path.rglob("*"))


def test_without_tensorflow_it_is_said_how_to_get_it():
    script = """
import sys
sys.modules["tensorflow"] = None  # as if it were not installed
from streamdetect.errors import StreamdetectError
from streamdetect.bundles.bundle import Bundle
try:
    Bundle.load("general").reconstructor("tensorflow")
except StreamdetectError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "pip install 'streamdetect[train]'" in done.stdout


@pytest.fixture(scope="module")
def in_openvino(bundle):
    pytest.importorskip("openvino", reason="openvino is not installed")
    return bundle.reconstructor("openvino")


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 31, 32, 33, 127, 128, 129, 200, 512, ROWS])
def test_in_openvino_a_row_has_the_same_bits_in_every_batch(windows, in_openvino, size):
    parts = [in_openvino(windows[start : start + size]) for start in range(0, ROWS, size)]
    assert np.array_equal(np.concatenate(parts), in_openvino(windows))


def test_openvino_gives_the_same_errors(windows, one_by_one, in_openvino):
    errors, _ = reconstruction_errors(windows, in_openvino(windows), "mae")
    expected, _ = reconstruction_errors(windows, one_by_one, "mae")
    assert np.allclose(errors, expected, rtol=1e-4, atol=0)


def test_openvino_on_more_threads_gives_the_same_bits(bundle, windows, in_openvino):
    assert np.array_equal(bundle.reconstructor("openvino", 3)(windows), in_openvino(windows))


def test_rows_that_depend_on_their_batch_are_refused(bundle, monkeypatch):
    def graph(_content, _threads):
        return lambda windows: windows + np.float32(len(windows) % 5)

    monkeypatch.setattr(runtime, "openvino_graph", graph)
    with pytest.raises(StreamdetectError, match="must be onnx on this machine"):
        bundle.reconstructor("openvino")


def test_openvino_leaves_no_trace_at_home(tmp_path):
    pytest.importorskip("openvino", reason="openvino is not installed")
    script = """
import sys
from streamdetect.bundles.bundle import Bundle
Bundle.load("general").reconstructor("openvino")
assert "openvino_telemetry" not in sys.modules
"""
    foreign = ("CI", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")
    environment = {name: value for name, value in os.environ.items() if name not in foreign}
    subprocess.run([sys.executable, "-c", script], env=environment | {"HOME": str(tmp_path)}, check=True)
    assert not list(tmp_path.rglob("*"))


def test_without_openvino_it_is_said_how_to_get_it(bundle, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(StreamdetectError, match=r"pip install 'streamdetect\[openvino\]'"):
        bundle.reconstructor("openvino")
