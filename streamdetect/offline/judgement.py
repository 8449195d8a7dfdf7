"""Recordings through a bundle, for notebooks: verdicts as columns, incidents as a list.

    recordings = read_frame(pandas.read_csv("pumps.csv", index_col=0, parse_dates=True), per_column=True)
    found = judge(recordings, Bundle.load("general"), threshold={"sigma": 4})
    verdicts = pandas.DataFrame(found.verdicts)

The detector is the one that runs live.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from streamdetect.bundles.bundle import Bundle
from streamdetect.config import validate
from streamdetect.core.rules import VIEWS
from streamdetect.errors import ConfigError, DataError
from streamdetect.offline.backtest import backtest
from streamdetect.offline.recordings import Recording, with_features
from streamdetect.service.assembly import make_detector

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from streamdetect.config.detectors import DetectorConfig
    from streamdetect.offline.backtest import Incident, SensorResult


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """A detector's verdicts and incidents on recordings.

    Attributes:
        results: sensor by sensor, as a backtest gives them.
    """

    results: list[SensorResult]

    @property
    def verdicts(self) -> dict[str, NDArray[Any]]:
        """A row for each reading that was accepted, ready for `pandas.DataFrame`.

        The columns are time (datetime64 in UTC), sensor, a column for each feature, error and threshold (NaN
        without a full window, or while it is not known), score (the largest of all views: above 1 is
        anomalous), view (the one with that score) and anomalous.
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


def judge(recordings: Sequence[Recording], bundle: Bundle, **options: Any) -> Judgement:  # noqa: ANN401 - as in config.yaml
    """Run recordings through the detector that runs live.

    Args:
        recordings: with the features of the bundle.
        bundle: the model.
        options: of a detector, as in config.yaml: `threshold={"sigma": 4}`, `stride=2`, …

    Raises:
        ConfigError: an option breaks a rule.
        DataError: a recording lacks a feature of the bundle, or an argument is something else.
        BundleError: the model does not load.
    """
    _check(recordings, bundle)
    config = _detector(options)
    named = with_features(
        recordings,
        bundle.manifest.features,
        f"the bundle {bundle.path.name}",
        per_column="per_column=True",
        columns="columns=[…]",
    )
    return Judgement(backtest(make_detector(config, bundle), named))


def _check(recordings: Sequence[Recording], bundle: Bundle) -> None:
    """Refuse the arguments that a notebook easily passes instead: a data frame, or the path of a bundle."""
    kinds = {type(one).__name__ for one in recordings if not isinstance(one, Recording)}
    if kinds or not len(recordings):
        found = type(recordings).__name__ if kinds else "none"
        raise DataError(f"recordings: must be a list from read_frame or read_csv, got {found}")
    if not isinstance(bundle, Bundle):
        raise DataError(f"bundle: must be a Bundle, as Bundle.load returns, got {bundle!r:.80}")


def _detector(options: Mapping[str, Any]) -> DetectorConfig:
    try:
        return validate({"detectors": [dict(options)]}).detectors[0]
    except ConfigError as error:
        named = [one._replace(path=one.path.removeprefix("detectors[0].")) for one in error.problems]
        raise ConfigError(named) from None


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
