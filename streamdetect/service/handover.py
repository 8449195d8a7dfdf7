"""From the detectors that were to those that are configured now: at a restart, and at a reload."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import inf
from typing import TYPE_CHECKING

from streamdetect.service.assembly import encoder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamdetect.config import Config
    from streamdetect.service.assembly import Assembly
    from streamdetect.store import DetectorState, Event


@dataclass(frozen=True, slots=True)
class Handover:
    """What comes of it."""

    assemblies: list[Assembly]
    kept: dict[str, DetectorState] = field(default_factory=dict)  # by name; of those that go on
    ended: dict[str, str] = field(default_factory=dict)  # detectors whose state goes no further: why
    events: list[Event] = field(default_factory=list)  # that close the incidents they had open
    kinds: dict[str, list[str]] = field(default_factory=dict)  # of the same transitions, by detector


def hand_over(states: Sequence[DetectorState], assemblies: Sequence[Assembly], config: Config) -> Handover:
    """Give assemblies the state of the detector of the same name and bundle, if it fits their settings.

    Incidents of detectors that end here are closed: nobody else would ever do it.
    """
    result = Handover(list(assemblies))
    places = {assembly.name: at for at, assembly in enumerate(assemblies)}
    for state in states:
        at = places.get(state.name)
        problem = "it is no longer configured" if at is None else ""
        if at is not None:
            try:
                result.assemblies[at] = _with_state(assemblies[at], state)
            except ValueError as error:
                problem = str(error)
        if problem:
            result.ended[state.name] = problem
            closed = _closed(state, config)
            result.events.extend(closed)
            result.kinds[state.name] = ["closed"] * len(closed)
        else:
            result.kept[state.name] = state
    return result


def _with_state(assembly: Assembly, state: DetectorState) -> Assembly:
    """The assembly with what the state knows of the sensors.

    Raises:
        ValueError: the bundle is another, or the settings do not fit.
    """
    detector = assembly.detector
    if assembly.bundle.lineage != state.bundle:
        raise ValueError(f"bundle: was {state.bundle}, is {assembly.bundle.lineage}")
    if detector.settings == state.detector.settings:
        state.detector.reconstruct = detector.reconstruct
        return replace(assembly, detector=state.detector)
    detector.restore(state.detector.snapshot())
    return assembly


def _closed(state: DetectorState, config: Config) -> list[Event]:
    """The events that end all incidents of a detector, which then is empty."""
    encode = encoder(config, state.name, state.bundle, state.features).encode
    return [
        encode(replace(transition, reason="restarted"), state.labels.get(transition.sensor, {}))
        for transition in state.detector.evict(inf)
    ]
