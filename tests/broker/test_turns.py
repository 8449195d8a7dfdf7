"""The order of the daemon's work, and the work that it finishes when another part has failed."""

from __future__ import annotations

import threading
import time

import pytest

from streamdetect.config import validate
from streamdetect.mqtt.inbox import Message
from streamdetect.service.daemon import Daemon

READINGS = 40


def config(**mqtt):
    """A detector whose first full window is an incident."""
    always = {
        "threshold": {"kind": "fixed", "level": 1e-9},
        "incidents": {"excess": 0.0},
    }
    return validate(
        {
            "mqtt": mqtt,
            "metrics": {"enabled": False},
            "batch": {"max_batch": 10},
            "detectors": [{"topics": ["in/#"], "payload": {"time": "time"}, **always}],
        }
    )


def messages():
    made = []
    for at in range(READINGS):
        payload = b'{"time":%d,"value":%d}' % (1_700_000_000 + at, at % 7)
        made.append(Message("in/a", payload, 0, 0, 1, time.time(), retain=False))
    return made


def test_events_go_out_before_the_batch_is_counted(mosquitto, until):
    broker = mosquitto()
    left = []

    def observe(processed):
        if processed.events:
            lane = daemon.outbox.lanes["mqtt"]
            left.append((len(lane._waiting), len(lane)))

    daemon = Daemon(config(host=broker.host, port=broker.port), observers=(observe,))
    thread = threading.Thread(target=daemon.run)
    thread.start()
    try:
        until(lambda: daemon.edge.subscribed, "subscribed")
        for message in messages():
            daemon.inbox.put(message)
        until(lambda: left, "an event")
    finally:
        daemon.stop()
        thread.join(30)
    assert left[0] == (0, 1)  # handed over, not answered yet


def test_what_was_received_is_finished_though_the_network_thread_has_failed():
    seen = []
    daemon = Daemon(config(), observers=(seen.append,))
    daemon.edge._session.bug = RuntimeError("a bug")
    for message in messages():
        daemon.inbox.put(message)
    with pytest.raises(RuntimeError, match="network thread failed"):
        daemon._drain(time.monotonic() + 10)
    assert daemon.inbox.depth == 0
    assert sum(sum(one.report.messages.values()) for one in seen) == READINGS
    daemon._stop()
