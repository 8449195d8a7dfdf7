"""Runs the autoencoder: the compiled graph in ONNX Runtime or OpenVINO, or Keras in TensorFlow.

All take (M, T, F) float32 windows for any M >= 1, and so does the encoder's graph; all are meant for one
caller at a time.

ONNX Runtime on one thread gives each row the same bits whatever the batch it came in (measured for all seven
architectures, batches of 1 to 512), so how a stream is cut into batches cannot be seen in a verdict. OpenVINO
does so from two rows on, and is asked when it is loaded. TensorFlow's kernels treat the last rows of a block
in their own way: there a row differs by up to 5e-7 with its place in the batch.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from streamdetect.bundles.graph import check_graph
from streamdetect.bundles.openvino import openvino_graph
from streamdetect.bundles.tensorflow import load_model, load_tensorflow
from streamdetect.errors import BundleError, StreamdetectError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from streamdetect.bundles.tensorflow import Model

    Windows = NDArray[np.float32]
    Run = Callable[[Windows], Windows]
    Encode = Callable[[Windows], NDArray[np.float32]]

Runtime = Literal["onnx", "openvino", "tensorflow"]

# No telemetry. Without the variable, the import itself makes a database of events and
# a device id below ~/.cache; the call holds back the events of versions that do not know the variable.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
onnxruntime = importlib.import_module("onnxruntime")
onnxruntime.disable_telemetry_events()

ONNX_BATCH = 64  # rows; a stacked LSTM is 3 % slower at 128, on two threads 6 %, and 20 % at 256
OPENVINO_BATCH = 128
LEAST_PART = 8  # rows; handing a part over to another thread takes 80 µs, a stacked LSTM 20 µs a row
MOST_THREADS = 4  # by default; more threads wait for Python more than they compute
REHEARSAL = 60.0  # s that the first run of a graph may take
REHEARSAL_MEMORY = 1 << 30  # bytes, as much as the service may have at all
TENSORFLOW_BATCH = 64  # rows; one compiled shape: any other would be traced anew, and traces are never freed
_OPENVINO_SIZES = (2, 3, 8, 17, 64)  # rows of batches that have to agree with one of OPENVINO_BATCH
# For all models: it has as many threads as were ever busy at once.
_OTHERS = ThreadPoolExecutor(256, thread_name_prefix="model")
_QUIET, _SILENT = 3, 4  # ONNX Runtime's log severity: errors and worse, and those that end the process
_SHOWN = 300  # characters of another's error
_OUT_OF_MEMORY = "Available memory"  # what its arena says then
_PROVIDERS = ["CPUExecutionProvider"]


class BatchedRun:
    """Runs windows in batches of at most `size` rows; one of fewer than `least` is filled up with zeros.

    `shape` is that of what comes of one window.

    With several `threads` a batch is cut into parts of at least `LEAST_PART` rows that are run side by side,
    for which `run` has to be fit. On two cores that was a quarter faster than to have the runtime divide the
    work inside each operator, and every row keeps its bits.
    """

    def __init__(
        self, run: Run, shape: tuple[int, ...], size: int, *, least: int = 1, threads: int = 1
    ) -> None:
        self._run, self._shape, self._size, self._least = run, shape, size, least
        self._threads = threads

    def __call__(self, windows: Windows) -> Windows:
        """(M, T, F) scaled -> (M, *shape)."""
        windows = np.ascontiguousarray(windows, dtype=np.float32)
        threads = max(1, min(self._threads, len(windows) // LEAST_PART))
        size = self._part_size(len(windows), threads)
        if self._least <= len(windows) <= size:
            return self._run(windows)
        made = np.empty((len(windows), *self._shape), dtype=np.float32)
        starts = iter(range(0, len(windows), size))  # the thread that is free first takes the next start
        work = partial(self._work, windows, made, size, starts)
        others = [_OTHERS.submit(work) for _ in range(threads - 1)]
        try:
            work()
        finally:
            wait(others)
        for other in others:
            other.result()
        return made

    def _part_size(self, rows: int, threads: int) -> int:
        """Rows of a part, so that every thread gets as many parts."""
        if self._least == self._size:
            return self._size
        rounds = -(-rows // (threads * self._size))
        return max(1, -(-rows // (threads * max(1, rounds))))

    def _work(self, windows: Windows, made: Windows, size: int, starts: Iterator[int]) -> None:
        for start in starts:
            part = windows[start : start + size]
            made[start : start + len(part)] = self._part(part)

    def _part(self, part: Windows) -> Windows:
        if len(part) >= self._least:
            return self._run(part)
        whole = np.zeros((self._least, *part.shape[1:]), dtype=np.float32)
        whole[: len(part)] = part
        return self._run(whole)[: len(part)]


def load(
    content: bytes,
    source: Path,
    window: tuple[int, int],
    shape: tuple[int, ...],
    runtime: Runtime = "onnx",
    threads: int = 1,
) -> BatchedRun:
    """Load a model into a runtime, and run it once.

    Args:
        content: of the model file.
        source: the file, for messages.
        window: (T, F) of the windows that the model is given.
        shape: what it makes of each window.
        runtime: what runs it.
        threads: how many at a time; 0: one for each core that we may use, at most `MOST_THREADS`, and one in
            TensorFlow.

    Raises:
        BundleError: the model does not load, or does not give `shape`.
        StreamdetectError: the runtime is not installed, or its rows depend on their batch on this machine.
    """
    most = 1 if runtime == "tensorflow" else MOST_THREADS
    threads = threads or min(len(os.sched_getaffinity(0)), most)
    load_into, size, least = _RUNTIMES[runtime]
    try:
        run = load_into(content, window, threads)
        got = run(np.zeros((least, *window), dtype=np.float32)).shape
    except BundleError as error:
        raise BundleError(f"{source}: {error}") from None
    except StreamdetectError:
        raise
    except Exception as error:
        # No runtime has a root of its errors.
        raise BundleError(f"{source}: must load in {runtime}, got {error}") from error
    if got != (least, *shape):
        raise BundleError(f"{source}: must give {(least, *shape)} for {(least, *window)}, got {got}")
    return BatchedRun(run, shape, size, least=least, threads=1 if runtime == "tensorflow" else threads)


def onnx_graph(content: bytes, window: tuple[int, int], _threads: int) -> Run:
    """The compiled graph in ONNX Runtime, on the caller's own thread; several may call at once.

    Raises:
        BundleError: the graph holds what no network does, or takes too much memory or time.
    """
    rehearse(content, window)
    session = onnxruntime.InferenceSession(content, _session_options(), providers=_PROVIDERS)
    (given,), (wanted,) = session.get_inputs(), session.get_outputs()

    def run(windows: Windows) -> Windows:
        rebuilt: Windows = session.run([wanted.name], {given.name: windows})[0]
        return rebuilt

    return run


def rehearse(content: bytes, window: tuple[int, int]) -> None:
    """Run a graph for the first time where neither memory nor time can run out.

    `check_graph` bounds what is in the file; this bounds what it makes of a batch of windows. Nothing is
    optimised, because that computes constants beforehand, without a limit.

    Raises:
        BundleError: the graph holds what no network does, or takes too much memory or time.
    """
    check_graph(content)
    _limit_memory()
    options = _session_options()
    options.log_severity_level = _SILENT
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.add_session_config_entry("session.use_env_allocators", "1")
    run_options = onnxruntime.RunOptions()
    run_options.log_severity_level = _SILENT
    run_options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    clock = threading.Timer(REHEARSAL, setattr, (run_options, "terminate", True))
    clock.daemon = True
    clock.start()
    try:
        session = onnxruntime.InferenceSession(content, options, providers=_PROVIDERS)
        given = {one.name: np.zeros((ONNX_BATCH, *window), np.float32) for one in session.get_inputs()}
        session.run(None, given, run_options)
    except Exception as error:
        if not (run_options.terminate or _OUT_OF_MEMORY in str(error)):
            raise
        rule = f"must run {ONNX_BATCH} windows within {REHEARSAL:.0f} s and {REHEARSAL_MEMORY >> 20} MiB"
        raise BundleError(
            f"{rule}, got {'no end' if run_options.terminate else f'{error!s:.{_SHOWN}}'}"
        ) from error
    finally:
        clock.cancel()


@cache
def _limit_memory() -> None:
    """Make the memory that rehearsals share; what they took goes back after each."""
    memory = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    as_asked = 1  # grows by what is asked for, not to the next power of two
    limits = {
        "max_mem": REHEARSAL_MEMORY,
        "arena_extend_strategy": as_asked,
        "initial_chunk_size_bytes": 65_536,
    }
    onnxruntime.create_and_register_allocator(memory, onnxruntime.OrtArenaCfg(limits))


def _session_options() -> Any:  # noqa: ANN401 - onnxruntime carries no types of its own
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = _QUIET
    # A daemon waits most of the time.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def keras_file(content: bytes, window: tuple[int, int], threads: int) -> Run:
    """Load the content of a .keras file in TensorFlow."""
    tensorflow = load_tensorflow()
    with contextlib.suppress(RuntimeError):  # once TensorFlow has run anything its threads are settled
        tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
        tensorflow.config.threading.set_inter_op_parallelism_threads(1)
    return keras_model(load_model(content), window)


def _openvino(content: bytes, window: tuple[int, int], threads: int) -> Run:
    """The compiled graph in OpenVINO.

    Raises:
        StreamdetectError: OpenVINO is not installed, or its rows depend on their batch on this machine.
    """
    rehearse(content, window)
    run = openvino_graph(content, threads)
    windows = np.random.default_rng(0).normal(size=(OPENVINO_BATCH, *window)).astype(np.float32)
    whole = run(windows)
    for size in _OPENVINO_SIZES:
        if not np.array_equal(run(windows[:size]), whole[:size]):
            raise StreamdetectError(
                "runtime: must be onnx on this machine: in OpenVINO a window's error depends on its batch"
            )
    return run


def keras_model(model: Model, window: tuple[int, int]) -> Run:
    """A Keras model as a function compiled for one shape, (64, T, F): it cannot grow by being traced anew."""
    tensorflow = load_tensorflow()
    compiled = tensorflow.function(
        lambda windows: model(windows, training=False),
        input_signature=[tensorflow.TensorSpec((TENSORFLOW_BATCH, *window), tensorflow.float32)],
        autograph=False,
    )

    def run(windows: Windows) -> Windows:
        rebuilt: Windows = compiled(windows).numpy()
        return rebuilt

    return run


class _Loaded(NamedTuple):
    """A runtime's function to load a model, and the sizes of its batches."""

    load: Callable[[bytes, tuple[int, int], int], Run]
    size: int  # rows of a batch at most
    least: int  # and at least


_RUNTIMES: dict[Runtime, _Loaded] = {
    "onnx": _Loaded(onnx_graph, ONNX_BATCH, 1),
    "openvino": _Loaded(_openvino, OPENVINO_BATCH, 2),
    "tensorflow": _Loaded(keras_file, TENSORFLOW_BATCH, TENSORFLOW_BATCH),
}
