"""Row 8."""

from __future__ import annotations

import random

from rig.bench import Bench, Outcome, row
from rig.waiting import pause
from rig.workload import Workload

_READINGS, _RATE = 200, 200  # in each life of the daemon, and a second
_STARTING = 4  # every fourth kill comes while it starts


@row(8, "daemon SIGKILL x 100", "0 inputs lost; every expected event id at least once")
def daemon_killed(bench: Bench) -> Outcome:
    """The daemon is killed at random moments, some of them while it starts."""
    kills, chance = 100 if bench.long else 12, random.Random(8)  # noqa: S311 - moments
    plant = bench.plant(state={"snapshot_every": "5s"})
    workload = Workload(steps=_READINGS * kills // 5)
    messages = workload.messages()
    for number in range(kills):
        plant.daemon.start(ready=bool(number % _STARTING) or not number)
        life = messages[number * _READINGS : (number + 1) * _READINGS]
        with plant.publisher.sending(life, _RATE):
            pause(chance.uniform(0, _READINGS / _RATE))
            plant.daemon.kill()
    plant.daemon.start()
    found = bench.verdict(plant, workload)
    events = plant.recorder.events
    figure = f"{found}; {kills} kills, {events.total() - len(events)} of {len(events)} events twice"
    return Outcome(figure, not found)
