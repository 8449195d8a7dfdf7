"""Data frames and CSV files to recordings, for notebooks.

Frames are used by a few methods of pandas, which is not imported.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from streamdetect.errors import DataError
from streamdetect.offline.recordings import Layout, Recording, read
from streamdetect.offline.recordings.times import END_OF_TIME, newest_first
from streamdetect.times import PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_MOMENTS: Final = {"M": "datetime64[us]", "m": "timedelta64[us]"}  # by `dtype.kind`
_TIMES = "Unix seconds or datetimes"
_NO_NAME = {"nan", "NaT", "None", "<NA>"}  # the values by which pandas says that there is none
_LISTED = 12  # columns in a message


class Column(Protocol):
    """A column of a frame, or its index."""

    @property
    def dtype(self) -> Any:  # noqa: ANN401 - numpy's or an extension's
        """Its type; `kind` is "M" for times, with a zone or without."""

    def to_numpy(self, dtype: Any = None) -> NDArray[Any]:  # noqa: ANN401 - see numpy.asarray
        """Its values, (N,); as datetime64, times with a zone are in UTC."""


class Frame(Protocol):
    """The parts of a `pandas.DataFrame` that are used."""

    @property
    def columns(self) -> Iterable[Any]:
        """Names."""

    @property
    def index(self) -> Column:
        """The times, where no column has them."""

    def __getitem__(self, name: Any, /) -> Column: ...  # noqa: ANN401 - names may be numbers


def read_csv(*paths: Path | str, **layout: Any) -> list[Recording]:  # noqa: ANN401 - as in Layout
    """Read CSV files, plain or gzipped, with any delimiter; .npz archives too.

    Args:
        paths: one or several.
        layout: where columns are, as in `streamdetect.offline.recordings.Layout`: `per_column=True`,
            `sensor_column="device"`, `time_format="ms"`, …

    Raises:
        DataError: a file cannot be read as asked, or has no usable row; or there is no such option.
    """
    known = [one.name for one in fields(Layout)]
    if unknown := [name for name in layout if name not in known]:
        raise DataError(f"{unknown[0]}: unknown option, must be one of {', '.join(known)}")
    if not paths:
        raise DataError("paths: must be at least one, got none")
    return read([Path(path) for path in paths], Layout(**layout))


def read_frame(
    frame: Frame,
    *,
    columns: Sequence[str] | None = None,
    per_column: bool = False,
    sensor_column: str | None = None,
    time_column: str | None = None,
    name: str = "frame",
) -> list[Recording]:
    """Take the recordings out of a data frame.

    Rows with a missing time, sensor or value are left out, and counted in `dropped`. Rows are taken in their
    order, or from the end where they are newest first.

    Args:
        frame: a `pandas.DataFrame`.
        columns: those with values; by default all but the other two.
        per_column: each value column is a sensor of its own, instead of a feature of one.
        sensor_column: long format: the column that names each row's sensor.
        time_column: Unix seconds or datetimes (UTC where they have no zone); by default the index.
        name: of the sensor, where neither columns nor rows name it.

    Raises:
        DataError: the frame has no such column, a column holds something else, no row is usable, or most are
            out of order.
    """
    names = _value_columns(frame, columns, sensor_column, time_column)
    if per_column and sensor_column is not None:
        raise DataError("per_column: cannot be combined with sensor_column")
    times = _times(frame, time_column)
    values = np.column_stack([_numbers(frame[one], str(one)) for one in names])
    labels = [str(one) for one in names]
    if sensor_column is not None:
        found = _by_sensor(_sensors(frame[sensor_column]), times, values, labels)
    elif per_column:
        found = [_recording(one, times, values[:, [at]], [one]) for at, one in enumerate(labels)]
    else:
        found = [_recording(name, times, values, labels)]
    if not any(map(len, found)):
        raise DataError(f"{name}: must have a row with a time and {_missing(times, values, labels)}")
    return [_in_order(one) for one in found]


def _value_columns(
    frame: Frame, columns: Sequence[str] | None, sensor_column: str | None, time_column: str | None
) -> list[Any]:
    """Choose the columns of values, and check that each column exists once.

    Raises:
        DataError: one does not, or there is no frame, row or column of values.
    """
    if not (hasattr(frame, "columns") and hasattr(frame, "index")):
        raise DataError(f"frame: must be a pandas.DataFrame, got {type(frame).__name__}")
    known = list(frame.columns)
    if isinstance(columns, str):
        raise DataError(f"columns: must be a list of names, got {columns!r}")
    given = [("columns", one) for one in columns or ()]
    for option, wanted in (*given, ("sensor_column", sensor_column), ("time_column", time_column)):
        if wanted is not None and wanted not in known:
            raise DataError(f"{option}: must be a column of the frame ({_listed(known)}), got {wanted!r}")
    names = [one for one in columns or known if one not in {sensor_column, time_column}]
    if not names or not len(frame.index.to_numpy()):
        raise DataError(f"frame: must have a {'row' if names else 'column of values'}, got none")
    for one, count in Counter(known).items():
        if isinstance(one, tuple):
            raise DataError(f"columns: must have names of one level, got {one!r}")
        if count > 1:
            raise DataError(f"columns: must have different names, got {one!r} {count} times")
    return names


def _times(frame: Frame, time_column: str | None) -> Floats:
    """Read times as (N,) Unix seconds; NaN where there is none."""
    if time_column is None and _only_counts(frame.index):
        raise DataError(
            f"time_column: must name one of the columns ({_listed(frame.columns)}), as the index only counts "
            "rows; for a reading a minute without times: frame.set_index(frame.index * 60.0)"
        )
    column, name = (frame.index, "index") if time_column is None else (frame[time_column], time_column)
    if column.dtype.kind in _MOMENTS:
        moments = column.to_numpy(dtype=_MOMENTS[column.dtype.kind])
        return np.where(np.isnat(moments), np.nan, moments.astype(np.int64) / 1e6)
    seconds = _numbers(column, name, f"{_TIMES} (pandas.to_datetime makes them)")
    latest = float(np.nanmax(seconds, initial=0.0))
    if latest >= END_OF_TIME:
        units = [unit for unit, per_second in PER_SECOND.items() if latest < END_OF_TIME * per_second]
        hint = f", which is Unix time in {units[0]}" if units else ""
        raise DataError(f"{name}: must hold {_TIMES}, got {latest:.0f}{hint}")
    return seconds


def _only_counts(index: Column) -> bool:
    """Tell whether an index is the one that pandas gives to rows without any."""
    start, step = getattr(index, "start", None), getattr(index, "step", None)
    return type(index).__name__ == "RangeIndex" and (start, step) == (0, 1)


def _numbers(column: Column, name: str, wanted: str = "numbers") -> Floats:
    if column.dtype.kind in "mMc":
        raise DataError(f"{name}: must hold {wanted}, got {column.dtype}; columns=[…] chooses columns")
    try:
        return column.to_numpy(dtype=np.float64)
    except (TypeError, ValueError):
        odd = next(filter(_is_odd, column.to_numpy(dtype=object).tolist()), column.dtype)
        hint = "; columns=[…] chooses columns" if wanted == "numbers" else ""
        raise DataError(f"{name}: must hold {wanted}, got {odd!r:.80}{hint}") from None


def _is_odd(value: object) -> bool:
    try:
        float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return str(value) not in _NO_NAME
    return False


def _sensors(column: Column) -> NDArray[Any]:
    """Return the names of the rows' sensors, (N,); None where there is none."""
    cells = column.to_numpy(dtype=object).tolist()
    names = [None if str(one) in _NO_NAME and not isinstance(one, str) else str(one) for one in cells]
    return np.array(names, dtype=object)


