"""Row 20."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from rig.bench import EVENTFUL, Bench, Outcome, row
from rig.oracle import Expected
from rig.waiting import took, until
from rig.workload import Workload

if TYPE_CHECKING:
    from rig.daemon import Daemon

_HOUR, _YEAR = 3600, 365 * 86_400
_STEPS = (0, _HOUR, 0, -_HOUR, 0, _YEAR, 0, -_YEAR, 0, 0)  # s that the clock is off, one after the other
_RESTART = 7  # the step that a daemon finds which was down meanwhile
_READINGS = 60  # of each sensor, at each
_STALL = 5.0  # s
_ARRIVAL = "arrival"  # the detector whose readings carry no time


class _Run:
    """A daemon that is restarted, and what it counts over all its runs."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon
        self._before: Counter[str] = Counter()

    def restart(self) -> None:
        """End it and start it again."""
        self._before.update(self.daemon.metrics())
        self.daemon.terminate()
        self.daemon.start()

    def total(self, metric: str) -> int:
        """Return a counter over all runs, with these labels or, without any, the sum of all."""
        counts = self._before + Counter(self.daemon.metrics())
        return int(sum(count for name, count in counts.items() if metric in (name, name.partition("{")[0])))


@row(20, "clock +-1 h, +-1 y", "no stall, no burst of false alarms")
def clock_stepped(bench: Bench) -> Outcome:
    """The clock jumps while readings come, half of them without a time of their own."""
    clock = bench.folder / "clock"
    plant = bench.plant(environment=_faked(clock))
    daemon, run = plant.daemon, _Run(plant.daemon)
    daemon.config["detectors"].append({"name": _ARRIVAL, "topics": ["live/#"]} | EVENTFUL)
    timed = Workload(steps=_READINGS * len(_STEPS))
    untimed = Workload(steps=timed.steps, seed=2, prefix="live")
    _set(clock, 0)
    daemon.start()
    stalls = []
    for number, off in enumerate(_STEPS):
        _set(clock, off)
        if number == _RESTART:
            run.restart()
        cut = slice(number * _READINGS * 5, (number + 1) * _READINGS * 5)
        pairs = zip(timed.messages()[cut], map(_timeless, untimed.messages()[cut]), strict=True)
        plant.publisher.send([message for pair in pairs for message in pair], rate=300)
        if not _took_in(run, (number + 1) * _READINGS * 10, off):
            stalls.append(f"{off:+d} s")
    accepted = run.total(f'readings_total{{detector="{_ARRIVAL}",outcome="accepted"}}')
    opened = run.total(f'incident_transitions_total{{detector="{_ARRIVAL}",kind="opened"}}')
    ahead = daemon.metric("arrival_clock_ahead_seconds")
    due = _opened(daemon, untimed)
    found = bench.verdict(plant, timed)._replace(unexpected=0)  # the other detector's
    figure = (
        f"with time of arrival {accepted} of {len(untimed)} taken, {opened} incidents, {due} without steps, "
        f"in the end {ahead / _YEAR:.2f} years ahead; with their own: {found}; "
        f"stalls at {', '.join(stalls) or 'none'}"
    )
    return Outcome(figure, accepted == len(untimed) and opened == due and not found and not stalls)


def _took_in(run: _Run, messages: int, off: int) -> bool:
    """Tell whether all messages are handled, the last one by this clock, and a reading was taken in time."""
    until(lambda: run.total("messages_total") == messages, "the messages")
    clock = run.daemon.metric("last_message_timestamp_seconds") - time.time()
    if abs(clock - off) > 60:
        raise RuntimeError(f"the clock was not stepped: it is off by {clock:.0f} s, not {off}")
    newest = f'readings_total{{detector="{_ARRIVAL}",outcome="accepted"}}'
    return took(lambda: run.total(newest) >= messages / 2, _STALL) is not None


def _opened(daemon: Daemon, workload: Workload) -> int:
    """Incidents that the readings without times open when the clock runs evenly."""
    expected = Expected(daemon.config, at=1)
    transitions = expected.detector.process(workload.readings()).transitions
    return sum(transition.kind == "opened" for transition in transitions)


def _timeless(message: tuple[str, bytes]) -> tuple[str, bytes]:
    topic, payload = message
    return topic, json.dumps({"value": json.loads(payload)["value"]}).encode()


def _faked(clock: Path) -> dict[str, str]:
    """Return an environment in which the wall clock is that of a file; the monotonic one stays true."""
    library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
    if library is None:
        raise RuntimeError("not injected: libfaketime is not installed")
    return {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }


def _set(clock: Path, off: int) -> None:
    """Step the clock; the file is never seen half written."""
    fresh = clock.with_suffix(".new")
    fresh.write_text(f"{off:+d}\n")
    fresh.replace(clock)
