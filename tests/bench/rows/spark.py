"""Spark on this machine: what its engine adds to the detectors, and a backlog after an outage."""

from __future__ import annotations

import json
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rig import detecting, workload
from rig.line import SENSORS, WARM_UP, daemon_line
from rig.table import Row, at_least

sys.path.insert(0, str(Path(__file__).parents[2] / "spark"))

from cluster.machines import Driver, Site, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rig.run import Run

PARTITIONS = 2
GOAL = 50_000  # rows a second and core without the model
OUTAGE_RATE = 1000  # readings a second that come while the cluster is away
NO_MODEL = 1_000_000  # windows of a sensor from one that is judged to the next
MEMORY_EVERY = 0.5  # s


def rows(run: Run) -> Iterator[Row]:
    general, stacked = detecting.section("general"), detecting.section(str(run.bundle("stacked").path))
    turns = run.scaled(600, 200)
    note = run.note(600, turns, "messages of each sensor")
    with _site(run) as site:
        _fill(site, 0, turns)
        alone = _rate(_cluster(run, site, "alone", general | {"stride": NO_MODEL}), turns)
        yield Row(
            "messages a second and core on Spark, the model left out",
            f"{alone:,.0f}/s",
            f"{GOAL:,}/s",
            alone / GOAL,
            at_least(1.0),
            note,
        )
        for name, section in (("general", general), ("stacked", stacked)):
            spark = _rate(_cluster(run, site, name, section), turns)
            daemon = _daemon(run, section, turns // 4)
            yield Row(
                f"messages a second and core on Spark, {name}",
                f"{spark:,.0f}/s",
                f"the daemon: {daemon:,.0f}/s",
                spark / daemon,
                note=note,
            )
        yield from _outage(run, site, general, turns)


def _outage(run: Run, site: Site, section: dict[str, Any], turns: int) -> Iterator[Row]:
    """The driver is away while readings come; it then catches up."""
    driver = _cluster(run, site, "outage", section)
    driver.start()
    driver.finish(turns * SENSORS)
    usual = driver.memory
    driver.kill()
    seconds = run.scaled(600, 60)
    for at in range(seconds):
        began = time.monotonic()
        _fill(site, turns + at, OUTAGE_RATE // SENSORS)
        time.sleep(max(0.0, began + 1 - time.monotonic()))
    with _highest_memory(driver) as highest:
        driver.start()
        began, reached = time.monotonic(), driver.reached()[1]
        until(lambda: driver.reached()[1] > reached, "a micro-batch")
        started = time.monotonic() - began
        driver.finish(site.nats.stored())
        took = time.monotonic() - began
    driver.stop()
    yield Row(
        f"time to catch up after {seconds} s without the driver, {OUTAGE_RATE:,} readings a second",
        f"{took:.0f} s, of which {started:.0f} s to the first micro-batch",
        f"outage: {seconds} s",
        took / seconds,
        note=run.note(600, seconds, "s"),
    )
    yield Row(
        "memory of the cluster while it catches up",
        f"{max(highest):.0f} MB",
        f"before: {usual:.0f} MB",
        max(highest) / usual,
    )


@contextmanager
def _site(run: Run) -> Iterator[Site]:
    site = Site(run.folder / "spark", PARTITIONS)
    try:
        yield site
    finally:
        site.close()


def _cluster(run: Run, site: Site, name: str, section: dict[str, Any]) -> Driver:
    """The driver of a new checkpoint."""
    folder = site.folder / name
    folder.mkdir()
    config = {
        "mqtt": {"host": "127.0.0.1", "port": site.mosquitto.port},
        "metrics": {"enabled": False},
        "history": {"enabled": False},
        "spark": {
            "servers": [site.nats.url],
            "streams": [f"sd-{at}" for at in range(PARTITIONS)],
            "checkpoint": str(folder / "checkpoint"),
            "shards": 16,
            "max_messages": run.scaled(50_000, 20_000),
        },
        "detectors": [section],
    }
    (folder / "config.yaml").write_text(json.dumps(config))
    options = ("--partitions", str(PARTITIONS))
    return Driver(site, folder / "config.yaml", folder / "checkpoint", *options)


def _fill(site: Site, start: int, turns: int) -> None:
    """Put a reading of every sensor and turn into the log."""
    topics = [one.replace("/", ".") for one in workload.ids(SENSORS)]
    made = workload.payloads(SENSORS, turns, start)
    site.nats.publish([(f"sd.{at % PARTITIONS}.{topics[at]}", payload) for at, payload in made])


def _rate(driver: Driver, turns: int) -> float:
    """Messages for each second of a core, of all processes of the cluster, after the first micro-batch."""
    driver.start()
    until(lambda: driver.reached()[1] >= WARM_UP * SENSORS, "the first micro-batch")
    before, used = driver.reached()[1], driver.cpu
    driver.finish(turns * SENSORS)
    cost = driver.cpu - used
    driver.stop()
    return (turns * SENSORS - before) / cost


def _daemon(run: Run, section: dict[str, Any], turns: int) -> float:
    """Messages for each second of a core of the daemon, with its state kept."""
    with daemon_line(run, 0, section, durable=True) as one:
        one.push(WARM_UP)
        return turns * SENSORS / float(one.costs(turns)[0])


@contextmanager
def _highest_memory(driver: Driver) -> Iterator[list[float]]:
    """Look at the memory until the end of the block."""
    found, done = [0.0], threading.Event()

    def look() -> None:
        while not done.wait(MEMORY_EVERY):
            found.append(driver.memory)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        done.set()
        thread.join()
