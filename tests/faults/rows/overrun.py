"""Row 36."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from real_broker import free_port
from rig.bench import Bench, Outcome, row
from rig.scripted_broker import Guest, ScriptedBroker, reading
from rig.waiting import NeverHappenedError, pause, until

if TYPE_CHECKING:
    from rig.daemon import Daemon

_SENSORS = 50
_ROUND = 4000  # messages, fewer than fit into the inbox
_ACCEPTED, _DROPPED = 'readings_total{detector="lab",outcome="accepted"}', "inbox_dropped_total"


class _Tap:
    """Sends readings at QoS 0: a round when it is asked to, or as fast as they are taken from it.

    Each is a millisecond after the last one of its sensor, whatever the pace.
    """

    def __init__(self) -> None:
        self.sent = self.asked = 0
        self.flooding = False
        self._milliseconds = (int(time.time()) - 86_400) * 1000

    def script(self, guest: Guest) -> None:
        guest.welcome()
        with suppress(OSError):
            while True:
                if not (self.flooding or self.asked):
                    pause(0.001)
                    continue
                self.asked = 0
                guest.send(self._round())
                self.sent += _ROUND

    def _round(self) -> bytes:
        packets = []
        for at in range(_ROUND):
            if at % _SENSORS == 0:
                self._milliseconds += 1
            payload = b'{"time": %d, "value": %d}' % (self._milliseconds, at % 7)
            packets.append(reading(f"sensors/s{at % _SENSORS}", payload))
        return b"".join(packets)


@row(36, "QoS 0 flood", "goodput under overload >= 80 % of what it carries; what is dropped is counted")
def overrun(bench: Bench) -> Outcome:
    """More comes at QoS 0 than can be judged, from a sender that takes no processor time of the daemon's."""
    seconds = 20.0 if bench.long else 6.0
    tap, port = _Tap(), free_port()
    daemon = bench.daemon(
        port,
        mqtt={"qos": 0},
        detector={"payload": {"time": "time", "time_format": "ms"}, "threshold": {}, "incidents": {}},
    )
    with ScriptedBroker(port, tap.script):
        daemon.start()
        carried = max(_carried(daemon, tap, seconds / 2), 1.0)
        before, began = _handled(daemon), _busy(daemon)
        tap.flooding = True
        pause(seconds)
        goodput = (_handled(daemon) - before) / (_busy(daemon) - began)
        tap.flooding = False
        until(lambda: daemon.metric("inbox_depth") == 0 and not tap.asked, "the end of the flood")
        pause(0.5)
        metrics = daemon.metrics()
    handled, dropped = metrics[_ACCEPTED], metrics[_DROPPED]
    missing = tap.sent - handled - dropped
    figure = (
        f"carries {carried:.0f} readings a second of processor time, "
        f"in the flood {goodput:.0f} ({goodput / carried:.0%}); "
        f"{dropped:.0f} of {tap.sent} dropped and counted, {missing:.0f} not counted"
    )
    return Outcome(figure, goodput >= 0.8 * carried and dropped > 0 and missing == 0)


def _carried(daemon: Daemon, tap: _Tap, seconds: float) -> float:
    """Readings a second of the daemon's processor time, when no more comes than it can take."""
    until_then, before, began = time.monotonic() + seconds, _handled(daemon), _busy(daemon)
    while time.monotonic() < until_then:
        due = tap.sent + _ROUND
        tap.asked = 1
        until(lambda due=due: _handled(daemon) >= due, "a round")  # type: ignore[misc] # of a lambda's default
    if daemon.metrics()[_DROPPED]:
        raise NeverHappenedError("a pace at which nothing is dropped")
    return (_handled(daemon) - before) / (_busy(daemon) - began)


def _handled(daemon: Daemon) -> float:
    return daemon.metrics().get(_ACCEPTED, 0.0)


def _busy(daemon: Daemon) -> float:
    """Seconds of a processor that the daemon has taken: others may want it, too."""
    return daemon.metrics()["process_cpu_seconds_total"]
