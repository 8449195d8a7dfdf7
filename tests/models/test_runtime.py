"""The compiled graph: rows that do not depend on their batch, and no TensorFlow in sight."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from streamdetect.core.reconstruction import reconstruction_errors
from streamdetect.models.bundle import GENERAL, Bundle

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


@pytest.mark.parametrize("threads", [2, 3, 50])
def test_more_threads_give_the_same_bits(bundle, windows, one_by_one, threads):
    many = np.concatenate([windows] * 4)
    assert np.array_equal(bundle.reconstructor(threads=threads)(many), np.concatenate([one_by_one] * 4))


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
from streamdetect.models.bundle import Bundle
bundle = Bundle.load("general")
bundle.reconstructor()(np.zeros((1, bundle.manifest.time_steps, 1), dtype=np.float32))
loaded = {name.partition(".")[0] for name in sys.modules} & {"tensorflow", "keras", "tf2onnx", "onnx"}
assert not loaded, loaded
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_runtime_leaves_no_trace_at_home(tmp_path):
    script = """
from streamdetect.models.bundle import Bundle
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
from streamdetect.models.bundle import Bundle
try:
    Bundle.load("general").reconstructor("tensorflow")
except StreamdetectError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "pip install 'streamdetect[train]'" in done.stdout
