"""The daemon: wiring, the loop, signals, and an orderly end."""

from __future__ import annotations

import logging
import signal
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from streamdetect import __version__
from streamdetect.failpoints import VARIABLE, failpoint
from streamdetect.monitoring.access import access
from streamdetect.monitoring.http import HttpServer, Pages
from streamdetect.monitoring.metrics import Metrics
from streamdetect.mqtt.edge import MqttEdge
from streamdetect.mqtt.inbox import Inbox
from streamdetect.service.answers import Answers
from streamdetect.service.arrival import ArrivalClock
from streamdetect.service.assembly import assemble
from streamdetect.service.committer import Committer
from streamdetect.service.feed import Feed
from streamdetect.service.homeassistant import HomeAssistant
from streamdetect.service.lineup import Lineup
from streamdetect.service.memory import drop_code, give_back
from streamdetect.service.notify import Notifier
from streamdetect.service.page import make_page
from streamdetect.service.prefill import prefill
from streamdetect.service.receipts import LEAST_RECEIPTS, Receipts
from streamdetect.service.subscriptions import Subscriptions
from streamdetect.service.vitals import Vitals
from streamdetect.service.warmup import WarmupWatch
from streamdetect.sinks import workers
from streamdetect.sinks.history import HistorySink
from streamdetect.sinks.inhibition import Inhibition
from streamdetect.sinks.mqtt import MqttSink
from streamdetect.sinks.outbox import Outbox
from streamdetect.sinks.sink import Worker
from streamdetect.sinks.trail import Trail
from streamdetect.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from streamdetect.config import Config
    from streamdetect.core.readings import Readings
    from streamdetect.service.pipeline import Changed, Pipeline, Processed
    from streamdetect.sinks.sink import Sink

log = logging.getLogger(__name__)

IDLE_WAIT = 0.1  # s that the loop waits for a message before it looks after everything else
UNHEARD_AFTER = 60.0  # s without a reading until the log says so
EVICT_EVERY = 60.0  # s
LOOK_EVERY = 1.0  # s at least between two looks for sensors that have fallen silent
EVICT_FIRST = 3600.0  # s after the start: sensors may have been silent because we were
STATUS_EVERY = 5.0  # s
GIVE_BACK_EVERY = 30.0  # s


