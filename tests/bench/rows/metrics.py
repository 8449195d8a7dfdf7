"""A scrape with many per-sensor series, and what it costs the loop."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from rig import detecting, workload
from rig.detecting import seconds
from rig.run import interleaved
from rig.table import Row, at_least

from streamdetect.core.rules import VIEWS
from streamdetect.core.verdicts import SensorColumns
from streamdetect.monitoring.metrics import Metrics, Model, Watched

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rig.run import Run

SERIES_PER_SENSOR = 22
SENSORS = 10_000 // SERIES_PER_SENSOR
EVERY = 0.25  # s; 60 times as often as usual


def rows(run: Run) -> Iterator[Row]:
    registry, metrics = stock(), ours()
    slow, fast = interleaved(
        lambda: seconds(generate_latest, [registry]),
        lambda: seconds(lambda _: metrics.exposition(), [0]),
        turns=5,
    )
    yield Row(
        f"scrape, {SERIES_PER_SENSOR * SENSORS:,} series of sensors",
        f"{fast * 1e3:.1f} ms",
        f"the stock client's gauges: {slow * 1e3:.0f} ms",
        slow / fast,
        at_least(5),
    )
    yield under_scrapes(run, metrics)


def under_scrapes(run: Run, metrics: Metrics) -> Row:
    """The pipeline while another thread scrapes, against the same in peace."""
    pipeline = detecting.pipeline(run.bundle("conv"))
    at = 20
    seconds(pipeline.process, workload.message_batches(1000, at))

    def peaceful() -> float:
        nonlocal at
        parts = workload.message_batches(1000, 40, at)
        at += 40
        return 40_000 / seconds(pipeline.process, parts)

    def scraped() -> float:
        done = threading.Event()

        def scrape() -> None:
            while not done.wait(EVERY):
                metrics.exposition()

        thread = threading.Thread(target=scrape)
        thread.start()
        try:
            return peaceful()
        finally:
            done.set()
            thread.join()

    rate, peace = interleaved(scraped, peaceful, turns=5)
    return Row(
        f"pipeline, conv, under a scrape every {EVERY:g} s",
        f"{rate:,.0f} windows/s",
        f"in peace: {peace:,.0f}/s",
        rate / peace,
        at_least(0.9),
    )


def columns() -> SensorColumns:
    values = np.linspace(0.1, 99.9, SENSORS)
    return SensorColumns(
        ids=[f"plant/hall/sensor-{number}" for number in range(SENSORS)],
        last_time=1.7e9 + values,
        value=values[:, None],
        error=values / 7,
        threshold=values / 3,
        score=values / 50,
        views=np.repeat(values[:, None] / 50, len(VIEWS), axis=1),
        expected=values[:, None],
        lower=values[:, None] - 1,
        upper=values[:, None] + 1,
        anomalous=values > 50,
        incident_open=values > 90,
        withheld=values < 0,
        silent=values < 1,
        warming_up=values < 10,
        readings_to_go=(values < 10).astype(np.int64),
        interval=values,
        drift=values / 70,
        drifting=values > 90,
    )


def stock() -> CollectorRegistry:
    """Make as many gauges of the stock client, with the same labels."""
    registry = CollectorRegistry()
    names = columns().ids
    for number in range(SERIES_PER_SENSOR):
        gauge = Gauge(f"sensor_{number}", "One of the gauges.", ["detector", "sensor"], registry=registry)
        for at, sensor in enumerate(names):
            gauge.labels("default", sensor).set(at / 7)
    return registry


def ours() -> Metrics:
    metrics = Metrics(per_sensor=True, max_sensors=SENSORS)
    found = columns()
    metrics.detectors = {"default": Watched(lambda: found, ["value"], Model("general", "conv", "0" * 16))}
    return metrics
