"""Detectors and pipelines to feed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from streamdetect.config import Config
from streamdetect.service.assembly import assemble
from streamdetect.service.pipeline import Pipeline

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from streamdetect.bundles.bundle import Bundle
    from streamdetect.core.detector import Detector
    from streamdetect.core.reconstruction import Reconstruct

HISTORY = 256  # K
GRAPH_WINDOWS = 4096


def section(bundle: Path, topics: str = "bench/#", **more: Any) -> dict[str, Any]:
    """A detector's configuration."""
    return {
        "topics": [topics],
        "bundle": str(bundle),
        "payload": {"time": "time", "value": "value"},
        "max_future": "1000000d",
        "max_sensors": 1_000_000,
        **more,
    }


def config(bundle: Bundle, **more: Any) -> Config:
    return Config.model_validate({"detectors": [{"name": "bench", **section(bundle.path, **more)}]})


def pipeline(bundle: Bundle, **more: Any) -> Pipeline:
    return Pipeline(assemble(config(bundle, **more)))


def detector(bundle: Bundle, **more: Any) -> Detector:
    return assemble(config(bundle, **more))[0].detector


def seconds(work: Callable[[Any], object], parts: Sequence[Any]) -> float:
    """Return the seconds to work through the parts."""
    started = time.perf_counter()
    for part in parts:
        work(part)
    return time.perf_counter() - started


def graph_rate(reconstruct: Reconstruct, size: int, time_steps: int = 20) -> float:
    """Windows a second of the compiled graph alone, in batches of this size."""
    windows = np.random.default_rng(0).normal(size=(size, time_steps, 1)).astype(np.float32)
    times = max(1, GRAPH_WINDOWS // size)
    return size * times / seconds(reconstruct, [windows] * times)


def best_batch(reconstruct: Reconstruct) -> int:
    """The batch size at which the graph alone is fastest."""
    graph_rate(reconstruct, 256)
    sizes = (32, 64, 128, 256, 512)
    rates = {size: max(graph_rate(reconstruct, size) for _ in range(3)) for size in sizes}
    return max(rates, key=rates.__getitem__)
