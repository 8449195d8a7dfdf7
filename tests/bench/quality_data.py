"""The recorded data that quality is measured on: what a model may learn from, and what it is scored on.

Each case is one stream: a normal part, then the part that is scored. What is learnt comes from the normal
part alone; a detector is fed the whole stream, as it would be live, and judged from the end of the normal
part on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from streamdetect.offline.recordings import Layout, Recording, read

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

Half = Literal["A", "B"]
PROBATION_SHARE, PROBATION_MOST = 0.15, 750
"""The part of a file that the benchmark lets a detector learn from, and does not score."""
SPACECRAFT_INTERVAL, SERVER_INTERVAL = 60.0, 300.0
"""Seconds, nominal: neither of the two collections has times.

Hundman et al., "Detecting Spacecraft Anomalies Using LSTMs and Nonparametric Dynamic Thresholding" (KDD 2018)
took the telemetry together by the minute; the longest tests are 8,640 readings, six days of that. Li et al.,
"Multivariate Time Series Anomaly Detection and Interpretation using Hierarchical Inter-Metric and Temporal
Embedding" (KDD 2021) had a reading of each server every 5 minutes; its 12,960 are 45 days of that.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A labelled stream of one device."""

    name: str
    recording: Recording  # the whole stream
    normal: int  # its first readings, which are not scored

    def per_feature(self) -> list[Recording]:
        """Each feature as a sensor of its own."""
        whole = self.recording
        return [
            replace(
                whole, sensor=f"{whole.sensor}/{name}", values=whole.values[:, at : at + 1], features=(name,)
            )
            for at, name in enumerate(whole.features)
        ]

    @property
    def scored_days(self) -> float:
        """Length of the scored part."""
        return float(np.ptp(self.recording.times[self.normal :])) / 86400.0


def nab(data: Path) -> list[Case]:
    """28 files; a model may learn from the benchmark's probation."""
    root = data / "nab_dev"
    paths = sorted((root / "data").glob("*/*.csv"))
    recordings = read(paths, Layout(labels=root / "windows.json"))
    return [
        Case(path.relative_to(root / "data").as_posix(), recording, probation(len(recording)))
        for path, recording in zip(paths, recordings, strict=True)
    ]


def probation(readings: int) -> int:
    """Count the readings at the start of a file that are not scored."""
    return min(math.floor(PROBATION_SHARE * readings), PROBATION_MOST)


def smap_msl(data: Path) -> list[Case]:
    """58 channels of two spacecraft: `__train`, then `__test`."""
    root = data / "smap_msl_dev"
    archive = root / "telemetry.npz"
    normal = {one.sensor: one for one in read([archive], Layout(arrays="*__train"))}
    tests = read([archive], Layout(arrays="*__test", labels=root / "labels.json"))
    return [
        _joined(test.sensor, SPACECRAFT_INTERVAL, normal[test.sensor].values, test.values, test.labels)
        for test in tests
    ]


def asd(data: Path) -> list[Case]:
    """Six servers of 19 metrics each: `train`, then `test`."""
    cases = []
    for path in sorted((data / "asd_dev").glob("*.npz")):
        with np.load(path, allow_pickle=False) as arrays:
            parts = arrays["train"], arrays["test"], arrays["test_label"].astype(bool)
        cases.append(_joined(path.stem, SERVER_INTERVAL, *parts))
    return cases


def _joined(
    name: str, interval: float, normal: NDArray[Any], scored: NDArray[Any], labels: NDArray[np.bool_] | None
) -> Case:
    values = np.concatenate([normal, scored]).astype(np.float64)
    values = values.reshape(len(values), -1)
    marked = np.zeros(len(values), dtype=np.bool_)
    marked[len(normal) :] = labels
    features = tuple(f"value_{at + 1}" for at in range(values.shape[1]))
    times = interval * np.arange(len(values))
    return Case(name, Recording(name, name, times, values, features, marked), len(normal))


def quiet_half(which: Half) -> Callable[[Path], list[Case]]:
    """Every second device in normal operation, and half of an index's daily closes.

    Every alarm is a false one, but for those on two of the motes, which were breathed on.
    """

    def cases(data: Path) -> list[Case]:
        devices = [_quiet(one) for one in [*_distinct(rooms(data)), *test_bench(data), *motes(data)]]
        return [*_every_second(devices, which), _quiet(_closes(data, which))]

    return cases


def _quiet(one: Recording) -> Case:
    labelled = one if one.labels is not None else replace(one, labels=np.zeros(len(one), np.bool_))
    return Case(one.sensor, labelled, probation(len(one)))


def _every_second(cases: Sequence[Case], which: Half) -> list[Case]:
    """The rooms are told apart by the first word of a name."""
    devices = list(dict.fromkeys(_device(case) for case in cases))
    chosen = set(devices[which == "B" :: 2])
    return [case for case in cases if _device(case) in chosen]


def _device(case: Case) -> str:
    return case.name.partition("_")[0]


def _distinct(recordings: Sequence[Recording]) -> list[Recording]:
    """Each once: the rooms share one outdoor temperature."""
    unique: dict[bytes, Recording] = {}
    for one in recordings:
        unique.setdefault(one.values.tobytes(), one)
    return list(unique.values())


def _closes(data: Path, which: Half) -> Recording:
    """The first or the second half of the index's days."""
    (whole,) = read([data / "spx" / "spx.csv"])
    middle = len(whole) // 2
    part = slice(middle) if which == "A" else slice(middle, None)
    return replace(whole, times=whole.times[part], values=whole.values[part])


def rooms(data: Path) -> list[Recording]:
    """Temperature, humidity and brightness of the rooms of a flat, about every 10 minutes."""
    return read(sorted((data / "opensmarthome").glob("*.csv")))


def test_bench(data: Path) -> list[Recording]:
    """Eight channels of a water circuit, each a sensor of its own, every second."""
    return read([data / "skab_normal" / "anomaly-free.csv"], Layout(per_column=True))


def motes(data: Path) -> list[Recording]:
    """Temperature and humidity of four wireless motes, every 5 seconds."""
    layout = Layout(
        columns=("temperature", "humidity"),
        sensor_column="mote_id",
        time_column="none",
        step=5.0,
        label_column="label",
    )
    return read([data / "suthaharan_single_hop" / "single_hop_data.csv"], layout)


DATA_SETS: Mapping[str, Callable[[Path], list[Case]]] = {
    "nab_dev": nab,
    "smap_msl_dev": smap_msl,
    "asd_dev": asd,
    "quiet A": quiet_half("A"),
    "quiet B": quiet_half("B"),
}
_QUIET = ("opensmarthome", "skab_normal", "suthaharan_single_hop", "spx")
FOLDERS: Mapping[str, tuple[str, ...]] = {
    "nab_dev": ("nab_dev",),
    "smap_msl_dev": ("smap_msl_dev",),
    "asd_dev": ("asd_dev",),
    "quiet A": _QUIET,
    "quiet B": _QUIET,
}
