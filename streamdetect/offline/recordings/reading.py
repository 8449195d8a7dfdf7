"""Files → recordings: one per sensor, whatever the layout of the files."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from streamdetect.errors import DataError
from streamdetect.offline.recordings import ranges
from streamdetect.offline.recordings.archives import read_archive
from streamdetect.offline.recordings.recording import LARGEST_VALUE, Layout, Recording
from streamdetect.offline.recordings.tables import read_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from streamdetect.offline.recordings.ranges import Range
    from streamdetect.offline.recordings.tables import Table

_NOT_IN_AN_ID = re.compile(r"[^A-Za-z0-9_.-]")


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    """What one file says of one sensor, unusable values still in it as NaN."""

    name: tuple[str, ...]  # levels, as the data spells them
    keys: tuple[str, ...]  # what a labels file may call it, besides the path
    features: tuple[str, ...]
    rows: NDArray[np.int64]
    times: NDArray[np.float64]
    values: NDArray[np.float64]
    labels: NDArray[np.bool_] | None
    dropped: int = 0


def read(paths: Sequence[Path], layout: Layout | None = None) -> list[Recording]:
    """Read CSV (.csv, .csv.gz, any delimiter) and .npz files.

    A sensor's id is its file's name, its cell in `sensor_column`, its column with `per_column`, or its
    array's name; file names that are not unique take as many parent folders as tell them apart. Rows of one
    sensor in several long files are joined in the order of the files.

    Raises:
        DataError: A file cannot be read as asked, two sensors get one id, or there is no reading at all.
    """
    layout = layout or Layout()
    known = None if layout.labels is None else ranges.load(layout.labels)
    recordings: dict[str, Recording] = {}
    bases = _shortest_names(paths)
    for path, base in zip(paths, bases, strict=True):
        for piece in _split(_pieces(path, base, layout, prefix=len(paths) > 1), layout):
            _add(recordings, _recording(path, piece, known), layout)
    found = list(recordings.values())
    if not any(map(len, found)):
        raise DataError(
            f"{', '.join(map(str, paths))}: no usable row ({sum(r.dropped for r in found)} dropped)"
        )
    if known is not None and all(recording.labels is None for recording in found):
        raise DataError(f"{layout.labels}: names none of the recordings: {', '.join(sorted(known)[:3])}, …")
    return found


def _shortest_names(paths: Sequence[Path]) -> list[str]:
    """Give each file its name without suffixes, preceded by as many parents as make all of them unique."""
    depth = 1
    stems = [
        (*path.resolve().parts[1:-1], re.sub(r"(\.csv|\.tsv|\.txt|\.npz|\.gz)+$", "", path.name))
        for path in paths
    ]
    while len({stem[-depth:] for stem in stems}) < len(set(stems)):
        depth += 1
    return ["/".join(stem[-depth:]) for stem in stems]


def _pieces(path: Path, base: str, layout: Layout, *, prefix: bool) -> Iterable[_Piece]:
    if path.suffix == ".npz":
        for part, features, values, labels in read_archive(path, layout):
            rows = np.arange(len(values))
            values[~(np.abs(values) <= LARGEST_VALUE)] = np.nan
            name: tuple[str, ...] = (base,) if part is None else (base, part) if prefix else (part,)
            yield _Piece(name, (base, part or base), features, rows, _steps(rows, layout), values, labels)
        return
    table = read_table(path, layout)
    if table.sensors is not None:
        yield from _by_sensor(table, table.sensors, layout)
        return
    times = _steps(table.rows, layout) if table.times is None else table.times
    name = () if layout.per_column and not prefix else (base,)
    yield _Piece(name, (base,), table.features, table.rows, times, table.values, table.labels, table.dropped)


def _steps(rows: NDArray[np.int64], layout: Layout) -> NDArray[np.float64]:
    """Make times for rows that have none."""
    return rows.astype(np.float64) * layout.step


def _by_sensor(table: Table, sensors: Sequence[str], layout: Layout) -> Iterator[_Piece]:
    codes: dict[str, int] = {}
    code = np.fromiter((codes.setdefault(sensor, len(codes)) for sensor in sensors), np.int64, len(sensors))
    order = np.argsort(code, kind="stable")
    groups = np.split(order, np.cumsum(np.bincount(code, minlength=len(codes)))[:-1]) if codes else []
    dropped = table.dropped
    for sensor, group in zip(codes, groups, strict=True):
        yield _Piece(
            name=(sensor,),
            keys=(sensor,),
            features=table.features,
            rows=table.rows[group],
            times=_steps(np.arange(len(group)), layout) if table.times is None else table.times[group],
            values=table.values[group],
            labels=None if table.labels is None else table.labels[group],
            dropped=dropped,
        )
        dropped = 0  # rows dropped whole may lack the sensor: they are counted once, with the first


def _split(pieces: Iterable[_Piece], layout: Layout) -> Iterator[_Piece]:
    """With `per_column`, make each value column a sensor of its own."""
    for piece in pieces:
        if not layout.per_column:
            yield piece
            continue
        if len(set(piece.features)) < len(piece.features):
            raise DataError(
                f"{'/'.join(piece.name)}: columns of the same name cannot be sensors: {piece.features}"
            )
        for place, feature in enumerate(piece.features):
            name = (*piece.name, feature)
            keys = (*piece.keys, feature, "/".join(name))
            values = piece.values[:, place : place + 1]
            yield replace(piece, name=name, keys=keys, features=(feature,), values=values)


def _recording(path: Path, piece: _Piece, known: Mapping[str, Sequence[Range]] | None) -> Recording:
    labels = piece.labels
    found = None if known is None else ranges.matching(known, path, piece.keys)
    if found is not None:
        marked = ranges.mark(found, piece.rows, piece.times)
        labels = marked if labels is None else marked | labels
    usable = np.asarray(np.isfinite(piece.values).all(axis=1), np.bool_)
    name = "/".join(piece.name)
    return Recording(
        name=name,
        sensor="/".join(_NOT_IN_AN_ID.sub("_", level) or "_" for level in name.split("/")),
        times=piece.times[usable],
        values=np.ascontiguousarray(piece.values[usable]),
        features=piece.features,
        labels=None if labels is None else labels[usable],
        dropped=piece.dropped + int(len(usable) - usable.sum()),
    )


def _add(recordings: dict[str, Recording], new: Recording, layout: Layout) -> None:
    old = recordings.get(new.sensor)
    if old is None:
        recordings[new.sensor] = new
        return
    if old.name != new.name or layout.sensor_column is None:
        raise DataError(f"two sensors would have the id {new.sensor!r}: {old.name!r} and {new.name!r}")
    if old.features != new.features:
        raise DataError(
            f"sensor {old.name!r} has columns {old.features} in one file, {new.features} in another"
        )
    shift = old.times[-1] + layout.step if layout.time_column == "none" and len(old) else 0.0
    recordings[new.sensor] = replace(
        old,
        times=np.concatenate([old.times, new.times + shift]),
        values=np.concatenate([old.values, new.values]),
        labels=_join_labels(old, new),
        dropped=old.dropped + new.dropped,
    )


def _join_labels(old: Recording, new: Recording) -> NDArray[np.bool_] | None:
    if old.labels is None and new.labels is None:
        return None
    parts = [np.zeros(len(part), np.bool_) if part.labels is None else part.labels for part in (old, new)]
    return np.concatenate(parts)
