"""Row 20."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rig.bench import EVENTFUL, Bench, Outcome, row
from rig.oracle import Expected, judge
from rig.waiting import took, until
from rig.workload import Workload

from streamdetect.core.readings import Readings

if TYPE_CHECKING:
    from rig.daemon import Daemon

_HOUR, _YEAR = 3600, 365 * 86_400
_STEPS = (0, _HOUR, 0, -_HOUR, 0, _YEAR, 0, -_YEAR, 0)  # s that the clock is off, one after the other
_READINGS = 60  # of each sensor, at each
_STALL = 5.0  # s
_ARRIVAL = "arrival"  # the detector whose readings carry no time


@row(20, "clock +-1 h, +-1 y", "no stall, no burst of false alarms")
def clock_stepped(bench: Bench) -> Outcome:
    """The clock jumps while readings come, half of them without a time of their own."""
    clock = bench.folder / "clock"
    plant = bench.plant(environment=_faked(clock))
    daemon = plant.daemon
    daemon.config["detectors"].append({"name": _ARRIVAL, "topics": ["live/#"]} | EVENTFUL)
    timed = Workload(steps=_READINGS * len(_STEPS))
    untimed = Workload(steps=timed.steps, seed=2, prefix="live")
    _set(clock, 0)
    daemon.start()
    stalls = []
    for number, off in enumerate(_STEPS):
        _set(clock, off)
        cut = slice(number * _READINGS * 5, (number + 1) * _READINGS * 5)
        pairs = zip(timed.messages()[cut], map(_timeless, untimed.messages()[cut]), strict=True)
        plant.publisher.send([message for pair in pairs for message in pair], rate=300)
        if not _took_in(daemon, (number + 1) * _READINGS * 10, off):
            stalls.append(f"{off:+d} s")
    metrics = daemon.metrics()
    daemon.terminate()
    future = metrics['rejected_total{reason="future"}']
    accepted, opened = (
        int(metrics[f'{name}_total{{detector="{_ARRIVAL}",{label}}}'])
        for name, label in (("readings", 'outcome="accepted"'), ("incident_transitions", 'kind="opened"'))
    )
    due = _opened(daemon, untimed)
    expected = _ahead_of_the_clock(daemon, timed)
    took(lambda: plant.recorder.events.keys() >= set(expected.events), 10)
    found = judge(expected, daemon.state, plant.recorder.events)._replace(unexpected=0)
    figure = (
        f"with time of arrival {accepted} of {len(untimed)} taken, {opened} incidents, {due} without steps; "
        f"with their own: {found}, {future:.0f} rejected as a year ahead; "
        f"stalls at {', '.join(stalls) or 'none'}"
    )
    holds = accepted == len(untimed) and opened == due and future == _READINGS * 5
    return Outcome(figure, holds and not found and not stalls)


def _took_in(daemon: Daemon, messages: int, off: int) -> bool:
    """Whether all messages are handled, the last one by this clock, and a reading was taken in time."""
    until(lambda: daemon.metric("messages_total") == messages, "the messages")
    clock = daemon.metric("last_message_timestamp_seconds") - time.time()
    if abs(clock - off) > 60:
        raise RuntimeError(f"the clock was not stepped: it is off by {clock:.0f} s, not {off}")
    newest = f'readings_total{{detector="{_ARRIVAL}",outcome="accepted"}}'
    return took(lambda: daemon.metrics()[newest] >= messages / 2, _STALL) is not None


def _opened(daemon: Daemon, workload: Workload) -> int:
    """Incidents that the readings without times open when the clock runs evenly."""
    expected = Expected(daemon.config, at=1)
    transitions = expected.detector.process(workload.readings()).transitions
    return sum(transition.kind == "opened" for transition in transitions)


def _ahead_of_the_clock(daemon: Daemon, workload: Workload) -> Expected:
    """What the readings with times come to; those of the year in which the clock was behind are rejected."""
    expected, a_step = Expected(daemon.config), _READINGS * 5
    behind = _STEPS.index(-_YEAR) * a_step
    first, last = workload.readings(0, behind), workload.readings(behind + a_step)
    expected.feed(
        Readings(
            [*first.sensors, *last.sensors],
            np.concatenate([first.times, last.times]),
            np.concatenate([first.values, last.values]),
        )
    )
    return expected


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
