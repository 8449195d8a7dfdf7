"""The work of the main thread: from a batch of messages to readings, verdicts, events and a report."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streamdetect.core.readings import Outcome, Readings
from streamdetect.failpoints import failpoint
from streamdetect.monitoring.reports import BatchReport, DetectorReport
from streamdetect.service.arrival import ArrivalClock
from streamdetect.service.gathering import Gathering
from streamdetect.sinks.events import latent_vectors
from streamdetect.store import DetectorState, Eviction, Intake, Looked, Resumption, Told, Waiting, tell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from streamdetect.codecs.router import Routes
    from streamdetect.core.drift import Drifted
    from streamdetect.core.moments import Floats
    from streamdetect.core.transitions import Transition
    from streamdetect.core.verdicts import Pushed, Verdicts
    from streamdetect.mqtt.inbox import Message
    from streamdetect.service.assembly import Assembly
    from streamdetect.service.gathered import Gathered
    from streamdetect.service.refusals import Refusals, Unheard
    from streamdetect.store import Entry, Event

_TURNED_AWAY = (Outcome.CARDINALITY, Outcome.EXCLUDED)
_WITHOUT_EFFECT = (Outcome.DUPLICATE, Outcome.LATE, *_TURNED_AWAY)
_HAS_NO_ROW = np.array([outcome in _TURNED_AWAY for outcome in Outcome])  # by outcome
_HAS_EFFECT = np.array([outcome not in _WITHOUT_EFFECT for outcome in Outcome])  # by outcome


class Processed(NamedTuple):
    """The outcome of a batch of messages."""

    events: list[Event]
    verdicts: list[tuple[str, Verdicts]]  # by detector
    report: BatchReport
    entries: list[Entry]  # for the journal
    finished: list[Message]  # large messages that are taken in as a whole


class Changed(NamedTuple):
    """The changes that came without a message."""

    entries: list[Entry]  # for the journal
    events: list[Event]
    kinds: dict[str, list[str]]  # of the transitions, by detector


class _Part(NamedTuple):
    """One detector's share in the outcome of a batch."""

    verdicts: Verdicts
    report: DetectorReport
    events: list[Event]
    intake: Intake | None
    latencies: Floats  # (M,) s


