"""How the daemon is doing, for health checks, systemd and Prometheus."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamdetect.mqtt.edge import MqttEdge
    from streamdetect.mqtt.inbox import Inbox
    from streamdetect.service.arrival import ArrivalClock
    from streamdetect.service.committer import Committer
    from streamdetect.service.lineup import Lineup
    from streamdetect.store import Store
    from streamdetect.store.outbox import Outbox

SILENT_NETWORK = 20.0  # s without a sign of life of the network thread; a name lookup may take 10
STUCK_LOOP = 60.0  # s that one turn of the loop may take


class Vitals:
    """Reads the parts of a daemon; from any thread.

    Attributes:
        turn: when the loop last came round, monotonic seconds. A turn takes in, scores and commits.
    """

    def __init__(
        self,
        edge: MqttEdge,
        inbox: Inbox,
        outbox: Outbox,
        store: Store,
        committer: Committer,
        lineup: Lineup,
        arrivals: ArrivalClock,
    ) -> None:
        self.turn = time.monotonic()
        self._edge, self._inbox, self._outbox = edge, inbox, outbox
        self._store, self._committer, self._lineup, self._arrivals = store, committer, lineup, arrivals

    def unhealthy(self) -> list[str]:
        """What speaks against the daemon making progress."""
        silence, stuck = self._edge.silence, time.monotonic() - self.turn
        signs = ((silence, SILENT_NETWORK, "the network thread"), (stuck, STUCK_LOOP, "the main loop"))
        return [f"{what} has been silent for {took:.0f} s" for took, most, what in signs if took > most]

    def unready(self) -> list[str]:
        """What speaks against verdicts coming."""
        edge, failure = self._edge, self._committer.failure
        reasons = [f"cannot save state: {failure}"] if failure else []
        if not (edge.connected and edge.subscribed):
            reasons.append("not subscribed" if edge.connected else "not connected to the broker")
            reasons += [edge.last_error] if edge.last_error else []
        return reasons

    def status(self) -> str:
        """How things are, in a line."""
        sensors = sum(len(one.detector) for one in self._lineup.pipeline.assemblies)
        connected = "connected" if self._edge.connected else "not connected"
        saving = ", cannot save state" if self._committer.failure else ""
        refused = ", new configuration refused" if self._lineup.load_failed else ""
        return f"{connected}{saving}{refused}, {sensors} sensors"

    def gauges(self) -> dict[str, Callable[[], float]]:
        """Functions for `Metrics.gauges`."""
        edge, store, committer, lineup = self._edge, self._store, self._committer, self._lineup
        return {
            "arrival_clock_ahead_seconds": lambda: self._arrivals.ahead,
            "checkpoint_age_seconds": lambda: committer.age,
            "config_last_reload_success_timestamp_seconds": lambda: lineup.loaded,
            "config_last_reload_successful": lambda: not lineup.load_failed,
            "inbox_depth": lambda: self._inbox.depth,
            "inbox_limit": self._most_here,
            "mqtt_connected": lambda: edge.connected,
            "mqtt_subscribed": lambda: edge.subscribed,
            "mqtt_unacknowledged": lambda: edge.unacknowledged,
            "outbox_depth": lambda: len(self._outbox),
            "state_durable": lambda: store.durable,
            "state_journal_bytes": lambda: store.journal_size,
            "state_snapshot_timestamp_seconds": lambda: store.snapshot_at,
            "state_writable": lambda: not committer.failure,
        }

    def _most_here(self) -> int:
        mqtt = self._lineup.config.mqtt
        return mqtt.max_undelivered_messages if mqtt.qos else self._inbox.limit

    def counters(self) -> dict[str, int]:
        """For `Metrics.counters`."""
        return {
            "detectors_restarted": self._lineup.restarted,
            "events_published": self._outbox.published,
            "events_undeliverable": self._outbox.undeliverable,
            "inbox_dropped": self._inbox.dropped,
            "state_commit_failures": self._committer.failures,
            "state_commits": self._store.commits,
            "state_set_aside": self._store.set_aside,
        }
