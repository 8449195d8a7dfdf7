"""Moves detectors from a daemon to shards and back: divides their state by sensor, or joins it again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamdetect.core.detector import Detector
from streamdetect.errors import StateError
from streamdetect.spark.packs import Sharding
from streamdetect.spark.sealing import seal, unseal
from streamdetect.spark.shard import KIND
from streamdetect.store import Change, Store

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from streamdetect.store import DetectorState

FILE_KIND = b"SDSTATE"


def from_daemon(directory: Path) -> list[DetectorState]:
    """Read the detectors of a daemon that has ended.

    Raises:
        StateError: the daemon still runs, or there is no state that this version can use.
    """
    if not directory.is_dir():
        raise StateError(f"{directory}: must be a state directory, got none")
    store = Store(directory, snapshot_every=1.0)
    try:
        states = store.load().states
    finally:
        store.close()
    if not states:
        raise StateError(f"{directory}: must hold the state of a detector, got none")
    return states


def to_daemon(directory: Path, states: Sequence[DetectorState]) -> None:
    """Write the state directory of a daemon that has not been started there.

    Raises:
        StateError: there is a state already.
        UnavailableError: the disk does not take it.
    """
    store = Store(directory, snapshot_every=1.0)
    try:
        if store.load().states:
            raise StateError(f"{directory}: must not hold a state yet")
        store.commit(Change(), states)
    finally:
        store.close()


def to_bytes(states: Sequence[DetectorState]) -> bytes:
    """Write detectors as the file of `streamdetect state export`."""
    return seal(FILE_KIND, {}, states)


def from_bytes(sealed: bytes, what: str) -> list[DetectorState]:
    """Read such a file.

    Raises:
        StateError: it is another kind of file, of another version, or damaged; says which.
    """
    return unseal(FILE_KIND, sealed, what).states


def divided(states: Sequence[DetectorState], shards: int) -> Iterator[tuple[int, bytes]]:
    """Yield the shards that have a sensor, each as the bytes of its state.

    Raises:
        StateError: a detector holds readings back, to join or to sort them, which does not work on Spark.
    """
    for state in states:
        if state.waiting:
            raise StateError(f"detector {state.name}: must not hold readings back, got {len(state.waiting)}")
    sharding = Sharding(shards)
    places = [(state, sharding.of_all(_ids(state.detector))) for state in states]
    for shard in sorted({number for _, its in places for number in its.tolist()}):
        parts = [_part(state, its == shard) for state, its in places]
        facts = {
            "shard": shard,
            "shards": shards,
            "seen": [],
        }  # no offsets: they are of another log
        yield shard, seal(KIND, facts, parts)


def joined(shards: Iterable[tuple[int, bytes]]) -> list[DetectorState]:
    """Join the detectors of all shards.

    Raises:
        StateError: a shard cannot be read.
    """
    whole: dict[str, DetectorState] = {}
    for shard, sealed in shards:
        for state in unseal(KIND, sealed, f"state of shard {shard}").states:
            known = whole.setdefault(state.name, state)
            if known is state:
                continue
            if known.identity != state.identity:
                raise StateError(
                    f"detector {state.name}: must have the same settings in all shards, not in shard {shard}"
                )
            heard_since = max(known.detector.heard_since, state.detector.heard_since)
            known.detector.restore(state.detector.snapshot())
            known.detector.heard_since = heard_since
            known.labels.update(state.labels)
    return list(whole.values())


def _ids(detector: Detector) -> list[str]:
    return [detector.sensors.ids[row] or "" for row in detector.sensors.rows().tolist()]


def _part(state: DetectorState, chosen: NDArray[np.bool_]) -> DetectorState:
    """Return the state with the chosen sensors only; the mask is in the order of the snapshot."""
    saved = state.detector.snapshot()
    whole = {name: saved.pop(name) for name in ("made_with", "heard_since")}
    detector = Detector(state.detector.settings, state.detector.reconstruct)
    detector.restore(whole | {name: column[chosen] for name, column in saved.items()})
    known = set(_ids(detector))
    labels = {sensor: its for sensor, its in state.labels.items() if sensor in known}
    return state._replace(detector=detector, labels=labels)
