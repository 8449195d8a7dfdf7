"""Files → recordings: one per sensor, whatever the layout of the files."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from streamdetect.errors import DataError
from streamdetect.offline.recordings import ranges, times
from streamdetect.offline.recordings.account import check_loss
from streamdetect.offline.recordings.archives import read_archive
from streamdetect.offline.recordings.recording import LARGEST_VALUE, Account, Layout, Recording
from streamdetect.offline.recordings.sources import STANDARD_INPUT, open_source
from streamdetect.offline.recordings.tables import read_table
from streamdetect.times import zone

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from zoneinfo import ZoneInfo

    from numpy.typing import NDArray

    from streamdetect.offline.recordings.ranges import Range
    from streamdetect.offline.recordings.sources import Source
    from streamdetect.offline.recordings.tables import Table

_NOT_IN_AN_ID = re.compile(r"[^A-Za-z0-9_.-]")
_SUFFIXES = (
    *(
        ".csv",
        ".tsv",
        ".txt",
        ".json",
        ".jsonl",
        ".ndjson",
        ".npz",
        ".parquet",
        ".feather",
        ".xlsx",
        ".xls",
        ".ods",
    ),
    *(".gz", ".bz2", ".xz", ".zip"),
)
_SUFFIX = re.compile(f"({'|'.join(map(re.escape, _SUFFIXES))})+$")


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    """One file's part of one sensor; unusable values are kept as NaN."""

    name: tuple[str, ...]  # levels, as the data spells them
    keys: tuple[str, ...]  # other names in a labels file, besides the path
    features: tuple[str, ...]
    named: bool
    rows: NDArray[np.int64]
    times: NDArray[np.float64]
    values: NDArray[np.float64]
    labels: NDArray[np.bool_] | None
    account: Account
    shared: bool = False  # true if the same name in another file is the same sensor
    dropped: int = 0


def read(paths: Sequence[Path], layout: Layout | None = None) -> list[Recording]:
    """Read files of any kind that is known here: delimited text, JSON, Parquet, workbooks, .npz.

    A folder stands for the files in it, in the order of their names. A sensor's id is its file's name, its
    cell in `sensor_column`, its column with `per_column`, or its array's name; file names that are not unique
    take as many parent folders as tell them apart. Rows of one sensor in several files are joined in order of
    time, and so are a file's that is newest first.

    Raises:
        DataError: A file cannot be read as asked, two sensors get one id, most rows are lost, or there is no
            reading at all.
        StreamdetectError: A library for a file's format is not installed.
    """
    layout = layout or Layout()
    paths = list(_files(paths))
    known = None if layout.labels is None else ranges.load(layout.labels)
    parts: dict[str, list[Recording]] = {}
    for path, base in zip(paths, _shortest_names(paths), strict=True):
        for piece in _split(_pieces(path, base, layout, prefix=len(paths) > 1), layout):
            one = _recording(path, piece, known, layout)
            earlier = parts.setdefault(one.sensor, [])
            if earlier and (earlier[0].name != one.name or not piece.shared):
                raise DataError(
                    f"two sensors would have the id {one.sensor!r}: {earlier[0].name!r} and {one.name!r}"
                )
            earlier.append(one)
    found = _usable([_joined(one, layout) for one in parts.values()], paths)
    if known is not None and all(recording.labels is None for recording in found):
        raise DataError(
            f"{layout.labels}: must name one of the recordings, got {', '.join(sorted(known)[:3])}, …"
        )
    if not layout.allow_loss:
        check_loss(found)
    return found


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        inside = sorted(one for one in path.iterdir() if one.is_file() and one.name.endswith(_SUFFIXES))
        if not inside:
            raise DataError(f"{path}: this folder has no recording ({', '.join(_SUFFIXES[:4])}, …)")
        yield from inside


