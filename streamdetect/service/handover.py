"""Hand the state of earlier detectors over to the configured ones: at a restart, and at a reload."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import inf
from typing import TYPE_CHECKING

from streamdetect.core.succession import succeed
from streamdetect.service.assembly import encoder

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from streamdetect.config import Config
    from streamdetect.core.transitions import Transition
    from streamdetect.service.assembly import Assembly
    from streamdetect.store import DetectorState, Event


@dataclass(frozen=True, slots=True)
class Handover:
    """The outcome of a handover."""

    assemblies: list[Assembly]
    kept: dict[str, DetectorState] = field(default_factory=dict)  # by name; of those that go on
    succeeded: dict[str, str] = field(default_factory=dict)  # of those, the ones with another bundle: how
    ended: dict[str, str] = field(default_factory=dict)  # detectors whose state goes no further: why
    events: list[Event] = field(default_factory=list)  # that close the incidents they had open
    kinds: dict[str, list[str]] = field(default_factory=dict)  # to close the incidents they had open


def hand_over(states: Sequence[DetectorState], assemblies: Sequence[Assembly], config: Config) -> Handover:
    """Give assemblies the state of the detector of the same name, if it fits their bundles and settings.

    Incidents of detectors that end here are closed: no other detector would close them.
    """
    result = Handover(list(assemblies))
    places = {assembly.name: at for at, assembly in enumerate(assemblies)}
    for state in states:
        at = places.get(state.name)
        problem = "it is no longer configured" if at is None else ""
        if at is not None:
            try:
                result.assemblies[at] = _with_state(assemblies[at], state, config)
            except ValueError as error:
                problem = str(error)
            else:
                if state.bundle != assemblies[at].bundle.lineage:
                    result.succeeded[state.name] = _succession(assemblies[at], state)
        if problem:
            result.ended[state.name] = problem
            closed = _closed(state, config)
            result.events.extend(closed)
            result.kinds[state.name] = ["closed"] * len(closed)
        else:
            excluded = result.assemblies[places[state.name]].detector.leave_out()
            result.kept[state.name] = state
            result.events.extend(_events(state, excluded, config))
            result.kinds[state.name] = ["closed"] * len(excluded)
    return result


def _with_state(assembly: Assembly, state: DetectorState, config: Config) -> Assembly:
    """Return the assembly with the state's knowledge of the sensors.

    Raises:
        ValueError: the features are others, or the settings do not fit.
    """
    detector, bundle = assembly.detector, assembly.bundle
    if assembly.features != state.features:
        was, now = (", ".join(names) for names in (state.features, assembly.features))
        raise ValueError(f"features: were {was}, are {now}")
    going_on = replace(
        assembly, encoder=encoder(config, state.name, bundle.lineage, state.features, state.origin)
    )
    if bundle.lineage != state.bundle:
        succeed(detector, state.detector)
        return going_on
    if detector.settings == state.detector.settings:
        state.detector.reconstruct = detector.reconstruct
        return replace(going_on, detector=state.detector)
    detector.restore(state.detector.snapshot())
    return going_on


def _succession(assembly: Assembly, state: DetectorState) -> str:
    """Say in a sentence what is kept, and what begins anew."""
    was, now = state.detector.settings, assembly.detector.settings
    text = (
        f"bundle {state.bundle} -> {assembly.bundle.lineage}: its {len(assembly.detector)} sensors and their "
        "incidents go on; what is usual of reconstruction errors is learnt afresh"
    )
    if was.time_steps != now.time_steps:
        text += f"; a window has {now.time_steps} readings instead of {was.time_steps}"
    if now.scaling.kind == "sensor" and was.scaling != now.scaling:
        text += "; so are the sensors' scales"
    return text


def _closed(state: DetectorState, config: Config) -> list[Event]:
    """Return the events that end all incidents of a detector, which then is empty."""
    return _events(state, [replace(one, reason="restarted") for one in state.detector.evict(inf)], config)


def _events(state: DetectorState, transitions: Iterable[Transition], config: Config) -> list[Event]:
    encode = encoder(config, state.name, state.bundle, state.features, state.origin).encode
    return [encode(one, state.labels.get(one.sensor, {})) for one in transitions]
