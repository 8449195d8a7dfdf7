"""What settings are chosen on: recordings that are in none of the scored collections, with faults put in.

The normal part of each is left as it is, so that what is learnt is normal. The scored part gets a fault every
SPACING readings or a little more, of each kind in turn; order, places and sizes come from a seed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal
from zlib import crc32

import numpy as np
from quality_data import Case, probation, rooms, test_bench

from streamdetect.offline.recordings import Layout, Recording, read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.random import Generator
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Half = Literal["even", "odd"]
SEED = 20261125
SPACING = 700  # readings
_STOPPING = 3.0  # readings; time constant of a machine that stops


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault, in one feature."""

    name: str
    length: int  # readings
    sizes: tuple[float, float]  # least and largest, in standard deviations of the whole feature
    distort: Callable[
        [Floats, Floats, float, Generator], Floats
    ]  # values, the feature, signed size in its unit


def _shift(values: Floats, _feature: Floats, size: float, _rng: Generator) -> Floats:
    return values + size


def _drift(values: Floats, _feature: Floats, size: float, _rng: Generator) -> Floats:
    return values + size * np.arange(1, len(values) + 1) / len(values)


def _noise(values: Floats, _feature: Floats, size: float, rng: Generator) -> Floats:
    return values + size * rng.normal(size=len(values))


def _stuck(values: Floats, feature: Floats, size: float, _rng: Generator) -> Floats:
    return np.full_like(values, feature.max() if size > 0 else feature.min())


def _stopped(values: Floats, feature: Floats, size: float, _rng: Generator) -> Floats:
    left = np.exp(-np.arange(len(values)) / _STOPPING)
    return left * values + (1 - left) * (feature.min() - abs(size))


KINDS = (
    Kind("spike", 2, (2.0, 8.0), _shift),
    Kind("level shift", 50, (1.0, 4.0), _shift),
    Kind("drift", 60, (1.0, 4.0), _drift),
    Kind("stuck", 40, (1.0, 1.0), _stuck),  # at an end of its range
    Kind("noise burst", 30, (0.5, 2.0), _noise),
    Kind("standstill", 50, (0.5, 2.0), _stopped),  # below its range
)


def faulty(case: Case) -> Case:
    """The same with faults in the scored part, marked as events beside those that it has."""
    rng = np.random.default_rng((SEED, crc32(case.name.encode())))
    count = (len(case.recording) - case.normal) // SPACING
    edges = np.linspace(case.normal, len(case.recording), count + 1).astype(int).tolist()
    whole = case.recording
    for kind, start, end in zip(_in_turn(rng), edges, edges[1:], strict=False):
        whole = _with_fault(whole, case.recording, kind, rng, (start, end))
    return replace(case, recording=whole)


def _in_turn(rng: Generator) -> Iterator[Kind]:
    """Rounds of all kinds, without end."""
    while True:
        for at in rng.permutation(len(KINDS)):
            yield KINDS[at]


def _with_fault(
    so_far: Recording, original: Recording, kind: Kind, rng: Generator, room: tuple[int, int]
) -> Recording:
    """One fault more, in the second quarter of the room; none where there is an event already."""
    start, end = room
    at = int(rng.integers(start + (end - start) // 4, start + (end - start) // 2))
    place, column = slice(at, at + kind.length), rng.integers(original.values.shape[1])
    feature = original.values[:, column]
    size = feature.std() * rng.uniform(*kind.sizes) * rng.choice((-1, 1))
    if so_far.labels[start:end].any():
        return so_far
    values, labels = so_far.values.copy(), so_far.labels.copy()
    values[place, column] = kind.distort(feature[place], feature, size, rng)
    labels[place] = True
    return replace(so_far, values=values, labels=labels)


def groups(data: Path) -> Mapping[str, list[Case]]:
    """The cases by what they were recorded on."""
    return {
        "rooms": _cases(_distinct(rooms(data))),
        "test bench": _cases(test_bench(data)),
        "motes": _cases(_motes(data)),
    }


def _motes(data: Path) -> list[Recording]:
    """Temperature and humidity of four wireless motes, every 5 seconds; two have an event of their own."""
    layout = Layout(
        columns=("temperature", "humidity"),
        sensor_column="mote_id",
        time_column="none",
        step=5.0,
        label_column="label",
    )
    return read([data / "suthaharan_single_hop" / "single_hop_data.csv"], layout)


def _distinct(recordings: Sequence[Recording]) -> list[Recording]:
    """Each once: the rooms share one outdoor temperature."""
    unique: dict[bytes, Recording] = {}
    for one in recordings:
        unique.setdefault(one.values.tobytes(), one)
    return list(unique.values())


def _cases(recordings: Sequence[Recording]) -> list[Case]:
    return [faulty(_case(one)) for one in recordings]


def _case(recording: Recording) -> Case:
    unlabelled = np.zeros(len(recording), np.bool_)
    labelled = replace(recording, labels=unlabelled) if recording.labels is None else recording
    return Case(recording.sensor, labelled, probation(len(recording)))


def half(cases: Sequence[Case], which: Half) -> list[Case]:
    """Every second device: the rooms are told apart by the first word of a name."""
    devices = list(dict.fromkeys(_device(case) for case in cases))
    chosen = set(devices[which == "odd" :: 2])
    return [case for case in cases if _device(case) in chosen]


def _device(case: Case) -> str:
    return case.name.partition("_")[0]
