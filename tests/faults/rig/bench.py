"""The tools of a row of the matrix, and its outcome."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

from real_broker import Mosquitto, free_port

from rig.daemon import COMMAND, Daemon
from rig.oracle import Expected, judge
from rig.proxy import Proxy
from rig.traffic import Publisher, Recorder
from rig.waiting import took, until

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from typing import Self

    from rig.oracle import Found
    from rig.workload import Workload

    _Run = Callable[["Bench"], "Outcome"]

DURABLE = ("persistence true", "autosave_on_changes true", "autosave_interval 1")
"""A Mosquitto that has on disk what it acknowledged."""

EVENTFUL = {
    "views": ["reconstruction"],
    "threshold": {"kind": "fixed", "level": 0.5},
    "incidents": {"excess": 0.0, "close_after": 1},
    "silent_after": "36500d",
}
"""Judges so hastily that many events may get lost. Silence needs a clock, and the oracle has none."""


class Outcome(NamedTuple):
    """The findings of a row, and whether the promise holds."""

    figure: str
    holds: bool


class Row(NamedTuple):
    """One row of the matrix."""

    number: int
    fault: str
    promise: str
    run: Callable[[Bench], Outcome]


ROWS: dict[int, Row] = {}


def row(number: int, fault: str, promise: str) -> Callable[[_Run], _Run]:
    """Make a function a row of the matrix."""

    def register(run: _Run) -> _Run:
        ROWS[number] = Row(number, fault, promise, run)
        return run

    return register


class Plant(NamedTuple):
    """Everything at work, except for the daemon: that is the row's to start."""

    broker: Mosquitto
    publisher: Publisher
    recorder: Recorder
    daemon: Daemon
    wire: Proxy  # between daemon and broker, if that was asked for


class Bench:
    """Brokers, wires, daemons and traffic for one row; all are gone when it is over.

    Attributes:
        folder: the row's own.
        long: whether to take the time for the long form.
    """

    def __init__(self, folder: Path, *, long: bool) -> None:
        self.folder = folder
        self.long = long
        self.stack = ExitStack()
        self._made = 0

    def __enter__(self) -> Self:
        self.stack.__enter__()
        return self

    def __exit__(self, *details: object) -> None:
        self.stack.close()

    def subfolder(self, what: str) -> Path:
        """Make a new folder."""
        self._made += 1
        folder = self.folder / f"{what}{self._made}"
        folder.mkdir()
        return folder

    def broker(self, *options: str, start: bool = True) -> Mosquitto:
        """Make a broker with these lines in its configuration."""
        broker = Mosquitto(self.subfolder("broker"), options, ())
        self.stack.callback(broker.kill)
        if start:
            broker.start()
        return broker

    def daemon(
        self,
        port: int,
        environment: Mapping[str, str] | None = None,
        command: Sequence[str] = COMMAND,
        **sections: Any,
    ) -> Daemon:
        """Make a daemon that talks to this port; sections of its configuration add to ours."""
        folder, http = self.subfolder("daemon"), free_port()
        config: dict[str, Any] = {
            "mqtt": {"port": port, "client_id": "faults"},
            "metrics": {"port": http},
            "state": {"directory": str(folder / "state")},
            "detectors": [
                {"name": "lab", "payload": {"time": "time"}} | EVENTFUL | sections.pop("detector", {})
            ],
        }
        for name, section in sections.items():
            config[name] = section if isinstance(section, list) else config.get(name, {}) | section
        daemon = Daemon(folder, config, http, command)
        daemon.environment = environment or {}
        self.stack.callback(daemon.kill)
        return daemon

    def plant(self, *options: str, wired: bool = False, **of_daemon: Any) -> Plant:
        """Make a broker with these lines in its configuration, who publishes, who hears, and a daemon.

        Args:
            options: the broker's.
            wired: whether the daemon's connection goes over the wire.
            of_daemon: options of `daemon`.
        """
        broker = self.broker(*options)
        wire = self.stack.enter_context(Proxy(broker.port, free_port()))
        publisher = self.stack.enter_context(Publisher(broker.port))
        recorder = self.stack.enter_context(Recorder(broker.port))
        daemon = self.daemon(wire.port if wired else broker.port, **of_daemon)
        return Plant(broker, publisher, recorder, daemon, wire)

    def verdict(self, plant: Plant, *workloads: Workload, within: float = 60.0) -> Found:
        """Let the daemon finish these workloads and end, and ask the oracle.

        Raises:
            NeverHappenedError: it does not finish them, or does not end.
        """
        finish(plant.daemon, workloads[-1], within)
        plant.daemon.terminate()
        return found(plant, *workloads)


def found(plant: Plant, *workloads: Workload) -> Found:
    """Ask the oracle about a daemon that has ended, once the recorder has had time for the events."""
    expected = Expected(plant.daemon.config)
    for workload in workloads:
        expected.feed(workload.readings())
    took(lambda: plant.recorder.events.keys() >= set(expected.events), 10)
    return judge(expected, plant.daemon.state, plant.recorder.events)


def finish(daemon: Daemon, workload: Workload, within: float = 60.0) -> float:
    """Wait until the daemon has taken in the end of a workload and delivered its events.

    Raises:
        NeverHappenedError: it has not.
    """
    last = {f'sensor_value{{detector="lab",sensor="{i}"}}': v for i, v in workload.last_values.items()}

    def done() -> bool:
        metrics = daemon.metrics()
        return last.items() <= metrics.items() and metrics["outbox_depth"] == 0

    return until(done, "the last reading of every sensor", within)