class Pipeline:
    """Decodes messages, feeds every detector that they are for, and makes the events of what changed."""

    def __init__(
        self,
        assemblies: Sequence[Assembly],
        *,
        kept: Mapping[str, DetectorState] | None = None,
        take_retained: bool = False,
        arrivals: ArrivalClock | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make the pipeline of these detectors.

        Args:
            assemblies: the detectors.
            kept: further state from earlier, by name.
            take_retained: whether a retained message, which was true at some time, is a reading.
            arrivals: the clock that stamped the messages.
            monotonic: seconds that never step.
        """
        self.assemblies = list(assemblies)
        known = [(kept or {}).get(assembly.name) for assembly in assemblies]
        self._labels = [one.labels if one else {} for one in known]
        waiting = [one.waiting if one else {} for one in known]
        self._gathering = Gathering(assemblies, waiting, take_retained=take_retained)
        self._arrivals = arrivals or ArrivalClock()
        self._monotonic = monotonic
        # Of each detector, its newest reading and when that came, by the monotonic clock.
        self._moved = [(one.detector.newest, monotonic()) for one in self.assemblies]

    @property
    def halfway(self) -> bool:
        """True if a large message is taken in only in part; it goes on with the next `process`."""
        return self._gathering.halfway

    def commands(self) -> list[tuple[str, bytes]]:
        """Return the messages, topic and payload, that payload formats want sent since the last call."""
        return [command for one in self.assemblies for command in one.codec.commands()]

    @property
    def labels(self) -> dict[str, dict[str, Mapping[str, str]]]:
        """The labels of the sensors, by detector."""
        return {one.name: labels for one, labels in zip(self.assemblies, self._labels, strict=True)}

    def topics(self, most: int) -> tuple[int, list[tuple[str, Routes]]]:
        """Count the topics that were heard, and give at most so many of them with their routes."""
        return self._gathering.router.known(most)

    @property
    def refusals(self) -> Refusals:
        """Examples of messages that could not be taken in."""
        return self._gathering.refusals

    @property
    def unheard(self) -> Unheard:
        """The detectors that have taken nothing in so far."""
        return self._gathering.unheard

    @property
    def apart(self) -> bool:
        """True if no two topics bring readings of one sensor."""
        return self._gathering.apart

    def process(
        self, messages: Sequence[Message], next_large: Callable[[], Message | None] = lambda: None
    ) -> Processed:
        """Take in messages; one that cannot become a reading is counted, never raised.

        Args:
            messages: those to take in as a whole.
            next_large: gives large ones that are taken in piece by piece; see Gathering.
        """
        gathered, outcomes, rejected, finished, newest = self._gathering.gather(messages, next_large)
        outcomes["accepted"] = len(messages) + len(finished) - outcomes.total()
        parts = [self._judge(at, one) for at, one in enumerate(gathered) if one.sensors]
        report = BatchReport(
            messages=+outcomes,
            rejected=rejected,
            latencies=np.concatenate([part.latencies for part in parts] or [np.empty(0)]),
            last_arrival=newest - self._arrivals.ahead,
            detectors=[part.report for part in parts],
        )
        return Processed(
            events=[event for part in parts for event in part.events],
            verdicts=[(part.report.detector, part.verdicts) for part in parts],
            report=report,
            entries=[*(part.intake for part in parts if part.intake), *self._waiting(gathered)],
            finished=finished,
        )

    def evict(self) -> Changed:
        """Forget sensors that were silent for longer than `idle_after`, by the time of the readings.

        By the wall clock, every sensor of a replay would be forgotten.
        """
        events: list[Event] = []
        entries: list[Entry] = []
        kinds: dict[str, list[str]] = {}
        for at, assembly in enumerate(self.assemblies):
            detector, labels = assembly.detector, self._labels[at]
            before = len(detector)
            idle_before = detector.newest - assembly.config.idle_after_seconds
            transitions = detector.evict(idle_before)
            events.extend(self._events(at, transitions, {}))
            kinds[assembly.name] = [transition.kind for transition in transitions]
            if len(detector) < before:
                entries.append(Eviction(assembly.name, idle_before))
            for sensor in [sensor for sensor in labels if sensor not in detector.sensors]:
                del labels[sensor]
        return Changed(entries, events, kinds)

    def resume(self) -> list[Entry]:
        """Note that nobody was listened to until now; returns entries for the journal."""
        for assembly in self.assemblies:
            assembly.detector.resume()
        return [Resumption(assembly.name) for assembly in self.assemblies]

    def look(self) -> Changed:
        """Open incidents of the sensors that have been silent for too long.

        The clock is that of the readings: the newest of a detector, and how long none has come since. So a
        replay of last year's readings is as right as a clock that steps.
        """
        changed = Changed([], [], {})
        for at, assembly in enumerate(self.assemblies):
            newest, since = self._moved[at]
            now = newest + self._monotonic() - since
            if now <= assembly.detector.soonest:
                continue
            transitions = assembly.detector.look(now)
            if transitions:
                changed.entries.append(Looked(assembly.name, now))
            changed.events.extend(self._events(at, transitions, {}))
            changed.kinds[assembly.name] = [transition.kind for transition in transitions]
        return changed

    def tell(self, sensitivity: float | None, about: Callable[[str, str], bool]) -> Changed:
        """Pass a person's answer on to the detectors that know the sensors.

        Args:
            sensitivity: the factor for scores from now on; None if the present values are normal.
            about: tells whether it is about this sensor of this detector.
        """
        changed = Changed([], [], {})
        for at, assembly in enumerate(self.assemblies):
            for sensor in [one for one in assembly.detector.sensors.ids if one and about(assembly.name, one)]:
                told = Told(assembly.name, sensor, sensitivity)
                transitions = tell(assembly.detector, told)
                changed.entries.append(told)
                changed.events.extend(self._events(at, transitions, {}))
                changed.kinds.setdefault(assembly.name, []).extend(one.kind for one in transitions)
        return changed

    def states(self) -> list[DetectorState]:
        """All detectors, for a snapshot or for their successors."""
        return [
            DetectorState(
                name=one.name,
                bundle=one.bundle.lineage,
                features=one.bundle.manifest.features,
                detector=one.detector,
                labels=labels,
                waiting=self._gathering.waiting(at),
                origin=one.encoder.origin,
            )
            for at, (one, labels) in enumerate(zip(self.assemblies, self._labels, strict=True))
        ]

    def _judge(self, at: int, gathered: Gathered) -> _Part:
        """Take one detector through its share of a batch."""
        assembly, readings = self.assemblies[at], gathered.readings()
        detector = assembly.detector
        pushed = detector.push(readings)
        started = time.perf_counter()
        failpoint("score")
        errors, feature_errors = detector.score(pushed)
        took = time.perf_counter() - started
        verdicts = detector.judge(pushed, errors, feature_errors)
        newest = detector.newest  # asks every sensor
        if newest > self._moved[at][0]:
            self._moved[at] = newest, self._monotonic()
        news = self._news(at, gathered.labels)
        latents = latent_vectors(assembly.encode, pushed, verdicts) if assembly.encode else {}
        report = DetectorReport(
            detector=assembly.name,
            readings=verdicts.outcomes,
            windows=len(pushed.windows),
            anomalous=int(np.count_nonzero(verdicts.anomalous)),
            transitions=[transition.kind for transition in verdicts.transitions],
            inference_seconds=took,
        )
        return _Part(
            verdicts=verdicts,
            report=report,
            events=[*self._events(at, verdicts.transitions, latents), *self._drifts(at, verdicts.drifted)],
            intake=_intake(assembly.name, pushed, (errors, feature_errors), news),
            latencies=self._arrivals.time() - np.array(gathered.arrivals)[verdicts.index],
        )

    def _waiting(self, gathered: Sequence[Gathered]) -> list[Waiting]:
        """Return readings that are not whole yet, or are held, for the journal."""
        return [
            Waiting(assembly.name, self._gathering.changed(at, list(one.devices)))
            for at, (assembly, one) in enumerate(zip(self.assemblies, gathered, strict=True))
            if one.devices
        ]

    def _news(self, at: int, gathered: Mapping[str, Mapping[str, str]]) -> dict[str, Mapping[str, str]]:
        """Remember labels of known sensors, and return those that are new."""
        known, sensors = self._labels[at], self.assemblies[at].detector.sensors
        news = {
            sensor: labels
            for sensor, labels in gathered.items()
            if known.get(sensor) != labels and sensor in sensors
        }
        known.update(news)
        return news

    def _events(
        self,
        at: int,
        transitions: Iterable[Transition],
        latents: Mapping[tuple[str, float], NDArray[np.float32]],
    ) -> list[Event]:
        encode, labels = self.assemblies[at].encoder.encode, self._labels[at]
        return [
            encode(one, labels.get(one.sensor, {}), latents.get((one.sensor, one.time)))
            for one in transitions
        ]

    def _drifts(self, at: int, drifted: Iterable[Drifted]) -> list[Event]:
        encode, labels = self.assemblies[at].encoder.encode_drift, self._labels[at]
        return [encode(one, labels.get(one.sensor, {})) for one in drifted]


def _intake(
    detector: str,
    pushed: Pushed,
    errors: tuple[Floats, Floats],
    labels: Mapping[str, Mapping[str, str]],
) -> Intake | None:
    """Return what the journal needs to repeat this; None if nothing was taken in."""
    outcomes, readings = pushed.outcomes, pushed.readings
    if not np.count_nonzero(_HAS_EFFECT[outcomes]):
        return None
    # Late readings and duplicates stay: a sensor that is heard of is spared when others have to make room.
    if np.count_nonzero(turned_away := _HAS_NO_ROW[outcomes]):
        kept = np.flatnonzero(~turned_away)
        sensors = [readings.sensors[place] for place in kept.tolist()]
        readings = Readings(sensors, readings.times[kept], readings.values[kept])
    return Intake(detector, readings, *errors, labels)
