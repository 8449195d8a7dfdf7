"""The core without MQTT: push and judge, the whole pipeline, many sensors, recordings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from rig import detecting, workload
from rig.detecting import best_batch, graph_rate, seconds
from rig.run import interleaved
from rig.table import REPORT, Row, at_least, within

from streamdetect.offline.backtest.running import backtest
from streamdetect.offline.recordings import Recording

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rig.run import Run

    from streamdetect.core.detector import Detector
    from streamdetect.core.readings import Readings

SENSORS = 10_000
TURNS = 30  # fills every window and then some


def rows(run: Run) -> Iterator[Row]:
    yield from push_and_judge(run)
    stacked = pipeline_rates(run, "stacked")
    conv = pipeline_rates(run, "conv")
    for name, (rate, graph, size) in (("stacked", stacked), ("conv", conv)):
        yield Row(
            f"pipeline: decode, push, score, judge ({name}, 1,000 sensors, one core)",
            f"{rate:,.0f} windows/s",
            f"bare graph, batch {size}: {graph:,.0f}/s",
            rate / graph,
            at_least(0.9) if name == "stacked" else at_least(-np.inf),
        )
    yield Row(
        "pipeline, conv", f"{conv[0]:,.0f} windows/s", f"stacked: {stacked[0]:,.0f}/s", conv[0] / stacked[0]
    )
    yield from by_sensors(run)
    yield recording(run)


def push_and_judge(run: Run) -> Iterator[Row]:
    """Against the update of one sensor's rolling variance, and against limits made of such, call by call."""
    from river import stats, utils  # noqa: PLC0415 - takes seconds, and only these rows want it

    detector = detecting.detector(run.bundle("stacked"))
    step = pushing(detector)
    seconds(step, workload.batches(SENSORS, TURNS))
    turn = TURNS
    rolling = utils.Rolling(stats.Var, window_size=detecting.HISTORY)
    values = workload.values(1, 50_000).ravel().tolist()
    names = workload.ids(SENSORS) * 6
    held = {name: utils.Rolling(stats.Var, window_size=detecting.HISTORY) for name in names}

    def ours() -> float:
        nonlocal turn
        parts = workload.batches(SENSORS, 6, turn)
        turn += 6
        return 6 * SENSORS / seconds(step, parts)

    def theirs() -> float:
        return len(values) / seconds(rolling.update, values)

    def judging(name: str) -> bool:
        past = held[name]
        anomalous = past.mean.get() + 2.0 * past.get() ** 0.5 < 1.0
        past.update(1.0)
        return anomalous

    def limits() -> float:
        return len(names) / seconds(judging, names)

    rate, river, judged = interleaved(ours, theirs, limits, turns=5)
    name, figure = "push and judge, 10,000 sensors, the largest batch", f"{rate:,.0f} readings/s"
    yield Row(name, figure, f"River, Rolling(Var).update: {river:,.0f}/s", rate / river, at_least(10))
    yield Row(
        "the same against a limit a sensor in River",
        figure,
        f"of 10,000 Rolling(Var), mean and deviation, then update: {judged:,.0f}/s",
        rate / judged,
    )


def pushing(detector: Detector) -> Callable[[Readings], object]:
    """Everything but the score; the errors are given."""
    errors = np.random.default_rng(1).gamma(4.0, 0.01, (workload.BATCH, 1))

    def step(readings: Readings) -> None:
        pushed = detector.push(readings)
        feature_errors = errors[: len(pushed.windows)]
        detector.judge(pushed, feature_errors[:, 0], feature_errors)

    return step


def pipeline_rates(run: Run, name: str) -> tuple[float, float, int]:
    """Windows a second through everything, and of the graph alone at its best batch size, and that."""
    pipeline = detecting.pipeline(run.bundle(name), threads=1)
    graph = pipeline.assemblies[0].detector.reconstruct
    size = best_batch(graph)
    sensors, turns, at = 1000, run.scaled(60, 15), 20
    seconds(pipeline.process, workload.message_batches(sensors, at))

    def whole() -> float:
        nonlocal at
        parts = workload.message_batches(sensors, turns, at)
        at += turns
        return sensors * turns / seconds(pipeline.process, parts)

    rate, alone = interleaved(whole, lambda: graph_rate(graph, size), turns=5)
    return rate, alone, size


def by_sensors(run: Run) -> Iterator[Row]:
    """Measure the cost of a message at any number of sensors, with the model and without it."""
    most = run.scaled(1_000_000, 100_000)
    counts = [sensors for sensors in (10, 100, 1000, 10_000, 100_000, 1_000_000) if sensors <= most]
    sides = [pushed_by(run, sensors, free=free) for sensors in counts for free in (False, True)]
    found = interleaved(*sides, turns=5)
    whole, rest = dict(zip(counts, found[::2], strict=True)), dict(zip(counts, found[1::2], strict=True))
    for costs, what, goal in (
        (whole, "from payload to verdict, one core", within(0.75, 1.25)),
        (rest, "the model left out", REPORT),
    ):
        for sensors in counts:
            if sensors != SENSORS // 10:
                yield Row(
                    f"cost of a message at {sensors:,} sensors, {what}",
                    f"{costs[sensors] * 1e6:.1f} µs",
                    f"at 1,000: {costs[1000] * 1e6:.1f} µs",
                    costs[sensors] / costs[1000],
                    goal,
                    run.note(1_000_000, most, "sensors at most") if sensors == most else "",
                )


def pushed_by(run: Run, sensors: int, *, free: bool) -> Callable[[], float]:
    """Seconds a message of so many sensors, with the model or with one that is free."""
    pipeline = detecting.pipeline(run.bundle("stacked"), threads=1)
    detector = pipeline.assemblies[0].detector
    model, detector.reconstruct = detector.reconstruct, lambda windows: windows
    turns = 22 if sensors <= SENSORS else 1
    for turn in range(turns):
        seconds(pipeline.process, workload.message_batches(sensors, 1, turn))
    if turns == 1:  # every window is full all the same, of its one reading
        windows = detector.state.cutter.windows
        windows.filled[:], windows.buffer[:] = 20, windows.buffer[:, -1:]
    if not free:
        detector.reconstruct = model
    at, least = turns, 20_000
    each = max(1, least // sensors)

    def side() -> float:
        nonlocal at
        parts = workload.message_batches(sensors, each, at)[: least // workload.BATCH]
        at += each
        return seconds(pipeline.process, parts) / sum(map(len, parts))

    return side


def recording(run: Run) -> Row:
    """One sensor's recording, against as many readings of 1,000 sensors."""
    bundle, size = run.bundle("stacked"), run.scaled(200_000, 20_000)
    times, values = workload.START + np.arange(size, dtype=float), workload.values(1, size)

    def fresh() -> Detector:
        return detecting.detector(
            bundle, threads=1, threshold={}
        )  # the default's: short blocks are many rounds

    one = Recording("bench", "bench", times, values, ("value",))
    core = fresh()
    seconds(core.process, workload.batches(1000, 20))
    at = 20

    def live() -> float:
        nonlocal at
        parts = workload.batches(1000, size // 1000, at)
        at += size // 1000
        return size / seconds(core.process, parts)

    def offline() -> float:
        return size / seconds(lambda recording: backtest(fresh(), [recording]), [one])

    rate, core_rate = interleaved(offline, live)
    return Row(
        f"backtest of a recording of {size:,}, one core",
        f"{rate:,.0f} readings/s",
        f"the daemon's core: {core_rate:,.0f}/s",
        rate / core_rate,
        at_least(0.8),
    )
