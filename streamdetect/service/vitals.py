"""The condition of the daemon, for health checks, systemd and Prometheus."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar

from streamdetect.metrics import gauge
from streamdetect.service.warmup import describe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamdetect.metrics import Metric
    from streamdetect.mqtt.edge import MqttEdge
    from streamdetect.mqtt.inbox import Inbox
    from streamdetect.service.committer import Committer
    from streamdetect.service.lineup import Lineup
    from streamdetect.sinks.outbox import Outbox

SILENT_NETWORK = 20.0  # s without a sign of life of the network thread
STUCK_LOOP = 60.0  # s that one turn of the loop may take
DEAF_AFTER = 15.0  # s in which nothing can be taken in


class Vitals:
    """Reads the parts of a daemon; from any thread.

    Attributes:
        turn: when the loop last came round, monotonic seconds. A turn takes in, scores and commits.
        took_in: when it could last take in messages, were there any, monotonic seconds.
    """

    def __init__(
        self,
        edge: MqttEdge,
        inbox: Inbox,
        outbox: Outbox,
        committer: Committer,
        lineup: Lineup,
    ) -> None:
        self.turn = self.took_in = time.monotonic()
        self._edge, self._inbox, self._outbox = edge, inbox, outbox
        self._committer, self._lineup = committer, lineup

    metrics: ClassVar[Sequence[Metric[Vitals]]] = (
        gauge(
            "inbox_limit",
            "Limit of messages that wait: max_undelivered_messages, at QoS 0 batch.inbox.",
            lambda vitals: vitals.most_here,
        ),
        gauge(
            "ready",
            "Whether readings are taken in and judged, as on /readyz.",
            lambda vitals: not vitals.unready(),
        ),
    )

    def unhealthy(self) -> list[str]:
        """List the reasons why the daemon does not make progress."""
        silence, stuck = self._edge.silence, time.monotonic() - self.turn
        signs = ((silence, SILENT_NETWORK, "the network thread"), (stuck, STUCK_LOOP, "the main loop"))
        return [f"{what} has been silent for {took:.0f} s" for took, most, what in signs if took > most]

    def unready(self) -> list[str]:
        """List the reasons why readings are not taken in or not judged."""
        edge, failure = self._edge, self._committer.failure
        reasons = [f"cannot save state: {failure}"] if failure else []
        if not (edge.connected and edge.subscribed):
            reasons.append("not subscribed" if edge.connected else "not connected to the broker")
            reasons += [edge.last_error] if edge.last_error else []
        return [*reasons, *self._deaf(), *self.unhealthy()]

    def _deaf(self) -> list[str]:
        """Return why nothing is taken in over a connection that seems to work, whatever the cause."""
        starved, idle = self._edge.starved, time.monotonic() - self.took_in
        reasons = []
        if starved > DEAF_AFTER:
            held = self._edge.unacknowledged
            reasons.append(f"no message is read: none of {held} was acknowledged for {starved:.0f} s")
        if idle > DEAF_AFTER:
            waiting = f": {len(self._outbox)} events wait to be delivered" if self._outbox.full else ""
            reasons.append(f"no message was taken in for {idle:.0f} s{waiting}")
        return reasons

    def status(self) -> str:
        """Return the status in one line."""
        sensors = sum(len(one.detector) for one in self._lineup.pipeline.assemblies)
        connected = "connected" if self._edge.connected else "not connected"
        saving = ", cannot save state" if self._committer.failure else ""
        refused = ", new configuration refused" if self._lineup.load_failed else ""
        cold = [describe(one.detector) for one in self._lineup.pipeline.assemblies]
        warming = "".join(f", {text}" for count, text in cold if count)
        return f"{connected}{saving}{refused}, {sensors} sensors{warming}"

    @property
    def most_here(self) -> int:
        """The limit of messages that wait here."""
        mqtt = self._lineup.config.mqtt
        return mqtt.max_undelivered_messages if mqtt.qos else self._inbox.limit