def _usable(found: list[Recording], paths: Sequence[Path]) -> list[Recording]:
    """Leave out sensors without a single reading, and say which.

    Raises:
        DataError: None has one.
    """
    usable = [recording for recording in found if len(recording)]
    if not usable:
        raise DataError(
            f"{', '.join(map(str, paths))}: no usable row ({sum(r.dropped for r in found)} dropped)"
        )
    without = [recording.name for recording in found if not len(recording)]
    if not without:
        return found
    more = f" and {len(without) - 3} more" if without[3:] else ""
    note = f"left out, no reading: {', '.join(without[:3])}{more}"
    first, *others = usable
    last = first.accounts[-1]
    accounts = (*first.accounts[:-1], replace(last, notes=(*last.notes, note)))
    return [replace(first, accounts=accounts), *others]


def _shortest_names(paths: Sequence[Path]) -> list[str]:
    """Give each file its name without suffixes, preceded by as many parents as make all of them unique."""
    depth = 1
    stems = [(*path.resolve().parts[1:-1], _stem(path)) for path in paths]
    while len({stem[-depth:] for stem in stems}) < len(set(stems)):
        depth += 1
    return ["/".join(stem[-depth:]) for stem in stems]


def _stem(path: Path) -> str:
    return "stdin" if str(path) == STANDARD_INPUT else _SUFFIX.sub("", path.name)


def _pieces(path: Path, base: str, layout: Layout, *, prefix: bool) -> Iterable[_Piece]:
    try:
        with open_source(path) as source:
            if source.kind == "numpy archive":
                return list(_arrays(path, source, base, layout, prefix=prefix))
            table = read_table(path, source, layout)
    except (OSError, EOFError) as error:
        raise DataError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    return () if table is None else _of_table(table, base, layout, prefix=prefix)


def _of_table(table: Table, base: str, layout: Layout, *, prefix: bool) -> Iterator[_Piece]:
    if table.sensors is not None:
        yield from _by_sensor(table, table.sensors, layout)
        return
    yield _Piece(
        name=() if layout.per_column and not prefix else (layout.sensor or base,),
        keys=(base,) if layout.sensor is None else (base, layout.sensor),
        features=table.features,
        named=table.named,
        rows=table.rows,
        times=_times(table, np.arange(len(table.rows)), table.rows, layout),
        values=table.values,
        labels=table.labels,
        account=table.account,
        shared=layout.sensor is not None,
        dropped=table.dropped,
    )


def _arrays(path: Path, source: Source, base: str, layout: Layout, *, prefix: bool) -> Iterator[_Piece]:
    for part, features, values, labels in read_archive(path, source.file, layout):
        values[~(np.abs(values) <= LARGEST_VALUE)] = np.nan
        rows = np.arange(len(values))
        yield _Piece(
            name=(base,) if part is None else (base, part) if prefix else (part,),
            keys=(base, part or base),
            features=features,
            named=False,
            rows=rows,
            times=_steps(rows, layout),
            values=values,
            labels=labels,
            account=Account(str(path), "numpy archive", f"a reading every {layout.step:g} s", features),
        )


def _times(
    table: Table, places: NDArray[np.intp], rows: NDArray[np.int64], layout: Layout
) -> NDArray[np.float64]:
    """Return the times of some of a table's rows, all of one sensor."""
    if table.times is None or table.local is None:
        return _steps(rows, layout)
    found, local = table.times[places], table.local[places]
    if layout.time_zone is not None and local.any():
        found[local] = times.localise(found[local], _zone(layout.time_zone))
    return found


def _zone(name: str) -> ZoneInfo:
    try:
        return zone(name)
    except ValueError as error:
        raise DataError(f"--time-zone: {error}, got {name!r}") from None


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
        own = _own_features(table, group, layout)
        yield _Piece(
            name=(sensor,),
            keys=(sensor,),
            features=tuple(table.features[place] for place in own),
            named=table.named,
            rows=table.rows[group],
            times=_times(table, group, np.arange(len(group)), layout),
            values=table.values[group][:, own],
            labels=None if table.labels is None else table.labels[group],
            account=table.account,
            shared=True,
            dropped=dropped,
        )
        dropped = 0  # rows dropped whole may lack the sensor: they are counted once, with the first


