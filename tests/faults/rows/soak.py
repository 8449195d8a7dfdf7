"""Row 23."""

from __future__ import annotations

import itertools
import signal
import time
from typing import TYPE_CHECKING

import numpy as np
from rig.bench import Bench, Outcome, finish, row
from rig.traffic import Publisher
from rig.waiting import pause, until
from rig.workload import Workload

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Thread

    from rig.bench import Plant
    from rig.daemon import Daemon

_RATE = 500  # messages a second: five sensors that speak once a second, at 100 times their speed
_EVERY = 5.0  # s from fault to fault
_WARM = 40_000  # messages in which every buffer and cache fills up
_WARM_RATE = 1500
_SETTLED = 0.4  # of the time, in which every fault has come once
_GARBAGE = 20  # messages
_MEGABYTE = 1e6


@row(23, "soak", "RSS slope < 1 MB / 10 min; 0 fd growth; oracle exact")
def soak(bench: Bench) -> Outcome:
    """Readings at 100 times their speed, and every 5 s something goes wrong."""
    seconds = 1800 if bench.long else 75
    plant = bench.plant("persistence true", "log_type error", wired=True)
    steps = (_WARM + _RATE * seconds) // 5
    # As long ago as all of it takes: a reading too far in the future is rejected.
    daemon, workload = plant.daemon, Workload(steps=steps, start=float(int(time.time()) - steps))
    messages = workload.messages()
    daemon.start()
    plant.publisher.send(messages[:_WARM], _WARM_RATE)
    descriptors = _descriptors(daemon)
    with plant.publisher.sending(messages[_WARM:], _RATE) as thread:
        garbage, memory = _torment(plant, thread)
    finish(daemon, workload, within=180)
    until(lambda: daemon.ready, "ready at the end")
    more = _descriptors(daemon) - descriptors
    rejected = daemon.metric("rejected_total")
    found = bench.verdict(plant, workload)
    settled = memory[int(len(memory) * _SETTLED) :]
    slope = float(np.polyfit([at for at, _ in settled], [rss for _, rss in settled], 1)[0]) * 600 / _MEGABYTE
    # A short run cannot tell a slope from a step: there the growth itself has to stay below.
    growth = slope * (settled[-1][0] - settled[0][0]) / 600
    figure = (
        f"{seconds} s: RSS {slope:+.2f} MB / 10 min ({growth:+.2f} MB seen), {more:+d} descriptors, {found}, "
        f"{rejected:.0f} rejects of {garbage}"
    )
    flat = (slope if bench.long else growth) < 1
    return Outcome(figure, flat and more <= 0 and rejected >= garbage and not found)


def _descriptors(daemon: Daemon) -> int:
    """Open files while nobody asks for a page."""
    samples = []
    for _ in range(20):
        pause(0.05)
        samples.append(daemon.descriptors)
    return min(samples)


def _torment(plant: Plant, thread: Thread) -> tuple[int, list[tuple[float, int]]]:
    """Do one thing after the other; returns how much garbage was sent, and times with the RSS at each."""
    sent, memory = 0, []
    began = time.monotonic()
    with Publisher(plant.broker.port, "garbage") as publisher:

        def garbage() -> None:
            nonlocal sent
            publisher.send([("sensors/garbage", b'{"value": ')] * _GARBAGE, rate=1e9)
            sent += _GARBAGE

        for number, fault in enumerate(itertools.cycle((*_faults(plant), garbage)), 1):
            while thread.is_alive() and time.monotonic() - began < number * _EVERY:
                memory.append((time.monotonic(), plant.daemon.rss))
                pause(0.5)
            if not thread.is_alive():
                return sent, memory
            fault()
    raise AssertionError("a cycle has no end")


def _faults(plant: Plant) -> tuple[Callable[[], object], ...]:
    broker, wire = plant.broker, plant.wire

    def freeze() -> None:
        broker.freeze()
        pause(2)
        broker.thaw()

    def slow() -> None:
        wire.delay, wire.rate = 0.2, 20_000
        pause(2)
        wire.delay, wire.rate = 0.0, 0.0

    def reload() -> None:
        plant.daemon.signal(signal.SIGHUP)

    return wire.cut, freeze, broker.restart, slow, reload
