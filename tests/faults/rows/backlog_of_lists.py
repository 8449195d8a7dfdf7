"""Row 24."""

from __future__ import annotations

import itertools
import json
import math
import time
from typing import TYPE_CHECKING

from rig.bench import Bench, Outcome, row
from rig.memory import Memory
from rig.notify_socket import NotifySocket
from rig.traffic import Publisher
from rig.waiting import took

if TYPE_CHECKING:
    from rig.bench import Plant

_PAYLOAD = 60_000  # bytes, within the default of max_payload
_SENSORS = 4
_WATCHDOG = 15.0  # s
_MEGABYTE = 1e6
_PROBE = "sensors/probe"


@row(24, "backlog of batched payloads", "watchdog fed; RSS < 300 MB; other sensors' p99 < 1 s; gets through")
def backlog_of_lists(bench: Bench) -> Outcome:
    """Lists of readings have piled up while the daemon was away; another sensor speaks meanwhile."""
    size = (65 if bench.long else 12) * _MEGABYTE
    with NotifySocket(bench.folder) as systemd:
        plant = bench.plant(
            "log_type error",
            "max_queued_bytes 0",
            detector={"threshold": {}, "incidents": {}},
            environment=systemd.environment(_WATCHDOG),
        )
        plant.daemon.start()
        plant.daemon.terminate()
        messages, readings = _lists(size)
        plant.publisher.send(messages, rate=100)
        began = time.monotonic()
        plant.daemon.start()
        rss, latencies = _watch(plant, readings)
        beats = [began, *(at for at in systemd.times("WATCHDOG=1") if at > began), time.monotonic()]
    gap = max(later - earlier for earlier, later in itertools.pairwise(beats))
    left = plant.daemon.metric("mqtt_unacknowledged")
    p99 = sorted(latencies)[int(0.99 * len(latencies))] if latencies else math.inf
    figure = (
        f"{size / _MEGABYTE:.0f} MB, {readings} readings in {beats[-1] - began:.0f} s: "
        f"RSS {rss / _MEGABYTE:.0f} MB, {gap:.1f} s at most without a beat, "
        f"p99 of {len(latencies)} probes {p99:.2f} s, {left:.0f} not acknowledged"
    )
    return Outcome(figure, rss < 300 * _MEGABYTE and gap < _WATCHDOG and p99 < 1 and left == 0)


def _lists(size: float) -> tuple[list[tuple[str, bytes]], int]:
    """Topics and payloads of so many bytes, and how many readings they hold."""
    messages: list[tuple[str, bytes]] = []
    now, count = int(time.time()) - 30 * 86_400, 0
    while sum(len(payload) for _, payload in messages) < size:
        rows = [{"time": now + at, "value": 20 + (now + at) * 2654435761 % 1000 / 1000} for at in range(1500)]
        now, count = now + len(rows), count + len(rows)
        messages.append((f"sensors/list{len(messages) % _SENSORS}", json.dumps(rows).encode()))
    return messages, count


def _watch(plant: Plant, readings: int) -> tuple[int, list[float]]:
    """Probe until all is taken in; returns the highest RSS and how long each probe took to show."""
    daemon, latencies = plant.daemon, []
    key, accepted = (
        f'sensor_value{{detector="lab",sensor="{_PROBE}"}}',
        'readings_total{detector="lab",outcome="accepted"}',
    )
    with Publisher(plant.broker.port, "probe") as probe, Memory(daemon) as memory:
        began, number = time.monotonic(), 0
        while time.monotonic() - began < 240:
            number += 1
            sent = time.monotonic()
            probe.send([(_PROBE, json.dumps({"time": time.time(), "value": number}).encode())], rate=1e9)
            if took(lambda n=number: daemon.metrics().get(key) == n, 60) is None:  # type: ignore[misc] # of a lambda's default
                break
            latencies.append(time.monotonic() - sent)
            if daemon.metrics().get(accepted, 0) >= readings + number and not daemon.metric(
                "mqtt_unacknowledged"
            ):
                break
    return memory.peak, latencies
