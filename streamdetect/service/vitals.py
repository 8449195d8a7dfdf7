"""How the daemon is doing, for health checks, systemd and Prometheus."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar

from streamdetect.metrics import gauge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamdetect.metrics import Metric
    from streamdetect.mqtt.edge import MqttEdge
    from streamdetect.mqtt.inbox import Inbox
    from streamdetect.service.committer import Committer
    from streamdetect.service.lineup import Lineup

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
        committer: Committer,
        lineup: Lineup,
    ) -> None:
        self.turn = time.monotonic()
        self._edge, self._inbox, self._committer, self._lineup = edge, inbox, committer, lineup

    metrics: ClassVar[Sequence[Metric[Vitals]]] = (
        gauge(
            "inbox_limit",
            "Messages that may be here at a time: max_undelivered_messages, at QoS 0 batch.inbox.",
            lambda vitals: vitals.most_here,
        ),
    )

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

    @property
    def most_here(self) -> int:
        """Messages that may be here at a time."""
        mqtt = self._lineup.config.mqtt
        return mqtt.max_undelivered_messages if mqtt.qos else self._inbox.limit
