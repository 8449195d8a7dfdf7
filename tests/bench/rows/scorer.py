"""The compiled graph: threads, batch sizes, two sessions, int8, OpenVINO; and what a runtime weighs."""

from __future__ import annotations

import importlib.metadata
import logging
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rig.detecting import best_batch, graph_rate
from rig.run import interleaved
from rig.table import Row, at_least, at_most

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rig.run import Run

    from streamdetect.bundles.bundle import Bundle

    Graph = Callable[[np.ndarray], np.ndarray]

CLOSE = 1e-4  # relative, on smooth data
CHOICES = ("1 thread, the default", "OpenVINO")


def rows(run: Run) -> Iterator[Row]:
    bundle = run.bundle("stacked")
    graphs = _graphs(bundle)
    sizes = {name: best_batch(graph) for name, graph in graphs.items()}
    sides = [lambda g=graph, s=sizes[name]: graph_rate(g, s) for name, graph in graphs.items()]
    rates = dict(zip(graphs, interleaved(*sides), strict=True))
    rates["two sessions, a thread each"] = _two_sessions(bundle, sizes["1 thread, the default"])
    default = rates["1 thread, the default"]
    far = {name: _distance(graphs["1 thread, the default"], graph) for name, graph in graphs.items()}
    for name, rate in rates.items():
        if name != "1 thread, the default":
            yield Row(
                f"scorer: {name}{f', batch {sizes[name]}' if name in sizes else ''}",
                f"{rate:,.0f} windows/s",
                f"1 thread: {default:,.0f}/s",
                rate / default,
                note=f"errors differ by {far[name]:.1g}" if far.get(name) else "",
            )
    one_core = [name for name in graphs if "2 threads" not in name and far[name] <= CLOSE]
    fastest = max(one_core, key=rates.__getitem__)
    choice = max(CHOICES, key=rates.__getitem__)
    yield Row(
        f"scorer: the best choice of `runtime:` on one core ({choice})",
        f"{rates[choice]:,.0f} windows/s",
        f"the fastest within {CLOSE:g} ({fastest}): {rates[fastest]:,.0f}/s",
        rates[choice] / rates[fastest],
        at_least(0.95),
    )
    heavy = _weight("tensorflow")
    for name, package in ("ONNX Runtime", "onnxruntime"), ("OpenVINO", "openvino"):
        weight = _weight(package)
        yield Row(
            f"{name}, installed",
            f"{weight:.0f} MB",
            f"TensorFlow: {heavy:.0f} MB",
            weight / heavy,
            at_most(0.25),
        )


def _graphs(bundle: Bundle) -> dict[str, Graph]:
    graphs: dict[str, Graph] = {
        "1 thread, the default": bundle.reconstructor(),
        "2 threads": bundle.reconstructor(threads=2),
        "OpenVINO": bundle.reconstructor("openvino"),
        "OpenVINO, 2 threads": bundle.reconstructor("openvino", threads=2),
    }
    content = bundle.model_bytes("model.onnx")
    if small := _int8(content):
        graphs["int8 weights"] = _unchecked(small)
    graphs["OpenVINO in bfloat16, if there is"] = _bfloat16(content)
    return graphs


def _int8(content: bytes) -> bytes:
    """The graph with weights of 8 bits; empty where the tool is not installed."""
    try:
        from onnxruntime.quantization import QuantType, quantize_dynamic  # noqa: PLC0415 - needs `onnx`
    except ImportError:
        return b""
    logging.getLogger().setLevel(logging.ERROR)  # it recommends a preparation that changes nothing here
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "f32.onnx"), Path(folder, "int8.onnx")
        source.write_bytes(content)
        quantize_dynamic(source, target, weight_type=QuantType.QInt8)
        return target.read_bytes()


def _unchecked(content: bytes) -> Graph:
    """The graph in ONNX Runtime on one thread; a bundle with such operators is refused."""
    import onnxruntime  # noqa: PLC0415 - not needed otherwise

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    (window,) = session.get_inputs()
    return lambda windows: session.run(None, {window.name: windows})[0]


def _bfloat16(content: bytes) -> Graph:
    """The graph in OpenVINO as it would run it by itself where the processor computes in 16 bits."""
    import openvino  # noqa: PLC0415 - not needed otherwise

    core = openvino.Core()
    settings = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "bf16"}
    compiled = core.compile_model(core.read_model(content), "CPU", settings)
    return lambda windows: compiled(windows)[0]


def _two_sessions(bundle: Bundle, size: int) -> float:
    """Windows a second of two sessions at the same time, each on a thread of its own."""
    graphs = [bundle.reconstructor(), bundle.reconstructor()]
    with ThreadPoolExecutor(2) as pool:
        return max(sum(pool.map(lambda graph: graph_rate(graph, size), graphs)) for _ in range(3))


def _distance(one: Graph, other: Graph) -> float:
    """The largest relative difference of two graphs' reconstruction errors on smooth windows."""
    phase = np.random.default_rng(0).uniform(0, 6, (512, 1))
    windows = np.sin(phase + np.arange(20) / 15).astype(np.float32)[:, :, None]
    errors, others = (np.abs(windows - graph(windows)).mean(axis=(1, 2)) for graph in (one, other))
    return float((np.abs(errors - others) / errors).max())


def _weight(package: str) -> float:
    """MB of a package's own files."""
    files = importlib.metadata.distribution(package).files or ()
    return sum(Path(file.locate()).stat().st_size for file in files if Path(file.locate()).exists()) / 1e6
