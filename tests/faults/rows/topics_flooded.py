"""Row 18."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import TYPE_CHECKING

from rig.bench import Bench, Outcome, finish, row
from rig.traffic import Publisher
from rig.waiting import until
from rig.workload import Workload

if TYPE_CHECKING:
    from rig.bench import Plant

_SENSORS = 100  # allowed
_KNOWN = 20
_PIECE = 10_000  # topics before the daemon has to catch up
_TURNED_AWAY = 'readings_total{detector="lab",outcome="cardinality"}'
_SPARE = 64 << 20  # bytes of memory that the daemon may take on top


@row(18, "a million topics", "sensors <= cap; RSS within +10 %; known sensors lose nothing")
def topics_flooded(bench: Bench) -> Outcome:
    """A reading comes on each of very many topics, while known sensors go on; memory is capped."""
    topics = 1_000_000 if bench.long else 150_000
    quiet = "log_type error"  # or Mosquitto writes a line for each
    plant = bench.plant(quiet, detector={"max_sensors": _SENSORS}, metrics={"max_sensors": _SENSORS})
    daemon = plant.daemon
    workload = Workload(sensors=_KNOWN, steps=300)
    messages, half = workload.messages(), len(workload) // 2
    daemon.start()
    plant.publisher.send(messages[:half], rate=500)
    until(lambda: daemon.metric("readings_total") == half, "half of the readings")
    before = daemon.rss
    _cap_memory(daemon.pid)
    with plant.publisher.sending(messages[half:], rate=100):
        most = _flood(plant, topics, workload.start)
    finish(daemon, workload)
    metrics = daemon.metrics()
    found = bench.verdict(plant, workload)
    sensors, turned_away = metrics['sensors{detector="lab"}'], metrics[_TURNED_AWAY]
    more = 100 * (most / before - 1)
    figure = f"{topics} topics: {sensors:.0f} sensors, RSS {more:+.1f} %, {turned_away:.0f} rejected; {found}"
    exact = turned_away == topics - (_SENSORS - _KNOWN)
    return Outcome(figure, sensors <= _SENSORS and more <= 10 and exact and not found)


def _flood(plant: Plant, topics: int, start: float) -> int:
    """Publish on so many topics, no faster than the daemon takes it; returns its highest RSS."""
    daemon, payload = plant.daemon, b'{"time": %f, "value": 1}' % start
    most, admitted = 0, _SENSORS - _KNOWN
    with Publisher(plant.broker.port, "flood") as flooder:
        for first in range(0, topics, _PIECE):
            piece = [(f"sensors/flood/{first + at}", payload) for at in range(_PIECE)]
            flooder.send(piece, rate=1e9)
            due = first + _PIECE - admitted
            until(lambda due=due: daemon.metrics()[_TURNED_AWAY] >= due, "to catch up", 120)  # type: ignore[misc] # of a lambda's default
            most = max(most, daemon.rss)
    return most


def _cap_memory(pid: int) -> None:
    (line,) = (
        line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmData:")
    )
    most = int(line.split()[1]) * 1024 + _SPARE
    resource.prlimit(pid, resource.RLIMIT_DATA, (most, most))
