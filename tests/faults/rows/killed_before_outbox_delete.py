"""Row 9."""

from __future__ import annotations

import signal

from rig.bench import Bench, Outcome, finish, found, row
from rig.oracle import Expected, saved
from rig.waiting import until
from rig.workload import Workload

# The first commit has the event; once the broker has acknowledged it, the second one deletes it.
_BEFORE_DELETE = {"STREAMDETECT_FAILPOINT": "commit.begin@2=kill"}


@row(9, "kill between PUBACK and outbox delete", "<= 1 duplicate, same id")
def killed_before_outbox_delete(bench: Bench) -> Outcome:
    """The broker has an event, and the daemon dies before it has noted that."""
    plant, workload = bench.plant(), Workload()
    messages, first = workload.messages(), _first_event(plant.daemon.config, workload)
    plant.daemon.start()
    plant.publisher.send(messages[:first], rate=500)
    until(lambda: plant.daemon.metric("readings_total") == first, "the calm is over")
    plant.daemon.terminate()
    plant.daemon.environment = _BEFORE_DELETE
    plant.daemon.start()
    plant.publisher.send(messages[first : first + 1], rate=500)
    code = plant.daemon.wait(30)
    kept = [one.event.id for one in saved(plant.daemon.state).outbox if one.sink == "mqtt"]
    until(lambda: plant.recorder.events, "the event, before the kill")
    plant.daemon.environment = {}
    plant.daemon.start()
    plant.publisher.send(messages[first + 1 :], rate=500)
    finish(plant.daemon, workload)
    plant.daemon.terminate()
    verdict = found(plant, workload)
    times = plant.recorder.events[kept[0]] if kept else 0
    others = max(count for event, count in plant.recorder.events.items() if event not in kept)
    figure = f"{len(kept)} event kept, {times - 1} duplicate, others {others - 1}; {verdict}"
    holds = code == -signal.SIGKILL and len(kept) == 1 and 1 <= times <= 2 and others == 1 and not verdict
    return Outcome(figure, holds)


def _first_event(config: dict[str, object], workload: Workload) -> int:
    """Return the number of the reading that brings the first event."""
    expected, at = Expected(config), 0
    while not expected.events:
        expected.feed(workload.readings(at, at + 1))
        at += 1
    return at - 1