def _own_features(table: Table, group: NDArray[np.intp], layout: Layout) -> list[int]:
    """Return the features that a sensor has, unless they were chosen: sensors of one file may differ."""
    every = list(range(len(table.features)))
    if layout.columns is not None:
        return every
    return [at for at in every if np.isfinite(table.values[group, at]).any()] or every


def _split(pieces: Iterable[_Piece], layout: Layout) -> Iterator[_Piece]:
    """Make each value column a sensor of its own, with `per_column`."""
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


def _recording(
    path: Path, piece: _Piece, known: Mapping[str, Sequence[Range]] | None, layout: Layout
) -> Recording:
    labels = piece.labels
    found = None if known is None else ranges.matching(known, path, piece.keys)
    if found is not None:
        marked = ranges.mark(found, piece.rows, piece.times)
        labels = marked if labels is None else marked | labels
    there = np.isfinite(piece.values)
    usable = np.asarray(there.any(axis=1) if layout.partial else there.all(axis=1), np.bool_)
    name = "/".join(piece.name)
    return _in_order(
        Recording(
            name=name,
            sensor="/".join(_NOT_IN_AN_ID.sub("_", level) or "_" for level in name.split("/")),
            times=piece.times[usable],
            values=np.ascontiguousarray(piece.values[usable]),
            features=piece.features,
            labels=None if labels is None else labels[usable],
            dropped=piece.dropped + int(len(usable) - usable.sum()),
            incomplete=int(len(usable) - usable.sum()),
            named=piece.named,
            accounts=(piece.account,),
        ),
        layout,
    )


def _in_order(recording: Recording, layout: Layout) -> Recording:
    """Reverse a recording that is newest first; sort one if asked to."""
    if layout.sort:
        order = np.argsort(recording.times, kind="stable")
    elif times.newest_first(recording.times):
        order = np.arange(len(recording))[::-1]
        (account,) = recording.accounts
        newest = replace(account, notes=(*account.notes, "newest first: read from the end"))
        recording = replace(recording, accounts=(newest,))
    else:
        return recording
    return replace(
        recording,
        times=recording.times[order],
        values=recording.values[order],
        labels=None if recording.labels is None else recording.labels[order],
    )


def _joined(parts: Sequence[Recording], layout: Layout) -> Recording:
    """Return one recording of a sensor's parts, of one or several files, the earliest first."""
    whole, *others = parts
    if not others:
        return whole
    parts = [_with_features(part, whole) for part in parts]
    if layout.time_column == "none":
        lengths = [part.times[-1] + layout.step if len(part) else 0.0 for part in parts]
        starts = np.cumsum([0.0, *lengths[:-1]])
        parts = [replace(one, times=one.times + start) for one, start in zip(parts, starts, strict=True)]
    else:
        parts = sorted(parts, key=lambda part: part.times[0] if len(part) else np.inf)
    labelled = any(part.labels is not None for part in parts)
    return replace(
        whole,
        times=np.concatenate([part.times for part in parts]),
        values=np.concatenate([part.values for part in parts]),
        labels=np.concatenate([part.labelled for part in parts]) if labelled else None,
        dropped=sum(part.dropped for part in parts),
        incomplete=sum(part.incomplete for part in parts),
        accounts=tuple(dict.fromkeys(account for part in parts for account in part.accounts)),
    )


def _with_features(recording: Recording, like: Recording) -> Recording:
    """Return the same with its features in the order of another recording of the sensor."""
    if recording.features == like.features:
        return recording
    if sorted(recording.features) != sorted(like.features) or len(set(like.features)) < len(like.features):
        raise DataError(
            f"sensor {like.name!r} has columns {like.features} in one file, {recording.features} in another"
        )
    places = [recording.features.index(name) for name in like.features]
    return replace(recording, features=like.features, values=recording.values[:, places])
