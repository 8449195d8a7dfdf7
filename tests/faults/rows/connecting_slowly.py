"""Row 29."""

from __future__ import annotations

import itertools
import time
from contextlib import suppress

from real_broker import free_port
from rig.bench import Bench, Outcome, row
from rig.notify_socket import NotifySocket
from rig.scripted_broker import Guest, ScriptedBroker
from rig.waiting import pause

_WATCHDOG = 6.0  # s; the shipped unit has 60
_DRIP = 0.5  # s a byte


@row(29, "a broker that drips its answer", "connecting cannot starve the watchdog; SIGTERM within 2 s")
def connecting_slowly(bench: Bench) -> Outcome:
    """Accept connections, and send the WebSocket answer byte by byte, for ever."""
    seconds, port = 120.0 if bench.long else 25.0, free_port()
    with NotifySocket(bench.folder) as systemd, ScriptedBroker(port, _drip):
        daemon = bench.daemon(port, systemd.environment(_WATCHDOG), mqtt={"transport": "websockets"})
        began = time.monotonic()
        daemon.start(ready=False)
        pause(seconds)
        healthy, ready = daemon.get("/healthz"), daemon.get("/readyz")
        beats = [*systemd.times("WATCHDOG=1"), time.monotonic()]
        ended = daemon.terminate()
    gap = max(later - earlier for earlier, later in itertools.pairwise(beats))
    figure = (
        f"{seconds:.0f} s: {gap:.1f} s at most without a beat of {_WATCHDOG:.0f}, "
        f"first after {beats[0] - began:.1f} s, /healthz {healthy}, /readyz {ready}, "
        f"ended with {ended.code} after {ended.seconds:.1f} s"
    )
    return Outcome(
        figure, gap < _WATCHDOG and (healthy, ready) == (200, 503) and ended.code == 0 and ended.seconds < 2
    )


def _drip(guest: Guest) -> None:
    with suppress(OSError):
        guest.connection.recv(4096)
        guest.send(b"HTTP/1.1 101 Switching Protocols\r\nX: ")
        while True:
            guest.send(b"x")
            pause(_DRIP)
