"""The detectors at work, and how others take their place: at the start, and at a reload."""

from __future__ import annotations

import logging
import time
from itertools import compress
from math import inf
from typing import TYPE_CHECKING, ClassVar

from streamdetect.codecs.filters import uncovered
from streamdetect.errors import StreamdetectError
from streamdetect.metrics import counter, gauge
from streamdetect.monitoring.metrics import Model, Watched
from streamdetect.service.arrival import ArrivalClock
from streamdetect.service.assembly import assemble
from streamdetect.service.handover import hand_over
from streamdetect.service.pipeline import Pipeline
from streamdetect.sinks.inhibition import Party

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from streamdetect.config import Config
    from streamdetect.core.verdicts import SensorColumns
    from streamdetect.metrics import Metric
    from streamdetect.monitoring.metrics import Metrics
    from streamdetect.service.assembly import Assembly
    from streamdetect.store import DetectorState, Event

log = logging.getLogger(__name__)

# While the daemon runs
_FIXED = (
    "mqtt",
    "events",
    "webhooks",
    "files",
    "notify",
    "history",
    "answers",
    "homeassistant",
    "inhibit",
    "maintenance",
    "metrics",
    "page",
    "batch",
    "logging",
    "state",
    "shutdown",
    "spark",
)


class Lineup:
    """The detectors at work.

    Attributes:
        config: what is in force.
        pipeline: what they are fed through.
        restarted: detectors that discarded their saved state.
        loaded: when the configuration was last loaded, Unix seconds.
        load_failed: whether the last attempt to load it failed.
    """

    def __init__(
        self,
        config: Config,
        assemblies: Sequence[Assembly],
        states: Sequence[DetectorState],
        metrics: Metrics,
        arrivals: ArrivalClock | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Put detectors to work.

        Args:
            config: what to do.
            assemblies: the detectors that it asks for.
            states: what an earlier run left of its detectors.
            metrics: are shown the detectors.
            arrivals: what messages are stamped with.
            clock: Unix time in seconds.
        """
        self.config = config
        self.restarted = 0
        self.loaded, self.load_failed = clock(), False
        self._metrics, self._arrivals, self._clock = metrics, arrivals or ArrivalClock(clock), clock
        self.unsaved = self._put_in(assemblies, states)
        """Events to save with the detectors, if these differ from those saved; else None."""

    metrics: ClassVar[Sequence[Metric[Lineup]]] = (
        gauge(
            "config_last_reload_success_timestamp_seconds",
            "When the configuration was last loaded.",
            lambda lineup: lineup.loaded,
        ),
        gauge(
            "config_last_reload_successful",
            "Whether the last attempt to load the configuration succeeded.",
            lambda lineup: not lineup.load_failed,
        ),
        counter(
            "detectors_restarted",
            "Detectors that discarded their saved state because it no longer fitted.",
            lambda lineup: lineup.restarted,
        ),
    )

    @property
    def filters(self) -> list[str]:
        """Filters of readings, commands and what Home Assistant says, but none that another one covers."""
        own = [self.config.events.command_topic] if self.config.answers.enabled else []
        own += [self.config.homeassistant.birth_topic] if self.config.homeassistant.enabled else []
        return list(uncovered([*own, *(topic for one in self.config.detectors for topic in one.topics)]))

    def columns(self) -> dict[str, SensorColumns]:
        """Return the present state of the sensors, by detector."""
        return {one.name: one.detector.columns() for one in self.pipeline.assemblies}

    def parties(self) -> list[Party]:
        """Sensors that have an incident."""
        labels = self.pipeline.labels
        return [
            Party(name, sensor, labels[name].get(sensor, {}))
            for name, columns in self.columns().items()
            for sensor in compress(columns.ids, columns.incident_open.tolist())
        ]

    def sensitivity(self, detector: str, sensor: str) -> float:
        """Return the factor by which the scores of a known sensor of a detector are multiplied."""
        (one,) = (one for one in self.pipeline.assemblies if one.name == detector)
        return one.detector.sensitivity(sensor)

    @property
    def newest_arrival(self) -> float:
        """The latest time of arrival that a detector knows, Unix seconds; -inf without any.

        Only those count that never take a time from a payload: a device's clock is not ours.
        """
        stamped = (one for one in self.pipeline.assemblies if one.config.payload.stamped_on_arrival)
        return max((one.detector.newest for one in stamped), default=-inf)

    def states(self) -> list[DetectorState]:
        """All detectors, for a snapshot."""
        return self.pipeline.states()

    def load_again(self, read: Callable[[], Config]) -> list[Event] | None:
        """Load a new configuration if it is valid, else keep the old one.

        Returns:
            Events to save with the detectors, which are others now; None if they are the same.
        """
        try:
            config = read()
            assemblies = assemble(config)
        except StreamdetectError as error:
            self.load_failed = True
            log.error("kept the old configuration, the new one is not valid:\n%s", error)  # noqa: TRY400 - expected
            return None
        changed = [name for name in _FIXED if getattr(config, name) != getattr(self.config, name)]
        if changed:
            log.warning("takes effect at the next start: %s", ", ".join(changed))
        self.config = self.config.model_copy(update={"detectors": config.detectors})
        events = self._put_in(assemblies, self.states())
        self.loaded, self.load_failed = self._clock(), False
        log.info("loaded the new configuration")
        return events

    def _put_in(self, assemblies: Sequence[Assembly], states: Sequence[DetectorState]) -> list[Event] | None:
        """Let these succeed the detectors whose states are given."""
        before = [state.identity for state in states]
        handover = hand_over(states, assemblies, self.config)
        for name, reason in handover.ended.items():
            log.warning("discarded the state of detector %s: %s", name, reason)
        for name, text in handover.succeeded.items():
            log.info("detector %s uses another model now, %s", name, text)
        self.restarted += len(handover.ended)
        self._metrics.count_transitions(handover.kinds)
        self.pipeline = Pipeline(
            handover.assemblies,
            kept=handover.kept,
            take_retained=self.config.mqtt.retained == "accept",
            arrivals=self._arrivals,
        )
        self._metrics.detectors = {one.name: _watched(one) for one in handover.assemblies}
        unchanged = before == [state.identity for state in self.states()]
        return None if unchanged else handover.events


def _watched(assembly: Assembly) -> Watched:
    bundle = assembly.bundle
    model = Model(assembly.config.bundle, bundle.manifest.model_name, bundle.fingerprint)
    return Watched(assembly.detector.columns, bundle.manifest.features, model)
