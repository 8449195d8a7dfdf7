"""Row 37."""

from __future__ import annotations

import json
import re
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

from rig.bench import Bench, Outcome, finish, row
from rig.oracle import Expected
from rig.receiver import Receiver
from rig.waiting import took, until
from rig.workload import Workload

from streamdetect.store.history import HISTORY, edges, read

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from typing import Any

_KILLS = (  # a step, and at which time that it is passed
    *(("commit.begin", 1), ("commit.begin", 2), ("commit.done", 1), ("commit.done", 2), ("commit.acked", 1)),
    *((f"sink.{kind}.delivered", 1) for kind in ("webhook", "file", "notify", "history")),
    *((f"sink.{kind}.delivered", 2) for kind in ("webhook", "file")),  # the others gather what waits
    ("history.written", 1),  # within its transaction, with the readings around the incidents
)
_READINGS = 200  # a kill
_RATE = 200  # messages a second
_MORE = re.compile(r"^and (\d+) more$", re.MULTILINE)  # of those that a long digest does not name


@row(37, "kill at each step of delivery, with every kind of sink", "0 lost; duplicates have the same id")
def killed_while_delivering(bench: Bench) -> Outcome:
    """The daemon is killed before and after each sink has an event, and when that is noted."""
    receiver = bench.stack.enter_context(Receiver())
    lines = bench.subfolder("lines") / "events.jsonl"
    plant = bench.plant(
        # While the daemon is dead, nobody is silent to the oracle; and each kill needs events of its own.
        detector={"views": ["reconstruction"], "threshold": {"kind": "fixed", "level": 0.3}},
        webhooks=[{"name": "hook", "url": f"http://127.0.0.1:{receiver.port}/hook"}],
        files=[{"name": "lines", "path": str(lines)}],
        notify=[
            {
                "name": "phone",
                "url": f"json://127.0.0.1:{receiver.port}/phone",
                "body": "{incident}",
                "most_per_hour": 10_000,
            }
        ],
    )
    plant.daemon.start()  # or it may be killed before there is a subscription, and the broker keeps nothing
    plant.daemon.kill()
    workload, sent, killed = Workload(steps=_READINGS * (len(_KILLS) + 1) // 5), 0, 0
    for step, passes in _KILLS:
        plant.daemon.environment = {"STREAMDETECT_FAILPOINT": f"{step}@{passes}=kill"}
        plant.daemon.start(ready=False)
        until(lambda: plant.daemon.ready or plant.daemon.code is not None, "ready, or killed")
        plant.publisher.send(workload.messages()[sent : sent + _READINGS], _RATE)
        sent += _READINGS
        took(lambda: plant.daemon.code is not None, 10)
        killed += plant.daemon.code == -signal.SIGKILL
        plant.daemon.kill()
    plant.daemon.environment = {}
    plant.daemon.start()
    plant.publisher.send(workload.messages()[sent:], _RATE)
    finish(plant.daemon, workload)
    until(lambda: plant.daemon.metric("sink_events_waiting") == 0, "every sink has everything")
    plant.daemon.terminate()
    expected = Expected(plant.daemon.config)
    expected.feed(workload.readings())
    return _judged(receiver, lines, plant.daemon.state / HISTORY, set(expected.events), killed, len(_KILLS))


def _judged(
    receiver: Receiver, lines: Path, history: Path, expected: set[str], killed: int, kills: int
) -> Outcome:
    posted = _whole(receiver.bodies["/hook"])
    incidents = {one["data"]["incident"] for one in posted}
    said = {one["message"] for one in _whole(receiver.bodies["/phone"])}
    told = {line for message in said for line in message.splitlines()}
    only_counted = sum(int(found[1]) for message in said for found in _MORE.finditer(message))
    written = [json.loads(line)["id"] for line in lines.read_text().splitlines()]
    noted = sum(len(edges(history, one.id)) for one in read(history, since=0.0))
    lost = {
        "webhook": len(expected - {one["id"] for one in posted}),
        "file": len(expected - set(written)),
        "notify": max(len(incidents - told) - only_counted, 0),
        "history": len(expected) - noted,
    }
    twice = {"webhook": len(posted) - len(expected), "file": len(written) - len(expected)}
    invented = len({one["id"] for one in posted} - expected) + len(set(written) - expected)
    figure = (
        f"{killed} of {kills} kills, {len(expected)} events; lost {lost}, twice {twice}, invented {invented}"
    )
    return Outcome(figure, killed == kills and not any(lost.values()) and not invented)


def _whole(bodies: Iterable[bytes]) -> list[dict[str, Any]]:
    """Return the requests that arrived whole: a kill cuts one short, and it comes again."""
    found = []
    for body in bodies:
        with suppress(ValueError):
            found.append(json.loads(body))
    return found
