"""One shard: the detectors of the sensors whose ids hash to it; it takes packs in and gives events.

The events depend on the readings alone: not on how the log was cut into batches, nor on what is read again
after a failure, nor on the order in which the packs of several partitions arrive. All readings of a sensor
are in one partition of the log, because they are on one topic.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import inf
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streamdetect.core.detector import Detector
from streamdetect.core.readings import Outcome, Readings
from streamdetect.errors import StateError
from streamdetect.service.handover import hand_over
from streamdetect.sinks.events import latent_vectors
from streamdetect.spark.sealing import seal, unseal
from streamdetect.store import DetectorState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from streamdetect.config import Config
    from streamdetect.core.transitions import Transition
    from streamdetect.core.verdicts import Verdicts
    from streamdetect.service.assembly import Assembly
    from streamdetect.spark.packs import Pack
    from streamdetect.store import Event

    Window = tuple[str, float]

KIND = b"SDSHARD"
AT_ONCE = 4096
"""Readings in one call: their windows, of 32 readings of one value, take 0.5 MB."""


class Place(NamedTuple):
    """The number of a shard, and how many there are."""

    number: int
    of: int


@dataclass(slots=True)
class Work:
    """The work of one detector of a shard, and its state now."""

    readings: NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(Outcome), np.int64))
    """(outcomes,) how many readings had each Outcome."""
    windows: int = 0
    anomalous: int = 0
    transitions: list[str] = field(default_factory=list)  # kinds
    sensors: int = 0
    sensors_warming_up: int = 0
    incidents_open: int = 0


@dataclass(slots=True)
class Result:
    """The result of a call."""

    events: list[Event] = field(default_factory=list)
    verdicts: list[tuple[str, Verdicts]] = field(default_factory=list)  # by detector
    work: dict[str, Work] = field(default_factory=dict)  # by detector


class Shard:
    """The detectors of one shard.

    Attributes:
        began: events and counts of detectors that could not go on from their saved state.
    """

    def __init__(
        self,
        place: Place,
        assemblies: Sequence[Assembly],
        config: Config,
        states: Sequence[DetectorState] = (),
        seen: Mapping[int, int] | None = None,
    ) -> None:
        """Let detectors go on from where they were.

        Args:
            place: which shard this is.
            assemblies: what is configured; their own detectors are not changed.
            config: the whole configuration.
            states: the saved detectors.
            seen: by partition, the offset up to which their state holds the log.
        """
        self.place = place
        self._seen = dict(seen or {})
        handover = hand_over(states, [_fresh(one) for one in assemblies], config)
        self._assemblies = handover.assemblies
        kept = handover.kept
        self._labels = [dict(kept[one.name].labels) if one.name in kept else {} for one in assemblies]
        work = {name: Work(transitions=kinds) for name, kinds in handover.kinds.items()}
        self.began = Result(handover.events, work=work)

    def process(self, packs: Iterable[Pack]) -> Result:
        """Take readings in; a reading that the detectors have taken in before has no effect."""
        result = Result()
        fresh = list(self._fresh(packs))
        for at, assembly in enumerate(self._assemblies):
            shares = [one for pack in fresh for one in pack.shares if one.detector == assembly.name]
            for share in shares:
                self._labels[at].update(share.labels)
            for readings in _portions([share.readings for share in shares]):
                self._judge(at, readings, result)
            if shares:
                self._forget_labels(at)
        return result

    def look(self, clock: float) -> Result:
        """Open incidents of sensors that have been silent for too long, and forget those idle for too long.

        Args:
            clock: Unix seconds of the newest reading of all shards.
        """
        result = Result()
        for at, assembly in enumerate(self._assemblies):
            detector = assembly.detector
            transitions = detector.look(clock) if clock > detector.soonest else []
            transitions += detector.evict(clock - assembly.config.idle_after_seconds)
            self._tell(at, transitions, {}, result)
            self._forget_labels(at)
        return result

    @property
    def due(self) -> float:
        """Unix seconds, by the time of readings, at which `look` may find something; inf: never."""
        return min((_due(one) for one in self._assemblies), default=inf)

    def states(self) -> list[DetectorState]:
        """Return the detectors as they are to be saved."""
        return [
            DetectorState(
                one.name, one.bundle.lineage, one.features, one.detector, labels, {}, one.encoder.origin
            )
            for one, labels in zip(self._assemblies, self._labels, strict=True)
        ]

    def to_bytes(self) -> bytes:
        """Write the shard as bytes."""
        facts = {"shard": self.place.number, "shards": self.place.of, "seen": [*self._seen.items()]}
        return seal(KIND, facts, self.states())

    @classmethod
    def from_bytes(cls, sealed: bytes, place: Place, assemblies: Sequence[Assembly], config: Config) -> Shard:
        """Read what `to_bytes` has written.

        Raises:
            StateError: it is of another version, of another shard, or damaged; says which.
        """
        what = f"state of shard {place.number}"
        facts, states = unseal(KIND, sealed, what)
        for name, wanted in (("shard", place.number), ("shards", place.of)):
            if facts[name] != wanted:
                raise StateError(f"{what}: {name}: must be {wanted}, got {facts[name]}")
        seen: Iterable[tuple[int, int]] = facts["seen"]  # type: ignore[assignment] # checksummed, our own
        return cls(place, assemblies, config, states, dict(seen))

    def work(self, result: Result) -> dict[str, Work]:
        """Return the work that was done and the present counts, by detector."""
        for assembly in self._assemblies:
            detector, work = assembly.detector, result.work.setdefault(assembly.name, Work())
            rows, judge = detector.sensors.rows(), detector.state.judge
            work.sensors = len(rows)
            work.sensors_warming_up = int(np.count_nonzero(judge.warming_up(rows)))
            work.incidents_open = int(np.count_nonzero(judge.incidents.open[rows]))
        return result.work

    def _fresh(self, packs: Iterable[Pack]) -> Iterator[Pack]:
        """Yield the packs in the order of the log, without those that were taken in before.

        A pack of which a part was taken in is yielded: by their times, its old readings have no effect.
        """
        for pack in sorted(packs, key=lambda one: (one.partition, one.start)):
            if pack.end > self._seen.get(pack.partition, 0):
                self._seen[pack.partition] = pack.end
                yield pack

    def _judge(self, at: int, readings: Readings, result: Result) -> None:
        assembly = self._assemblies[at]
        detector = assembly.detector
        pushed = detector.push(readings)
        # Other sensors are perhaps in partitions that are not read as far: `look` knows how far all are.
        verdicts = detector.judge(pushed, *detector.score(pushed), look=False)
        latents = latent_vectors(assembly.encode, pushed, verdicts) if assembly.encode else {}
        work = self._tell(at, verdicts.transitions, latents, result)
        work.readings += np.bincount(verdicts.outcomes, minlength=len(Outcome))
        work.windows += len(pushed.windows)
        work.anomalous += int(np.count_nonzero(verdicts.anomalous))
        result.verdicts.append((assembly.name, verdicts))

    def _tell(
        self,
        at: int,
        transitions: Sequence[Transition],
        latents: Mapping[Window, NDArray[np.float32]],
        result: Result,
    ) -> Work:
        """Make an event of each transition, and count them."""
        assembly, labels = self._assemblies[at], self._labels[at]
        result.events += [
            assembly.encoder.encode(one, labels.get(one.sensor, {}), latents.get((one.sensor, one.time)))
            for one in transitions
        ]
        work = result.work.setdefault(assembly.name, Work())
        work.transitions += [one.kind for one in transitions]
        return work

    def _forget_labels(self, at: int) -> None:
        known = self._assemblies[at].detector.sensors
        for sensor in [one for one in self._labels[at] if one not in known]:
            del self._labels[at][sensor]


def _fresh(assembly: Assembly) -> Assembly:
    """Return the assembly with a new detector, without sensors, and the model that all share."""
    detector = assembly.detector
    return replace(assembly, detector=Detector(detector.settings, detector.reconstruct))


def _due(assembly: Assembly) -> float:
    detector = assembly.detector
    last = detector.state.cutter.windows.last_time[detector.sensors.rows()]
    return min(detector.soonest, float(last.min(initial=inf)) + assembly.config.idle_after_seconds)


def _portions(parts: Sequence[Readings]) -> Iterator[Readings]:
    """Join readings, and cut them into portions of at most `AT_ONCE`."""
    if not parts:
        return
    sensors = [sensor for part in parts for sensor in part.sensors]
    times = np.concatenate([part.times for part in parts])
    values = np.concatenate([part.values for part in parts])
    for start in range(0, len(sensors), AT_ONCE):
        cut = slice(start, start + AT_ONCE)
        yield Readings(sensors[cut], times[cut], values[cut])
