"""A batch of messages to readings, verdicts, events and a report: all that the main thread computes."""

from __future__ import annotations

import logging
import time
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streamdetect.codecs import TopicRouter
from streamdetect.core.readings import Readings
from streamdetect.errors import RejectedPayload
from streamdetect.logs import Sparingly
from streamdetect.reports import BatchReport, DetectorReport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from streamdetect.assembly import Assembly
    from streamdetect.codecs import Route, Sample
    from streamdetect.core.incidents import Transition
    from streamdetect.core.verdicts import Verdicts
    from streamdetect.events import Event
    from streamdetect.inbox import Message

log = logging.getLogger(__name__)


class Processed(NamedTuple):
    """What came of a batch of messages."""

    events: list[Event]
    verdicts: list[tuple[str, Verdicts]]  # by detector
    report: BatchReport


class _Gathered:
    """The samples of one detector in a batch, column by column."""

    __slots__ = ("arrivals", "sensors", "times", "values")

    def __init__(self) -> None:
        self.sensors: list[str] = []
        self.times: list[float] = []
        self.values: list[tuple[float, ...]] = []
        self.arrivals: list[float] = []

    def take(self, route: Route, samples: Sequence[Sample], arrival: float) -> None:
        for field, moment, values in samples:
            self.sensors.append(route.sensor or route.sensors[field])
            self.times.append(moment)
            self.values.append(values)
            self.arrivals.append(arrival)

    def readings(self) -> Readings:
        return Readings(self.sensors, np.array(self.times), np.array(self.values))


class Pipeline:
    """Decodes messages, feeds every detector that they are for, and makes the events of what changed."""

    def __init__(
        self,
        assemblies: Sequence[Assembly],
        *,
        take_retained: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Make the pipeline of these detectors.

        Args:
            assemblies: the detectors.
            take_retained: whether a retained message, which says what was true at some time, is a reading.
            clock: Unix time in seconds, for latencies only.
        """
        self.assemblies = list(assemblies)
        self._router = TopicRouter([assembly.config.routing() for assembly in assemblies])
        self._labels: list[dict[str, Mapping[str, str]]] = [{} for _ in assemblies]
        self._take_retained = take_retained
        self._clock = clock
        self._sparingly = Sparingly()

    def process(self, messages: Sequence[Message]) -> Processed:
        """Take in at least one message; one that cannot become a reading is counted, never raised."""
        gathered = [_Gathered() for _ in self.assemblies]
        outcomes: Counter[str] = Counter()
        rejected: Counter[str] = Counter()
        for message in messages:
            if message.retain and not self._take_retained:
                outcomes["retained"] += 1
                continue
            try:
                self._decode(message, gathered)
            except RejectedPayload as error:
                outcomes["rejected"] += 1
                rejected[error.reason] += 1
                self._say(message, error)
            else:
                outcomes["accepted"] += 1
        verdicts: list[tuple[str, Verdicts]] = []
        events: list[Event] = []
        waits = [np.empty(0)]
        reports = []
        for at, one in enumerate(gathered):
            if one.sensors:
                found, report = self._judge(self.assemblies[at], one)
                verdicts.append((report.detector, found))
                reports.append(report)
                events.extend(self._events(at, found.transitions))
                waits.append(self._clock() - np.array(one.arrivals)[found.index])
        return Processed(
            events,
            verdicts,
            BatchReport(outcomes, rejected, np.concatenate(waits), messages[-1].arrival, reports),
        )

    def evict(self) -> list[Event]:
        """Forget sensors that were silent for longer than `idle_after`, by the time of the readings.

        The wall clock would do away with every sensor of a replay.
        """
        events = []
        for at, assembly in enumerate(self.assemblies):
            detector = assembly.detector
            closed = detector.evict(detector.newest - assembly.config.idle_after_seconds)
            events.extend(self._events(at, closed))
            known = detector.sensors
            self._labels[at] = {
                sensor: labels for sensor, labels in self._labels[at].items() if sensor in known
            }
        return events

    def _decode(self, message: Message, gathered: Sequence[_Gathered]) -> None:
        for route in self._router.routes(message.topic):
            samples = self.assemblies[route.detector].codec.decode(message.payload, message.arrival)
            gathered[route.detector].take(route, samples, message.arrival)
            if route.labels:
                for sensor in (route.sensor,) if route.sensor else route.sensors.values():
                    self._labels[route.detector][sensor] = route.labels

    def _judge(self, assembly: Assembly, gathered: _Gathered) -> tuple[Verdicts, DetectorReport]:
        detector = assembly.detector
        pushed = detector.push(gathered.readings())
        started = time.perf_counter()
        errors, feature_errors = detector.score(pushed)
        took = time.perf_counter() - started
        verdicts = detector.judge(pushed, errors, feature_errors)
        return verdicts, DetectorReport(
            detector=assembly.name,
            readings=verdicts.outcomes,
            windows=len(verdicts),
            anomalous=int(verdicts.anomalous.sum()),
            transitions=[transition.kind for transition in verdicts.transitions],
            inference_seconds=took,
        )

    def _events(self, at: int, transitions: Iterable[Transition]) -> list[Event]:
        encode, labels = self.assemblies[at].encoder.encode, self._labels[at]
        return [encode(transition, labels.get(transition.sensor, {})) for transition in transitions]

    def _say(self, message: Message, error: RejectedPayload) -> None:
        allowed, held_back = self._sparingly.allows(error.reason)
        if allowed:
            more = f" ({held_back} more of this kind were not logged)" if held_back else ""
            log.warning("rejected a message on %r: %s%s", message.topic, error, more)
