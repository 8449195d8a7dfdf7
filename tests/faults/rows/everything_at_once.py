"""Row 38."""

from __future__ import annotations

import itertools
import json
import signal
import threading
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from rig.bench import EVENTFUL, Bench, Outcome, finish, found, row
from rig.memory import Memory
from rig.oracle import saved, taken
from rig.traffic import Publisher
from rig.waiting import pause, until
from rig.workload import Workload

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rig.bench import Plant
    from rig.daemon import Daemon

_LIMIT = 300e6  # bytes of memory, as MemoryMax=300M has it
_RATE = 250  # messages a second with times of their own, of five sensors
_UNTIMED = 40  # messages a second that take the time of arrival, of one sensor
_CHURN = 40  # messages a second, each of a sensor that never comes back
_PASSING = 500  # of those sensors are kept at most
_BACKLOG, _IN_A_LIST = 25, 1500  # messages of a backlog, and readings in each
_EVERY = 7.0  # s from fault to fault
_KILLS = 0.6  # of the time in which it is killed; then it lives on, and its memory can be watched
_SCRAPERS = 3
_GROWTH = 0.05  # of the memory at most, from the first half of its last life to the second
_QUIET = {
    "views": ["reconstruction"],
    "threshold": {"kind": "fixed", "level": 1e9},
    "silent_after": "36500d",
}
_DETECTORS = [
    {"name": "lab", "payload": {"time": "time"}} | EVENTFUL,
    {"name": "untimed", "topics": ["untimed/#"]} | _QUIET,
    {"name": "lists", "topics": ["lists/#"], "payload": {"time": "time", "each": "$"}} | _QUIET,
    {"name": "churn", "topics": ["churn/#"], "idle_after": "20s", "max_sensors": _PASSING} | _QUIET,
]


@row(38, "everything at once", "0 lost; each judged once; RSS flat and < 300 MB")
def everything_at_once(bench: Bench) -> Outcome:
    """Backlogs, cuts, scrapers, sensors that never come back, reloads and SIGKILLs beside steady readings."""
    seconds = 1800 if bench.long else 90
    options = ("persistence true", "max_queued_bytes 0", "log_type error")
    plant = bench.plant(*options, wired=True, detectors=_DETECTORS)
    daemon, workload = plant.daemon, Workload(steps=_RATE * seconds // 5)
    untimed = [("untimed/a", json.dumps({"value": at % 7}).encode()) for at in range(_UNTIMED * seconds)]
    churn = [(f"churn/{at}", b'{"value": 1}') for at in range(_CHURN * seconds)]
    daemon.start()
    with ExitStack() as stack:
        lists = _Lists(stack.enter_context(Publisher(plant.broker.port, "lists")))
        arrivals, passers = (
            stack.enter_context(Publisher(plant.broker.port, name)) for name in ("untimed", "churn")
        )
        stack.enter_context(arrivals.sending(untimed, _UNTIMED))
        stack.enter_context(passers.sending(churn, _CHURN))
        memory, scrapes = stack.enter_context(Memory(daemon)), stack.enter_context(_scraping(daemon))
        with plant.publisher.sending(workload.messages(), _RATE) as thread:
            began, done = _torment(plant, lists, thread, seconds)
        growth = memory.growth(began)
    _finish(daemon, workload)
    passing = daemon.metrics()['sensors{detector="churn"}']
    size = sum(file.stat().st_size for file in daemon.state.rglob("*") if file.is_file())
    daemon.terminate()
    wrong = found(plant, workload)
    judged = {state.name: taken(state.detector) for state in saved(daemon.state).states}
    figure = (
        f"{seconds} s, {done}, {len(scrapes)} scrapes: {wrong}; judged {judged['untimed']} of {len(untimed)} "
        f"without times ({arrivals.again} published again), {judged['lists']} of {lists.readings} in lists; "
        f"{passing:.0f} of {len(churn)} passing sensors kept; RSS {memory.peak / 1e6:.0f} MB at most, "
        f"{growth:+.1%} in the last life; state {size / 1e6:.1f} MB"
    )
    once = len(untimed) <= judged["untimed"] <= len(untimed) + arrivals.again
    exact = once and judged["lists"] == lists.readings and not wrong
    flat = memory.peak < _LIMIT and growth < _GROWTH and passing <= _PASSING
    return Outcome(figure, exact and flat)


class _Lists:
    """Backlogs: messages with many readings each, on a few topics, one time after the other."""

    def __init__(self, publisher: Publisher) -> None:
        self.readings = 0
        self._publisher = publisher
        self._now = time.time() - 60 * 86_400

    def send(self) -> None:
        """Publish one backlog."""
        messages = []
        for at in range(_BACKLOG):
            times = [round(self._now + step / 2, 1) for step in range(_IN_A_LIST)]
            rows = [{"time": when, "value": step % 7} for step, when in enumerate(times)]
            messages.append((f"lists/{at % 4}", json.dumps(rows).encode()))
            self._now += _IN_A_LIST / 2
        self.readings += _BACKLOG * _IN_A_LIST
        self._publisher.send(messages, rate=1e9)


def _torment(plant: Plant, lists: _Lists, thread: threading.Thread, seconds: float) -> tuple[float, str]:
    """Do one thing after the other; returns when the last life began (monotonic s), and what was done."""
    daemon, began, last = plant.daemon, time.monotonic(), time.monotonic()
    done: Counter[str] = Counter()

    def backlog() -> None:
        nonlocal last
        if time.monotonic() - began > _KILLS * seconds:
            lists.send()
            return
        daemon.kill()
        lists.send()
        daemon.start()
        done["kill"] += 1
        last = time.monotonic()

    def cut() -> None:
        plant.wire.cut()

    def reload() -> None:
        daemon.signal(signal.SIGHUP)

    for number, fault in enumerate(itertools.cycle((cut, backlog, reload, cut)), 1):
        while thread.is_alive() and time.monotonic() - began < number * _EVERY:
            pause(0.1)
        if not thread.is_alive():
            return last, ", ".join(f"{count} {what}s" for what, count in sorted(done.items()))
        fault()
        done[fault.__name__] += 1
    raise AssertionError("a cycle has no end")


@contextmanager
def _scraping(daemon: Daemon) -> Iterator[list[int]]:
    """Ask for metrics all the time within the block; gives the numbers of samples that were answered."""
    scrapes: list[int] = []
    over = threading.Event()

    def scrape() -> None:
        while not over.wait(0.2):
            if samples := daemon.metrics():
                scrapes.append(len(samples))

    threads = [threading.Thread(target=scrape) for _ in range(_SCRAPERS)]
    for thread in threads:
        thread.start()
    try:
        yield scrapes
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _finish(daemon: Daemon, workload: Workload) -> None:
    """Wait until all that was published is taken in."""
    finish(daemon, workload, within=300)
    until(lambda: not daemon.metric("mqtt_unacknowledged") + daemon.metric("inbox_depth"), "the rest", 300)
    pause(1.5)  # acknowledgements bring what the broker still has
    until(lambda: not daemon.metric("mqtt_unacknowledged") + daemon.metric("inbox_depth"), "the rest", 300)
