"""The time from a reading to its event at a subscriber, with the daemon at half of its full load."""

from __future__ import annotations

import threading
import time
from queue import SimpleQueue
from typing import TYPE_CHECKING

import numpy as np
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from rig import detecting
from rig.line import AHEAD, WARM_UP, daemon_line, wait_until
from rig.processes import Process
from rig.publisher import Publisher
from rig.run import interleaved
from rig.table import Row, at_most

from streamdetect.bundles.bundle import Bundle
from streamdetect.mqtt.receiving import publish_packet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rig.line import Line
    from rig.run import Run

SHARE = 0.5
EVERY = 0.01  # s between probes
_TELLING = ("streamdetect_inbox_dropped_total", "streamdetect_mqtt_publications_", "streamdetect_incident_tr")
ALWAYS = {"kind": "fixed", "level": 1e-9}
AT_ONCE = {"consecutive": 1, "excess": 0.0, "close_after": 1, "cooldown": 0}


def rows(run: Run) -> Iterator[Row]:
    yield from latencies(run, "general", "general", Bundle.load("general").manifest.time_steps)
    yield from latencies(run, "stacked", run.bundle("stacked").path, 20)


def latencies(run: Run, what: str, path: Path | str, steps: int) -> Iterator[Row]:
    """Measure the latencies of the daemon with a bundle whose windows have so many steps."""
    count = run.scaled(2000, 300)
    load = detecting.section(path)
    # A sensor's first window is an incident at once: one event for each probe, and a sensor for each.
    probes = detecting.section(path, "probe/#", threshold=ALWAYS, incidents=AT_ONCE)
    # With Nagle's algorithm it would be the kernels of broker and listener that are measured.
    with daemon_line(run, 0, load, probes, options=("set_tcp_nodelay true",)) as one:
        one.push(WARM_UP)
        (rate,) = interleaved(lambda: one.push(10))
        echo = Process(one.broker.folder / "echo", "echo", one.broker.port)
        try:
            wait_until(lambda: echo.done() == 0, "the echo subscribes")
            ours, theirs = _latencies(one, count, SHARE * rate, steps)
        finally:
            echo.stop()
    for share, goal in ((50, 3), (99, 8)):
        mine, bare = np.percentile(ours, share), np.percentile(theirs, share)
        yield Row(
            f"latency, {what}, reading to event, p{share}, at {SHARE:.0%} load",
            f"{mine * 1e3:.2f} ms",
            f"bare MQTT echo: {bare * 1e3:.2f} ms",
            mine / bare,
            at_most(goal),
            f"{SHARE * rate:,.0f} messages/s; {run.note(2000, count, 'probes')}".rstrip("; "),
        )


def _latencies(one: Line, count: int, rate: float, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Seconds of each probe of the daemon and of the echo, in turns, under load."""
    came: SimpleQueue[tuple[str, float]] = SimpleQueue()
    client = _listener(one.broker.port, came)
    prober = Publisher(one.broker)
    # No more underway than the inbox holds: at QoS 0 the rest would be dropped, and a window stay short.
    first = [_probe(probe, step) for step in range(steps - 1) for probe in range(count)]
    prober.push(first, one.process.done, AHEAD)
    load = one.packets(int(2.2 * count * EVERY * rate / 1000) + 1)
    thread = threading.Thread(target=one.publisher.pace, args=(load, rate))
    thread.start()
    sent: dict[str, float] = {}
    time.sleep(0.5)
    for probe in range(count):
        for name, what in (
            (f"probe/{probe}", _probe(probe, steps - 1)),
            (f"echo/{probe}", publish_packet("echo/in", b"echo/%d" % probe)),
        ):
            sent[name] = time.perf_counter()
            prober.send(what)
            time.sleep(EVERY)
    thread.join()
    try:
        wait_until(lambda: came.qsize() >= 2 * count, "every event and echo")
    except RuntimeError as error:
        said = [line for line in one.process.metrics().decode().splitlines() if line.startswith(_TELLING)]
        raise RuntimeError(f"{came.qsize()} of {2 * count} events and echoes came; {said}") from error
    client.loop_stop()
    back = [came.get() for _ in range(came.qsize())]
    took = {name: at - sent[name] for name, at in back if name in sent}
    return tuple(np.array([took[f"{kind}/{probe}"] for probe in range(count)]) for kind in ("probe", "echo"))


def _probe(probe: int, step: int) -> bytes:
    return publish_packet(
        f"probe/{probe}", b'{"time":%d,"value":%.3f}' % (1_700_000_000 + step, 50 + step % 7 * 0.1)
    )


def _listener(port: int, came: SimpleQueue[tuple[str, float]]) -> mqtt.Client:
    """Notes when events and echoes come, and of what."""
    ready = threading.Event()

    def on_message(_client: object, _: object, message: mqtt.MQTTMessage) -> None:
        at = time.perf_counter()
        name = (
            message.payload.decode()
            if message.topic == "echo/out"
            else message.topic.partition("/bench1/")[2]
        )
        came.put((name, at))

    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.on_connect = lambda *_: client.subscribe([("echo/out", 0), ("streamdetect/events/bench1/#", 0)])
    client.on_subscribe = lambda *_: ready.set()
    client.on_message = on_message
    client.connect("127.0.0.1", port)
    client.loop_start()
    ready.wait(30)
    return client