class Daemon:
    """Reads messages, judges them and reports anomalies, until it is told to stop."""

    def __init__(
        self,
        config: Config,
        *,
        reload: Callable[[], Config] | None = None,
        observers: tuple[Callable[[Processed], None], ...] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Load bundles and saved state, make everything and bind the metrics port; nothing is connected yet.

        Args:
            config: the configuration.
            reload: reads the configuration anew, on SIGHUP.
            observers: called with the outcome of each batch.
            clock: Unix time in seconds.

        Raises:
            ConfigError: bundles, secrets or TLS files are unusable.
            StateError: the state directory is in use or cannot be used.
            StreamdetectError: a runtime is not installed, or the metrics port cannot be bound.
        """
        self._reload, self._observers = reload, observers
        self._notifier = Notifier()
        self._warmup = WarmupWatch()
        self._stopping = self._reloading = False
        self._due = dict.fromkeys(("silence", "memory", "status", "watchdog"), 0.0)
        self._due |= {
            "evict": time.monotonic() + EVICT_FIRST,
            "unheard": time.monotonic() + UNHEARD_AFTER,
        }
        self.metrics = Metrics(per_sensor=config.metrics.per_sensor, max_sensors=config.metrics.max_sensors)
        with ExitStack() as undo:
            assemblies = assemble(config)
            self._store = Store(config.state.path, config.state.snapshot_every, clock)
            undo.callback(self._store.close)
            saved = self._store.load()
            self._arrivals = arrivals = ArrivalClock(clock)
            self.lineup = Lineup(config, assemblies, saved.states, self.metrics, arrivals, clock)
            arrivals.go_on_from(self.lineup.newest_arrival)
            self.inbox = Inbox(config.batch.inbox)
            self.inbox.in_order = not self.pipeline.apart
            status = config.status_topic if config.events.status else None
            window = config.mqtt.max_undelivered_messages
            self.edge = MqttEdge(
                config.mqtt,
                self.lineup.filters,
                self.inbox,
                status_topic=status,
                stamp=arrivals.stamp,
                forget=not self._store.durable,
            )
            made = sinks(config, self.edge)
            self.outbox = Outbox(made, saved.outbox, clock=clock)
            undo.callback(self.outbox.close)
            self._subscriptions = Subscriptions(self._store, self.edge, self.lineup.filters)
            self._receipts = Receipts(max(2 * window, LEAST_RECEIPTS), saved.receipts)
            self._committer = Committer(
                self._store,
                self.outbox,
                self.edge,
                self.lineup.states,
                receipts=self._receipts,
                window=window,
            )
            self._answers = Answers(config, lambda: self.pipeline, saved.mutes, clock)
            self.metrics.muted = self._answers.muting
            self._homeassistant = HomeAssistant(
                config,
                self.edge,
                self._store,
                self.lineup.columns,
                self._answers.muted,
                self.lineup.sensitivity,
            )
            self._committer.mutes = saved.mutes
            self._feed = Feed(
                config.batch_size,
                config.batch.max_wait,
                self.inbox,
                self._receipts,
                self.lineup,
                self._committer,
                self._answers,
                self._homeassistant,
                equip(made, self.lineup),
            )
            if self.lineup.unsaved is not None:
                self._committer.save_anew(self.lineup.unsaved)
            self._vitals = Vitals(self.edge, self.inbox, self.outbox, self._committer, self.lineup)
            self.metrics.parts = (
                *(*self.edge.parts, self.inbox, self.outbox, self._store, self._receipts),
                *(self._committer, self.lineup, arrivals, self._vitals),
            )
            port, pages = config.metrics, Pages(self.metrics.exposition, self.unhealthy, self.unready)
            self.http = HttpServer(port.host, port.port, pages, access(port)) if port.enabled else None
            if self.http:
                undo.callback(self.http.close)
            self.page = make_page(
                self.lineup, self._answers, self.edge, self.inbox, self.outbox, self._vitals
            )
            if self.page:
                self._committer.listeners.append(self.page.tell)
            undo.pop_all()

    def prefill(
        self, name: str, readings: Readings, progress: Callable[[int], object] = lambda _: None
    ) -> None:
        """Let a detector begin with readings of the past, before `run`; readings that it knows are left out.

        Args:
            name: of the detector.
            readings: N of its sensors; those of one sensor in order.
            progress: called with the number of readings done so far.
        """
        (assembly,) = (one for one in self.pipeline.assemblies if one.name == name)
        self._committer.save_anew(prefill(assembly, readings, progress))
        self._arrivals.go_on_from(self.lineup.newest_arrival)

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

    # For other threads

    @property
    def config(self) -> Config:
        """The configuration in force."""
        return self.lineup.config

    @property
    def pipeline(self) -> Pipeline:
        """The pipeline of the detectors at work."""
        return self.lineup.pipeline

    def unhealthy(self) -> list[str]:
        """List the reasons why the daemon does not make progress."""
        return self._vitals.unhealthy()

    def unready(self) -> list[str]:
        """List the reasons why no verdicts can come."""
        return self._vitals.unready()

    def status(self) -> str:
        """Return the status in one line."""
        return self._vitals.status()

    # The loop

    def run(self) -> None:
        """Work until `stop`, then drain what was received, say goodbye and return.

        Raises:
            RuntimeError: the network thread failed.
        """
        self._start()
        try:
            while not self._stopping:
                self._vitals.turn = time.monotonic()
                processed = self._take(IDLE_WAIT)
                self.outbox.drain()
                self._observe(processed)  # the events of the batch are on their way by now
                self._look_after()
            self._drain(time.monotonic() + self.config.shutdown.deadline)
        finally:
            self._stop()

    def _start(self) -> None:
        if failpoint.asked:
            log.warning("made to fail: %s=%s", VARIABLE, failpoint.asked)
        if not self._store.durable:
            level = logging.WARNING if self.config.mqtt.qos else logging.INFO
            log.log(
                level,
                "no state.directory: state is kept in memory, and lost when the daemon ends; what the broker "
                "has kept since an earlier run is given up, too",
            )
        if self.http:
            self.http.start()
        if self.page:
            self.page.start()
        self.edge.start()
        self.outbox.start()
        names = ", ".join(assembly.name for assembly in self.pipeline.assemblies)
        log.info("streamdetect %s is ready, detectors: %s; %s", __version__, names, self.status())
        self._ready()

    def _ready(self) -> None:
        drop_code()
        self._notifier.ready(self.status())

    def _take(self, idle_wait: float) -> Processed | None:
        """Process one batch, if there is one and its effect can be kept."""
        self.edge.need_answers(needed=self.outbox.full)
        if self._committer.failure or self.outbox.full:
            self._feed.pause(idle_wait)
            return None
        self._vitals.took_in = time.monotonic()
        return self._feed.turn(idle_wait)

    def _observe(self, processed: Processed | None) -> None:
        """Tell the observers the outcome of a batch, if there was one."""
        if processed is None:
            return
        self.metrics.observe(processed.report)
        if self.page:
            self.page.observe(processed.verdicts, processed.report)
        for observe in self._observers:
            observe(processed)

    def _look_after(self) -> None:
        """Do everything that is not about one batch."""
        self._subscriptions.turn()
        for topic, payload in self.pipeline.commands():
            self.edge.publish(None, topic, payload, qos=0)
        self._homeassistant.turn()
        self._feed.closing = self._reloading
        if self._reloading and not self._feed.halfway:
            self._reloading = False
            self._load_again()
        now = self._vitals.turn
        if self._is_due("evict", now, EVICT_EVERY):
            self._change(self.pipeline.evict())
        if self.edge.connected and self._is_due("silence", now, LOOK_EVERY):
            self._change(self.pipeline.look())
        self._look_after_answers()
        if self.edge.subscribed and self._is_due("unheard", now, UNHEARD_AFTER):
            self.pipeline.unheard.say()
        if self._is_due("memory", now, GIVE_BACK_EVERY):
            give_back()
        if self._is_due("status", now, STATUS_EVERY):
            self._notifier.status(self.status())
            self._warmup.turn(self.pipeline.assemblies)
        interval = self._notifier.watchdog_interval
        if interval and not self.unhealthy() and self._is_due("watchdog", now, interval / 3):
            self._notifier.watchdog()

    def _look_after_answers(self) -> None:
        if self._answers.kinds:
            self.metrics.count_transitions(self._answers.kinds)
            self._answers.kinds.clear()
        if self._answers.expire():
            self._committer.note_mutes(self._answers.mutes.values())

    def _change(self, changed: Changed) -> None:
        """Take in changes that came without a message."""
        events = self._answers.mark(changed.events)
        self._homeassistant.observe(events)
        self._committer.take((), changed.entries, events)
        self.metrics.count_transitions(changed.kinds)

    def _load_again(self) -> None:
        self._notifier.reloading()
        events = self.lineup.load_again(self._reload) if self._reload else None
        if events is not None:
            self._committer.save_anew(events)
        self.inbox.in_order = not self.pipeline.apart
        self._subscriptions.want(self.lineup.filters)
        self._ready()

    def _is_due(self, what: str, now: float, every: float) -> bool:
        due = now >= self._due[what]
        if due:
            self._due[what] = now + every
        return due

    def _drain(self, deadline: float) -> None:
        """Finish the messages received by now, and deliver their events."""
        self._notifier.stopping()
        log.info("stopping: %d messages and %d events left", self.inbox.depth, len(self.outbox))
        left = self.inbox.depth + self._feed.halfway
        while left > 0 and time.monotonic() < deadline and not (self._committer.failure or self.outbox.full):
            processed = self._take(0.0)
            self._observe(processed)
            left -= sum(processed.report.messages.values()) if processed else self.config.batch_size
        self._committer.commit()
        self.edge.take_no_more()
        while self.outbox.hopeful and time.monotonic() < deadline:
            self.outbox.drain()
            self._committer.turn(lull=True)
            time.sleep(0.01)
        self.edge.stop(max(deadline - time.monotonic(), 1.0))
        self.outbox.drain()
        self._committer.conclude()

    def _stop(self) -> None:
        self.edge.stop(1.0)
        self.outbox.close()
        if self.http:
            self.http.close()
        if self.page:
            self.page.close()
        self._store.close()
        log.info("stopped with %d messages and %d events undelivered", self.inbox.depth, len(self.outbox))


def sinks(config: Config, edge: MqttEdge) -> list[Sink]:
    """Make every sink: the broker, the history where there is a directory for it, and what is listed.

    Raises:
        ConfigError: a secret of one cannot be read.
        StreamdetectError: what one needs is not installed.
    """
    made: list[Sink] = [MqttSink(edge, config.events)]
    if config.state.path and config.history.enabled:
        made.append(HistorySink(config.state.path, config.history))
    return [*made, *workers(config)]


def equip(sinks: Sequence[Sink], lineup: Lineup) -> Trail | None:
    """Give sinks what they need besides events; returns the one to observe every batch, if any."""
    able = [one for one in sinks if isinstance(one, Worker)]
    rules = lineup.config.inhibit
    inhibition = Inhibition(rules, lineup.parties()) if rules else None
    keeps = any(one.shows for one in able if isinstance(one, HistorySink))
    trail = Trail(keeps=keeps) if any(one.shows for one in able) else None
    for one in able:
        one.equip(inhibition, trail)
    return trail
