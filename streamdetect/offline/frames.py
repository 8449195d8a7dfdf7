"""Data frames and CSV files through a bundle, for notebooks: verdicts as columns, incidents as a list.

    recordings = read_frame(pandas.read_csv("pumps.csv", index_col=0, parse_dates=True), per_column=True)
    found = judge(recordings, Bundle.load("general"), threshold={"sigma": 4})
    verdicts = pandas.DataFrame(found.verdicts)

Frames are used by the few methods that pandas and its imitators share: none of them is imported.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from streamdetect.config import validate
from streamdetect.core.rules import VIEWS
from streamdetect.errors import DataError
from streamdetect.offline.backtest import backtest
from streamdetect.offline.recordings import Layout, Recording, read, with_features
from streamdetect.service.assembly import make_detector

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from streamdetect.bundles.bundle import Bundle
    from streamdetect.offline.backtest import Incident, SensorResult


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
    def columns(self) -> Iterable[str]:
        """Names."""

    @property
    def index(self) -> Column:
        """The times, where no column has them."""

    def __getitem__(self, name: str, /) -> Column: ...


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """A detector's verdicts and incidents on recordings.

    Attributes:
        results: sensor by sensor, as a backtest gives them.
    """

    results: list[SensorResult]

    @property
    def verdicts(self) -> dict[str, NDArray[Any]]:
        """A row for each window judged, ready for `pandas.DataFrame`.

        The columns are time (datetime64 in UTC, of the window's newest reading), sensor, a column for each
        feature, error, threshold (NaN while it is not known), score (error / threshold: above 1 is anomalous)
        and anomalous.
        """
        parts = [_columns(result) for result in self.results]
        names = list(dict.fromkeys(name for part in parts for name in part))
        filled = ([part.get(name, np.full(len(part["time"]), np.nan)) for part in parts] for name in names)
        return {name: np.concatenate(columns) for name, columns in zip(names, filled, strict=True)}

    @property
    def incidents(self) -> list[Incident]:
        """The incidents, in the order in which they began."""
        return sorted(
            (one for result in self.results for one in result.incidents), key=lambda one: one.started
        )


def read_csv(*paths: Path | str, **layout: Any) -> list[Recording]:  # noqa: ANN401 - as in Layout
    """Read CSV files, plain or gzipped, with any delimiter; .npz archives too.

    Args:
        paths: one or several.
        layout: where columns are, as in `streamdetect.offline.recordings.Layout`: `per_column=True`,
            `sensor_column="device"`, `time_format="ms"`, …

    Raises:
        DataError: a file cannot be read as asked, or has no usable row.
    """
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

    Rows with a missing time or value are left out, and counted in `dropped`.

    Args:
        frame: a `pandas.DataFrame`.
        columns: those with values; by default all but the other two.
        per_column: each value column is a sensor of its own, instead of a feature of one.
        sensor_column: long format: the column that names each row's sensor.
        time_column: Unix seconds or datetimes (UTC where they have no zone); by default the index.
        name: of the sensor, where neither columns nor rows name it.

    Raises:
        DataError: a value is not a number, or no row is usable.
    """
    times = _times(frame.index if time_column is None else frame[time_column])
    names = [one for one in columns or frame.columns if one not in {sensor_column, time_column}]
    values = np.column_stack([_numbers(frame[one], one) for one in names])
    if sensor_column is not None:
        sensors = frame[sensor_column].to_numpy().astype(str)
        rows = {sensor: sensors == sensor for sensor in dict.fromkeys(sensors.tolist())}
        found = [_recording(sensor, times[own], values[own], names) for sensor, own in rows.items()]
    elif per_column:
        found = [_recording(one, times, values[:, [at]], [one]) for at, one in enumerate(names)]
    else:
        found = [_recording(name, times, values, names)]
    if not any(map(len, found)):
        raise DataError(f"{name}: no usable row of {len(times)}")
    return found


def judge(recordings: Sequence[Recording], bundle: Bundle, **options: Any) -> Judgement:  # noqa: ANN401 - as in config.yaml
    """Run recordings through the detector that runs live.

    Args:
        recordings: with the features of the bundle.
        bundle: the model.
        options: of a detector, as in config.yaml: `threshold={"sigma": 4}`, `stride=2`, …

    Raises:
        ConfigError: an option breaks a rule.
        DataError: a recording lacks a feature of the bundle.
        BundleError: the model does not load.
    """
    config = validate({"detectors": [options]}).detectors[0]
    named = with_features(recordings, bundle.manifest.features, f"the bundle {bundle.path.name}")
    return Judgement(backtest(make_detector(config, bundle), named))


def _columns(result: SensorResult) -> dict[str, NDArray[Any]]:
    recording, count = result.recording, len(result.index)
    values = recording.values[result.index].T
    return {
        "time": (result.times * 1e6).round().astype("datetime64[us]"),
        "sensor": np.full(count, recording.sensor, dtype=object),
        **dict(zip(recording.features if len(recording.features) > 1 else ["value"], values, strict=True)),
        "error": result.errors,
        "threshold": result.thresholds,
        "score": result.scores,
        "view": _views(result),
        "anomalous": result.anomalous,
    }


def _views(result: SensorResult) -> NDArray[Any]:
    """Return the view (M,) with the largest score; None where no view can tell yet."""
    names = np.array(VIEWS, dtype=object)[result.views]
    names[np.isnan(result.scores)] = None
    return names


def _times(column: Column) -> NDArray[np.float64]:
    """Read times as (N,) Unix seconds; NaN where there is none."""
    if column.dtype.kind != "M":
        return _numbers(column, "the times")
    moments = column.to_numpy(dtype="datetime64[us]")
    return np.where(np.isnat(moments), np.nan, moments.astype(np.int64) / 1e6)


def _numbers(column: Column, name: str) -> NDArray[np.float64]:
    try:
        return column.to_numpy(dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError(f"{name}: must hold numbers, got {column.dtype}") from None


def _recording(
    sensor: str, times: NDArray[np.float64], values: NDArray[np.float64], names: Sequence[str]
) -> Recording:
    usable = np.isfinite(times) & np.isfinite(values).all(axis=1)
    return Recording(
        name=sensor,
        sensor=sensor,
        times=times[usable],
        values=values[usable],
        features=tuple(names),
        dropped=int((~usable).sum()),
    )
