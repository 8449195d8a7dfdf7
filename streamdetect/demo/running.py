"""The demo's parts put together: plant, broker, daemon, and a subscriber to the daemon's events."""

from __future__ import annotations

import signal
import threading
import time
from typing import TYPE_CHECKING

from streamdetect.demo.broker import HOST
from streamdetect.demo.feed import HISTORY, PATIENCE, Feed, Pace
from streamdetect.demo.outcome import Outcome, Watch, compare, explains
from streamdetect.demo.plant import LEARNING, Plant
from streamdetect.demo.settings import make_config
from streamdetect.demo.subscriber import Subscriber
from streamdetect.demo.summary import span
from streamdetect.errors import StreamdetectError
from streamdetect.mqtt.publisher import Publisher
from streamdetect.service.daemon import Daemon

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from streamdetect.core.verdicts import SensorColumns
    from streamdetect.demo.outcome import Incident
    from streamdetect.demo.plant import Injection

_QOS = 0  # 3 times what the broker takes at QoS 1; nothing is lost on the way to it, and `lag` holds us back
_NAP = 0.02  # s


class Demo:
    """A plant, the daemon that watches it over a broker, and the outcome.

    The daemon has the main thread, as always. The plant has a thread of its own, which also ends the
    daemon, once everything that was published has been judged and every event has come back.

    Attributes:
        injections: the faults so far.
        tell: told of what happens, as a line and its style.
    """

    def __init__(
        self,
        port: int,
        state: Path,
        *,
        sensors: int,
        seed: int,
        speed: float,
        seconds: float,
        page: bool = False,
    ) -> None:
        """Make everything; nothing is connected yet.

        Args:
            port: of the broker.
            state: directory for the daemon's state.
            sensors: how many.
            seed: of the plant.
            speed: seconds of the plant a second.
            seconds: how long it runs; infinite until stopped.
            page: whether the live page is served.
        """
        self.port = port
        self.injections: list[Injection] = []
        self.tell: Callable[[str, str], None] = lambda *_: None
        self._watch = Watch()
        try:
            self._daemon = Daemon(make_config(port, state, page=page), observers=(self._watch,))
        except StreamdetectError:  # a usual port is taken; anything else is said the second time
            config = make_config(port, state, page=page, free_ports=True)
            self._daemon = Daemon(config, observers=(self._watch,))
        (self._assembly,) = self._daemon.pipeline.assemblies
        time_steps = self._assembly.bundle.manifest.time_steps
        self.plant = Plant(sensors, seed, time_steps=time_steps, warm_up=LEARNING, begun=self._begun)
        pace = Pace(speed, LEARNING, time.time() // 1 - HISTORY)
        self.feed = Feed(self.plant, pace, seconds=seconds, lag=self._lag)
        self._subscriber = Subscriber(
            HOST, port, f"{self._daemon.config.events.prefix}/events/#", self._heard
        )
        self._trouble: BaseException | None = None
        self._stops = 0

    def run(self) -> None:
        """Run until the time is up, Ctrl-C, or something is lost.

        Raises:
            StreamdetectError: the broker or events were lost.
        """
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: self.stop())
        with self._subscriber:
            thread = threading.Thread(target=self._publish, name="plant")
            thread.start()
            try:
                self._daemon.run()
            finally:
                self.feed.stop()
                thread.join()
        if self._trouble:
            raise self._trouble

    def stop(self) -> None:
        """Stop in order; called again, at once."""
        self._stops += 1
        self.feed.stop()
        if self._stops > 1:
            self._daemon.stop()

    # The state to show

    @property
    def metrics_url(self) -> str:
        """The address of the daemon's metrics."""
        return f"{self._daemon.http.url}/metrics" if self._daemon.http else ""

    @property
    def page_url(self) -> str:
        """The address of the live page; empty without one."""
        return self._daemon.page.url if self._daemon.page else ""

    @property
    def is_learning(self) -> bool:
        """True if the first fault is still to come."""
        return self.plant.steps < LEARNING

    def columns(self) -> SensorColumns:
        """Return the state of each sensor in the daemon."""
        return self._assembly.detector.columns()

    def incidents(self) -> list[Incident]:
        """Return all incidents received."""
        return list(self._subscriber.incidents.values())

    def outcome(self) -> Outcome:
        """Compare the daemon's incidents with the faults so far."""
        return compare(self.injections, self.incidents())

    # The plant's thread

    def _publish(self) -> None:
        try:
            self._wait(lambda: self._daemon.edge.subscribed, "the daemon does not get its subscription")
            with Publisher(self._daemon.config.mqtt, _QOS, PATIENCE) as publisher:
                self.feed.run(publisher)
            self._wait(lambda: self._lag() <= 0, "the daemon does not get every reading")
            self._wait(lambda: self._subscriber.received >= self._watch.events, "events are missing")
        except BaseException as error:  # noqa: BLE001 - raised on the main thread
            self._trouble = error
        finally:
            self._daemon.stop()

    def _wait(self, condition: Callable[[], bool], otherwise: str) -> None:
        """Wait while there is progress.

        Raises:
            StreamdetectError: there is none any more.
        """
        progress, since = -1, time.monotonic()
        while not condition() and self._stops < 2:  # noqa: PLR2004 - in a hurry
            if progress != (progress := self._watch.processed + self._subscriber.received):
                since = time.monotonic()
            if time.monotonic() > since + PATIENCE:
                raise StreamdetectError(otherwise)
            time.sleep(_NAP)

    def _lag(self) -> int:
        return self.feed.published - self._watch.processed

    def _begun(self, injection: Injection) -> None:
        self.injections.append(injection)
        self._watch.latest[injection.sensor] = injection
        self.tell(f"injected  {injection.fault.kind.name} in {injection.sensor}", "magenta")

    # The subscriber's thread

    def _heard(self, kind: str, incident: Incident) -> None:
        text = f"{kind:<8}  {incident.sensor}, {incident.severity}, score {incident.score:.1f}"
        if kind == "closed" and incident.ended is not None:
            self.tell(f"{text} at most, over {span(incident.ended - incident.started)}", "green")
            return
        cause = next((one for one in reversed(self.injections) if explains(one, incident)), None)
        why = f": the {cause.fault.kind.name}" if cause else ": nothing was injected there"
        self.tell(text + why, "red" if cause else "yellow")
