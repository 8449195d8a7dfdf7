"""The cost of a message without the model: each view on and off, few sensors and many."""

from __future__ import annotations

import gc
import time
from typing import TYPE_CHECKING

import numpy as np
from rig import detecting, workload
from rig.run import interleaved
from rig.table import Row, at_most, within

from streamdetect.bundles.bundle import Bundle
from streamdetect.core.readings import Readings
from streamdetect.core.rules import VIEWS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rig.run import Run

    from streamdetect.core.detector import Detector
    from streamdetect.service.pipeline import Pipeline

GOAL = 4e-6  # s a message, all views
SENSORS = 1000
KINDS = 100  # sensors of which the others are copies
STEP, TURNS = 900.0, 220  # s between readings, and how many: over two days, so that the time of day is known
MESSAGES = 20_000  # a measurement


def rows(run: Run) -> Iterator[Row]:
    most = run.scaled(1_000_000, 100_000)
    counts = [10, 100, 1000, 10_000, *(sensors for sensors in (100_000, 1_000_000) if sensors <= most)]
    past = learnt()
    costs = dict(
        zip(counts, interleaved(*(side(fed(sensors, past)) for sensors in counts), turns=7), strict=True)
    )
    yield Row(
        "cost of a message without the model, all views, 1,000 sensors",
        f"{costs[SENSORS] * 1e6:.2f} µs of a core",
        f"{GOAL * 1e6:g} µs",
        costs[SENSORS] / GOAL,
        at_most(1.0),
    )
    for sensors in counts:
        if sensors != SENSORS:
            yield Row(
                f"the same, {sensors:,} sensors",
                f"{costs[sensors] * 1e6:.2f} µs",
                f"1,000: {costs[SENSORS] * 1e6:.2f} µs",
                costs[sensors] / costs[SENSORS],
                within(0.75, 1.25) if sensors >= KINDS else within(-np.inf, np.inf),
                run.note(1_000_000, most, "sensors at most") if sensors == most else "",
            )
    yield from by_view(past)


def by_view(past: Detector) -> Iterator[Row]:
    """All views against all but one of them, and against the reconstruction alone."""
    chosen = {f"without {view}": [one for one in VIEWS if one != view] for view in VIEWS}
    chosen["reconstruction alone"] = ["reconstruction"]
    sides = [side(fed(SENSORS, past)), *(side(fed(SENSORS, past, views)) for views in chosen.values())]
    everything, *rest = interleaved(*sides, turns=5)
    for name, cost in zip(chosen, rest, strict=True):
        yield Row(
            f"cost of a message without the model, {name}",
            f"{cost * 1e6:.2f} µs",
            f"all views: {everything * 1e6:.2f} µs",
            cost / everything,
        )


def learnt() -> Detector:
    """Some sensors after two days."""
    detector = made(KINDS)[0]
    names = workload.ids(KINDS)
    values = workload.values(KINDS, TURNS)
    for turn in range(TURNS):
        times = np.full(KINDS, workload.START + turn * STEP)
        detector.process(Readings(names, times, values[turn][:, None]))
    return detector


def made(sensors: int, views: list[str] | None = None) -> tuple[Detector, Pipeline]:
    """A detector with a model that is free, in its pipeline."""
    more = {"views": views} if views else {}
    pipeline = detecting.pipeline(Bundle.load("general"), threads=1, max_sensors=sensors, **more)
    detector = pipeline.assemblies[0].detector
    detector.reconstruct = lambda windows: windows
    return detector, pipeline


def fed(sensors: int, past: Detector, views: list[str] | None = None) -> Pipeline:
    """A pipeline with so many sensors, each with the past of one of those."""
    detector, pipeline = made(sensors, views)
    saved = past.snapshot()
    kinds = np.arange(sensors) % KINDS
    names = np.array([name.encode() for name in workload.ids(sensors)])
    whole = {"made_with", "heard_since"}
    rows = {name: part if name in whole else part[kinds] for name, part in saved.items()}
    detector.restore({**rows, "sensors": names})
    return pipeline


def side(pipeline: Pipeline) -> Callable[[], float]:
    """Seconds of a core that a message takes."""
    sensors = len(pipeline.assemblies[0].detector)
    # The time goes on from the past's last reading, a second a turn.
    turn, each = int(TURNS * STEP), max(1, MESSAGES // sensors)

    def cost() -> float:
        nonlocal turn
        batches = workload.message_batches(sensors, each, turn)[: MESSAGES // workload.BATCH]
        turn += each
        gc.collect()
        began = time.thread_time()
        for batch in batches:
            pipeline.process(batch)
        return (time.thread_time() - began) / sum(map(len, batches))

    return cost