def _by_sensor(sensors: NDArray[Any], times: Floats, values: Floats, names: Sequence[str]) -> list[Recording]:
    """Make a recording of each sensor; rows without one count as dropped, once, with the first."""
    known = [one for one in dict.fromkeys(sensors.tolist()) if one is not None]
    rows = {one: sensors == one for one in known}
    found = [_recording(one, times[own], values[own], names) for one, own in rows.items()]
    nameless = len(sensors) - sum(int(own.sum()) for own in rows.values())
    return [replace(one, dropped=one.dropped + nameless * (at == 0)) for at, one in enumerate(found)]


def _recording(sensor: str, times: Floats, values: Floats, names: Sequence[str]) -> Recording:
    timed, whole = np.isfinite(times), np.isfinite(values).all(axis=1)
    usable = timed & whole
    return Recording(
        name=sensor,
        sensor=sensor,
        times=times[usable],
        values=values[usable],
        features=tuple(names),
        dropped=int((~usable).sum()),
        incomplete=int((timed & ~whole).sum()),
    )


def _in_order(recording: Recording) -> Recording:
    """Turn round a recording that is newest first.

    Raises:
        DataError: most readings are older than one before them, which a detector leaves out.
    """
    if newest_first(recording.times):
        return replace(recording, times=recording.times[::-1], values=recording.values[::-1])
    if 2 * recording.late > len(recording):
        raise DataError(
            f"{recording.name}: must be in order of time, got {recording.late:,} of {len(recording):,} rows "
            "that are older than one before them; frame.sort_index() or sort_values() sorts"
        )
    return recording


def _missing(times: Floats, values: Floats, names: Sequence[str]) -> str:
    absent = {"the time": ~np.isfinite(times)}
    absent |= {one: ~np.isfinite(column) for one, column in zip(names, values.T, strict=True)}
    told = [f"{name} in {int(rows.sum()):,}" for name, rows in absent.items() if rows.any()]
    return f"all values, got none in {len(times):,}: missing are {_listed(told) or 'the sensors'}"


def _listed(names: Iterable[Any]) -> str:
    first = [str(one) for one in names]
    return ", ".join(first[:_LISTED]) + (", …" if len(first) > _LISTED else "")
