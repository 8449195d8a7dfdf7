"""Rows 27 and 30."""

from __future__ import annotations

import socket
import threading
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path

from rig.bench import Bench, Outcome, row
from rig.waiting import until

_SILENT, _SLOW = 60, 30  # connections
_LOOKS = 50
_SCRAPERS = 15
_SECONDS = 8.0


@row(27, "idle connections on the HTTP port", "health answers whatever else hangs")
def port_crowded(bench: Bench) -> Outcome:
    """Many connect and say nothing, others ask for metrics and do not read them."""
    daemon = bench.plant().daemon
    daemon.start()
    port = int(daemon.url.rpartition(":")[2])
    with ExitStack() as stack:
        for number in range(_SILENT + _SLOW):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
            if number >= _SILENT:
                connection.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        answers = [daemon.get(path) for _ in range(_LOOKS) for path in ("/healthz", "/readyz")]
    good = answers.count(200)
    return Outcome(
        f"{_SILENT} silent, {_SLOW} that do not read: {good} of {len(answers)} looks", good == len(answers)
    )


@row(30, "15 scrapers of many sensors", "scrapes share one exposition, at most one at work")
def scraped_by_many(bench: Bench) -> Outcome:
    """They scrape as fast as they are answered."""
    sensors = 50_000 if bench.long else 10_000
    plant = bench.plant("log_type error", metrics={"max_sensors": sensors})
    daemon = plant.daemon
    daemon.start()
    now = time.time()
    payloads = [(f"sensors/s{at}", b'{"time": %f, "value": 1}' % now) for at in range(sensors)]
    plant.publisher.send(payloads, rate=1e9)
    until(lambda: daemon.metric("sensors") == sensors, "all sensors", 120)
    pages: list[int] = []
    until_then = time.monotonic() + _SECONDS

    def scrape() -> None:
        while time.monotonic() < until_then:
            with urllib.request.urlopen(f"{daemon.url}/metrics", timeout=60) as answer:
                pages.append(hash(answer.read()))

    before, threads = (
        _processor_seconds(daemon.pid),
        [threading.Thread(target=scrape) for _ in range(_SCRAPERS)],
    )
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    share = (_processor_seconds(daemon.pid) - before) / _SECONDS
    figure = (
        f"{sensors} sensors: {len(pages)} scrapes shared {len(set(pages))} expositions, {share:.0%} of a core"
    )
    return Outcome(figure, len(pages) >= _SCRAPERS and len(set(pages)) <= len(pages) / 3)


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100
