"""A broker of its own, something behind it that counts, and a publisher before it."""

from __future__ import annotations

import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import real_broker

from rig import workload
from rig.processes import CSubscriber, Daemon, Subscriber, cpu_seconds
from rig.publisher import Publisher
from streamdetect.mqtt.receiving import publish_packet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rig.processes import Process
    from rig.run import Run

SENSORS = 1000
WARM_UP = 21  # turns, after which every window is full
AHEAD = 4000  # messages underway, fewer than the inbox holds
_IDS = 60_000  # packet ids in use at QoS 1, one after the other


class Line:
    """Attributes: broker; process: what counts; publisher."""

    def __init__(self, broker: real_broker.Mosquitto, process: Process, qos: int) -> None:
        self.broker, self.process, self.qos = broker, process, qos
        self.publisher = Publisher(broker)
        self._turn = 0

    def packets(self, turns: int, spikes: int = 0) -> list[bytes]:
        """A reading of every sensor in each of the turns that follow; every `spikes`-th is a spike."""
        topics = workload.ids(SENSORS)
        made = workload.payloads(SENSORS, turns, self._turn, spikes)
        self._turn += turns
        return [
            publish_packet(topics[sensor], payload, at % _IDS + 1 if self.qos else 0)
            for at, (sensor, payload) in enumerate(made)
        ]

    def push(self, turns: int, *, ahead: int = AHEAD, spikes: int = 0) -> float:
        """Messages a second, as fast as they are done with."""
        packets = self.packets(turns, spikes)
        behind = self.process.behind
        return len(packets) / self.publisher.push(packets, self.process.done, ahead, behind)

    def overload(self, turns: int, rate: float) -> float:
        """Messages a second that are done with while so many are offered."""
        packets, before, began = self.packets(turns), self.process.done(), time.perf_counter()
        self.publisher.pace(packets, rate)
        return (self.process.done() - before) / (time.perf_counter() - began)

    def costs(self, turns: int) -> tuple[float, float]:
        """CPU seconds of the process and of the broker for the next turns."""
        before = self.process.cpu, cpu_seconds(self.broker.pid)
        self.push(turns)
        return self.process.cpu - before[0], cpu_seconds(self.broker.pid) - before[1]


@contextmanager
def line(
    run: Run, qos: int, make: Callable[[Path, real_broker.Mosquitto], Process], *options: str
) -> Iterator[Line]:
    """Set one up, with whatever stands behind the broker; gone in the end."""
    folder = Path(tempfile.mkdtemp(dir=run.folder))
    broker = real_broker.Mosquitto(folder, ("log_type none", "max_inflight_messages 0", *options), ())
    broker.start()
    try:
        process = make(folder, broker)
        try:
            one = Line(broker, process, qos)
            yield one
            one.publisher.close()
        finally:
            process.stop()
    finally:
        broker.kill()


def daemon_line(
    run: Run,
    qos: int,
    *sections: dict[str, Any],
    durable: bool = False,
    options: tuple[str, ...] = (),
    **more: Any,
) -> Any:
    """Measure the daemon behind the broker; `more` are sections of its configuration."""

    def make(folder: Path, broker: real_broker.Mosquitto) -> Daemon:
        state = {"state": {"directory": str(folder / "state")}} if durable else {}
        return Daemon(folder, broker, qos, *sections, **state, **more)

    return line(run, qos, make, *options)


def subscriber_line(run: Run, qos: int) -> Any:
    """Measure a bare paho subscriber behind the broker."""
    return line(run, qos, lambda folder, broker: Subscriber(folder, broker, qos))


def c_line(run: Run) -> Any:
    """Measure a bare subscriber in C behind the broker, at QoS 0."""
    return line(run, 0, CSubscriber)


def wait_until(happened: Callable[[], bool], what: str, patience: float = 60.0) -> None:
    """Look a few times a second.

    Raises:
        RuntimeError: it never happens.
    """
    began = time.perf_counter()
    while not happened():
        if time.perf_counter() - began > patience:
            raise RuntimeError(f"never happened: {what}")
        time.sleep(0.01)
