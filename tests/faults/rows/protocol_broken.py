"""Row 32."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from real_broker import free_port
from rig.bench import Bench, Outcome, row
from rig.packets import packet, packet_id
from rig.scripted_broker import CONNACK, Guest, ScriptedBroker, reading
from rig.waiting import pause, took, until

if TYPE_CHECKING:
    from rig.daemon import Daemon

_READING = reading("sensors/a", b'{"time": 1.7e9, "value": 1}')
_ACCEPTED = 'readings_total{detector="lab",outcome="accepted"}'


@row(32, "a broker that breaks the protocol", "refused; not ready; asked again; kept; once")
def protocol_broken(bench: Bench) -> Outcome:
    """Five brokers, each of which does one thing wrong."""
    results = [_early(bench), _short(bench), _mute(bench), _tiny(bench), _repeating(bench)]
    return Outcome(", ".join(said for said, _ in results), all(good for _, good in results))


def _daemon(bench: Bench, port: int, **options: object) -> Daemon:
    daemon = bench.daemon(port, **options)  # type: ignore[arg-type] # sections
    daemon.start(ready=False)
    return daemon


def _early(bench: Bench) -> tuple[str, bool]:
    """A reading before CONNACK."""

    def script(guest: Guest) -> None:
        guest.listen(1)
        guest.send(_READING)
        guest.serve()

    with ScriptedBroker(port := free_port(), script) as broker:
        daemon = _daemon(bench, port)
        until(lambda: broker.connections >= 2, "another attempt")
        taken = daemon.metrics().get(_ACCEPTED, 0)
        daemon.kill()
    return f"PUBLISH before CONNACK: {taken:.0f} taken", taken == 0


def _short(bench: Bench) -> tuple[str, bool]:
    """A SUBACK without an answer, and a whole one the next time."""
    asked = []

    def script(guest: Guest) -> None:
        guest.listen(1)
        guest.send(CONNACK)
        while True:
            subscribe = guest.listen(8)
            asked.append(subscribe)
            guest.send(packet(0x90, packet_id_of(subscribe) + (b"\0\1" if len(asked) > 1 else b"\0")))

    with ScriptedBroker(port := free_port(), script):
        daemon = _daemon(bench, port)
        until(lambda: asked, "asked")
        pause(1)
        at_first = daemon.get("/readyz")
        ready = took(lambda: daemon.ready, 30)
        daemon.kill()
    return (
        f"short SUBACK: /readyz {at_first}, asked {len(asked)} times",
        at_first == 503 and ready is not None,
    )


def _mute(bench: Bench) -> tuple[str, bool]:
    """No SUBACK at all, and one the second time."""
    asked = []

    def script(guest: Guest) -> None:
        guest.listen(1)
        guest.send(CONNACK)
        asked.append(guest.listen(8))
        subscribe = guest.listen(8)
        asked.append(subscribe)
        guest.grant(subscribe)
        guest.serve()

    with ScriptedBroker(port := free_port(), script):
        daemon = _daemon(bench, port)
        until(lambda: asked, "asked")
        pause(1)
        at_first = daemon.get("/readyz")
        ready = took(lambda: daemon.ready, 40)
        daemon.kill()
    return f"no SUBACK: /readyz {at_first}, asked {len(asked)} times", at_first == 503 and ready is not None


def _tiny(bench: Bench) -> tuple[str, bool]:
    """A Maximum Packet Size of 60 bytes: an event has more."""
    properties = b"\x27\0\0\0\x3c"
    again = free_port()

    def script(guest: Guest) -> None:
        guest.welcome(packet(0x20, b"\0\0" + bytes([len(properties)]) + properties))
        for number in range(60):
            guest.send(
                reading("sensors/a", b'{"time": %d, "value": %d}' % (1_700_000_000 + number, number % 2 * 9))
            )
        guest.serve()

    with ScriptedBroker(again, script):
        daemon = _daemon(bench, again, detector={"threshold": {"kind": "fixed", "level": 1e-9}})
        until(lambda: daemon.metric("outbox_depth") > 0, "events")
        pause(3)
        metrics = daemon.metrics()
        kept = sum(value for name, value in metrics.items() if name.startswith("outbox_depth"))
        lost = sum(value for name, value in metrics.items() if name.startswith("events_undeliverable"))
        daemon.kill()
    return f"tiny Maximum Packet Size: {kept:.0f} events kept, {lost:.0f} given up", kept > 0 and lost == 0


def _repeating(bench: Bench) -> tuple[str, bool]:
    """CONNACK two thousand times."""

    def script(guest: Guest) -> None:
        guest.welcome()
        with suppress(OSError):
            guest.send(CONNACK * 2000)
        guest.serve()

    with ScriptedBroker(port := free_port(), script) as broker:
        daemon = _daemon(bench, port)
        until(lambda: broker.connections >= 2, "another attempt")
        connects, connections = daemon.metric("mqtt_connects_total"), broker.connections
        lines = daemon.log.count("connected to the broker, session")
        daemon.kill()
    good = connects <= connections and lines <= 2 * connections
    return f"2,000 CONNACKs: {connects:.0f} connects, {lines} lines", good


def packet_id_of(subscribe: bytes) -> bytes:
    """Return the two bytes of a packet id."""
    return packet_id(subscribe).to_bytes(2)
