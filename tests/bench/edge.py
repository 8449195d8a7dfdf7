"""What the edge costs: `python tests/bench/edge.py`.

Prints one line a workload. Nothing here is random.
"""

# ruff: noqa: T201 - the figures are what it is for

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from streamdetect.core.verdicts import SensorColumns
from streamdetect.monitoring.metrics import Metrics, Model, Watched
from streamdetect.monitoring.reports import BatchReport, DetectorReport
from streamdetect.mqtt.inbox import Inbox, Message
from streamdetect.mqtt.publications import Publication, Publications

if TYPE_CHECKING:
    from collections.abc import Callable

MESSAGES = 200_000
SERIES_PER_SENSOR = 6
SENSORS = 10_000 // SERIES_PER_SENSOR
PAYLOAD = b'{"value": 21.5, "time": 1714564800.25}'


def seconds(work: Callable[[], object], repeat: int = 5) -> float:
    """Return the best of some runs."""
    best = float("inf")
    for _ in range(repeat):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best


def put() -> None:
    inbox = Inbox(MESSAGES)
    for mid in range(MESSAGES):
        inbox.put(Message("plant/hall/a", PAYLOAD, 1, mid, 1, 1714564800.25, retain=False))


def take(inbox: Inbox) -> None:
    while inbox.take(512, 0, 0):
        pass


def publish() -> None:
    publications = Publications(MESSAGES)
    for token in range(MESSAGES // 10):
        publications.submit(
            Publication(token, "streamdetect/events/default/hall/a", PAYLOAD, 1, retain=False)
        )


def columns() -> SensorColumns:
    values = np.linspace(0.1, 99.9, SENSORS)
    return SensorColumns(
        ids=[f"plant/hall/sensor-{number}" for number in range(SENSORS)],
        last_time=1.7e9 + values,
        value=values[:, None],
        error=values / 7,
        threshold=values / 3,
        anomalous=values > 50,
        incident_open=values > 90,
        warming_up=values < 10,
    )


def stock() -> CollectorRegistry:
    registry = CollectorRegistry()
    ids = columns().ids
    for number in range(SERIES_PER_SENSOR):
        gauge = Gauge(f"sensor_{number}", "One of the gauges.", ["detector", "sensor"], registry=registry)
        for at, sensor in enumerate(ids):
            gauge.labels("default", sensor).set(at / 7)
    return registry


def ours() -> Metrics:
    metrics = Metrics(per_sensor=True, max_sensors=SENSORS)
    found = columns()
    metrics.detectors = {"default": Watched(lambda: found, ["value"], Model("general", "conv", "0" * 16))}
    return metrics


def observe() -> None:
    metrics = Metrics(per_sensor=False, max_sensors=0)
    windows = np.zeros(512, np.uint8)
    latencies = np.linspace(0.001, 0.1, 512)
    detectors = [DetectorReport("default", windows, 512, 3, ["opened"], 0.02)]
    report = BatchReport({"accepted": 512}, {}, latencies, 1.7e9, detectors)
    for _ in range(1000):
        metrics.observe(report)


def main() -> None:
    """Print the figures."""
    print(f"inbox put                {seconds(put) / MESSAGES * 1e6:8.2f} µs a message")
    inbox = Inbox(MESSAGES)
    for mid in range(MESSAGES):
        inbox.put(Message("plant/hall/a", PAYLOAD, 1, mid, 1, 1714564800.25, retain=False))
    print(f"inbox take               {seconds(lambda: take(inbox), 1) / MESSAGES * 1e6:8.2f} µs a message")
    print(f"publish, handed over     {seconds(publish) / (MESSAGES // 10) * 1e6:8.2f} µs a publication")
    print(f"metrics of a batch       {seconds(observe) / 1000 * 1e6:8.2f} µs a batch of 512")
    registry, metrics = stock(), ours()
    slow, fast = seconds(lambda: generate_latest(registry)), seconds(metrics.exposition)
    print(f"scrape, stock client     {slow * 1e3:8.2f} ms for {SENSORS * SERIES_PER_SENSOR} series")
    print(f"scrape, from columns     {fast * 1e3:8.2f} ms, {slow / fast:.0f} times faster")


if __name__ == "__main__":
    main()
