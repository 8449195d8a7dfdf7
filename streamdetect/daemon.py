"""The daemon: wiring, the loop, signals, and an orderly end."""

from __future__ import annotations

import logging
import signal
import time
from typing import TYPE_CHECKING

from streamdetect import __version__
from streamdetect.assembly import Assembly, assemble, carry_over
from streamdetect.errors import StreamdetectError
from streamdetect.http import HttpServer, Pages
from streamdetect.inbox import Inbox
from streamdetect.metrics import Metrics, Model, Watched
from streamdetect.mqtt import MqttEdge
from streamdetect.notify import Notifier
from streamdetect.outbox import Outbox
from streamdetect.pipeline import Pipeline

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamdetect.config import Config
    from streamdetect.pipeline import Processed

log = logging.getLogger(__name__)

IDLE_WAIT = 0.1  # s that the loop waits for a message before it looks after everything else
EVICT_EVERY = 60.0  # s
STATUS_EVERY = 5.0  # s
SILENT_NETWORK = 20.0  # s without a sign of life of the network thread; a name lookup may take 10
STUCK_LOOP = 60.0  # s that one turn of the loop may take
EVENTS_KEPT = 10_000


class Daemon:
    """Reads messages, judges them and says what is anomalous, until it is told to stop."""

    def __init__(
        self,
        config: Config,
        *,
        reload: Callable[[], Config] | None = None,
        observers: tuple[Callable[[Processed], None], ...] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Load bundles, make everything and bind the metrics port; nothing is connected yet.

        Args:
            config: what to do.
            reload: reads the configuration anew, on SIGHUP.
            observers: called with what came of each batch.
            clock: Unix time in seconds.

        Raises:
            ConfigError: bundles, secrets or TLS files are unusable.
            StreamdetectError: a runtime is not installed, or the metrics port cannot be bound.
        """
        self.config = config
        self._reload, self._observers, self._clock = reload, observers, clock
        self.pipeline = self._make_pipeline(config, assemble(config))
        self.inbox = Inbox(config.batch.inbox)
        self.outbox = Outbox(EVENTS_KEPT, config.events.qos)
        self.edge = MqttEdge(
            config.mqtt,
            self._filters(config),
            self.inbox,
            status_topic=config.events.status_topic,
            clock=clock,
        )
        self.metrics = Metrics(per_sensor=config.metrics.per_sensor, max_sensors=config.metrics.max_sensors)
        pages = Pages(self.metrics.exposition, self.unhealthy, self.unready)
        port = config.metrics
        self.http = HttpServer(port.host, port.port, pages) if port.enabled else None
        self._notifier = Notifier()
        self._stopping = self._reloading = False
        self._turn = time.monotonic()  # when the loop last came round
        self._loaded, self._load_failed = clock(), False
        self._due = dict.fromkeys(("evict", "status", "watchdog"), 0.0)

    # Signals

    def stop(self) -> None:
        """Ask for an orderly end; safe in a signal handler."""
        self._stopping = True

    def reload(self) -> None:
        """Ask for the configuration to be read again; safe in a signal handler."""
        self._reloading = True

    def handle_signals(self) -> None:
        """Stop on SIGTERM and SIGINT, reload on SIGHUP."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stop())
        signal.signal(signal.SIGHUP, lambda *_: self.reload())

    # The loop

    def run(self) -> None:
        """Work until `stop`, then drain what was received, say goodbye and return.

        Raises:
            RuntimeError: the network thread failed.
        """
        self._start()
        try:
            while not self._stopping:
                self._turn = time.monotonic()
                self._take(IDLE_WAIT)
                self._look_after()
            self._drain(time.monotonic() + self.config.shutdown.deadline)
        finally:
            self._stop()

    def _start(self) -> None:
        self._watch()
        if self.http:
            self.http.start()
        self.edge.start()
        names = ", ".join(assembly.name for assembly in self.pipeline.assemblies)
        log.info("streamdetect %s is ready, detectors: %s", __version__, names)
        self._notifier.ready(self.status())

    def _take(self, idle_wait: float) -> None:
        """Process one batch, if there is one and its events can be kept."""
        if self.outbox.full:
            time.sleep(idle_wait)
            return
        batch = self.config.batch
        messages = self.inbox.take(batch.max_batch, batch.max_wait, idle_wait)
        if not messages:
            return
        processed = self.pipeline.process(messages)
        self.outbox.add(processed.events)
        self.edge.ack(messages)
        self.metrics.observe(processed.report)
        for observe in self._observers:
            observe(processed)

    def _look_after(self) -> None:
        """Everything that is not about one batch."""
        self.outbox.drain(self.edge)
        if self._reloading:
            self._reloading = False
            self._load_again()
        now = self._turn
        if self._is_due("evict", now, EVICT_EVERY):
            self.outbox.add(self.pipeline.evict())
        if self._is_due("status", now, STATUS_EVERY):
            self._notifier.status(self.status())
        interval = self._notifier.watchdog_interval
        if interval and not self.unhealthy() and self._is_due("watchdog", now, interval / 3):
            self._notifier.watchdog()

    def _is_due(self, what: str, now: float, every: float) -> bool:
        due = now >= self._due[what]
        if due:
            self._due[what] = now + every
        return due

    def _drain(self, deadline: float) -> None:
        """Finish what was received by now, and deliver what was found."""
        self._notifier.stopping()
        log.info("stopping: %d messages and %d events left", self.inbox.depth, len(self.outbox))
        for _ in range(-(-self.inbox.depth // self.config.batch.max_batch)):
            if time.monotonic() > deadline:
                break
            self._take(0.0)
        while len(self.outbox) and self.edge.connected and time.monotonic() < deadline:
            self.outbox.drain(self.edge)
            time.sleep(0.01)
        self.edge.stop(max(deadline - time.monotonic(), 1.0))

    def _stop(self) -> None:
        self.edge.stop(1.0)
        if self.http:
            self.http.close()
        log.info("stopped with %d messages and %d events undelivered", self.inbox.depth, len(self.outbox))

    # Reload

    def _load_again(self) -> None:
        """Take on a new configuration if it is sound, else keep the old one."""
        self._notifier.reloading()
        try:
            if self._reload is None:
                return
            config = self._reload()
            assemblies = assemble(config)
        except StreamdetectError as error:
            self._load_failed = True
            log.error("kept the old configuration, the new one is not sound:\n%s", error)  # noqa: TRY400 - expected
        else:
            self._take_on(config, assemblies)
        finally:
            self._notifier.ready(self.status())

    def _take_on(self, config: Config, assemblies: list[Assembly]) -> None:
        fixed = ("mqtt", "events", "metrics", "batch", "logging", "shutdown")
        changed = [name for name in fixed if getattr(config, name) != getattr(self.config, name)]
        if changed:
            log.warning("takes effect at the next start: %s", ", ".join(changed))
        anew = carry_over(self.pipeline.assemblies, assemblies)
        kept = self.config.model_copy(update={"detectors": config.detectors})
        self.pipeline = self._make_pipeline(kept, assemblies)
        self.config = kept
        self.edge.set_filters(self._filters(kept))
        self._watch()
        self._loaded, self._load_failed = self._clock(), False
        log.info("took on the new configuration; detectors that start anew: %s", ", ".join(anew) or "none")

    # What others see

    def unhealthy(self) -> list[str]:
        """What speaks against the daemon making progress."""
        silence, stuck = self.edge.silence, time.monotonic() - self._turn
        signs = ((silence, SILENT_NETWORK, "the network thread"), (stuck, STUCK_LOOP, "the main loop"))
        return [f"{what} has been silent for {took:.0f} s" for took, most, what in signs if took > most]

    def unready(self) -> list[str]:
        """What speaks against verdicts coming."""
        if self.edge.connected and self.edge.subscribed:
            return []
        state = "not subscribed" if self.edge.connected else "not connected to the broker"
        return [state, *([self.edge.last_error] if self.edge.last_error else [])]

    def status(self) -> str:
        """How things are, in a line."""
        detectors = [assembly.detector for assembly in self.pipeline.assemblies]
        sensors = sum(map(len, detectors))
        return f"{'connected' if self.edge.connected else 'not connected'}, {sensors} sensors"

    def _watch(self) -> None:
        """Show the metrics what to look at."""
        self.metrics.detectors = {
            one.name: Watched(
                one.detector.columns,
                one.bundle.manifest.features,
                Model(one.config.bundle, one.bundle.manifest.architecture.name, one.bundle.fingerprint),
            )
            for one in self.pipeline.assemblies
        }
        edge = self.edge
        self.metrics.gauges |= {
            "config_last_reload_success_timestamp_seconds": lambda: self._loaded,
            "config_last_reload_successful": lambda: not self._load_failed,
            "inbox_depth": lambda: self.inbox.depth,
            "mqtt_connected": lambda: edge.connected,
            "mqtt_subscribed": lambda: edge.subscribed,
            "outbox_depth": lambda: len(self.outbox),
        }

    @staticmethod
    def _filters(config: Config) -> list[str]:
        return [topic for detector in config.detectors for topic in detector.topics]

    def _make_pipeline(self, config: Config, assemblies: list[Assembly]) -> Pipeline:
        return Pipeline(assemblies, take_retained=config.mqtt.retained == "accept", clock=self._clock)
