"""Series of normal readings to the windows that a model is trained on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streamdetect.bundles.manifest import Source
from streamdetect.core.cutting import windows_of
from streamdetect.core.scaling import PADDING, Scaling, spread_floor
from streamdetect.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from streamdetect.training.settings import TrainingSettings

    Floats = NDArray[np.float64]
    Windows = NDArray[np.float32]

FAR_OUT = 10.0
"""Under the scaler "sensor", windows with a scaled value beyond ± this are left out of training.

A series' first windows are scaled by very few readings, and may be hundreds of spreads out: left in, they
are most of the loss and of the standard deviation of the training errors (measured on the series of the
general bundle: 1.39 with them, 0.19 without).
"""

_ROUNDING = 1e-12  # a spread below this share of the offset is the rounding of a constant


@dataclass(frozen=True, slots=True)
class Series:
    """Normal readings of one sensor, oldest first.

    Attributes:
        name: of the file or the sensor, for messages and the bundle's record.
        values: (N, F), or (N,) for one feature; finite.
        times: (N,) Unix seconds, or None when the readings are evenly spaced.
    """

    name: str
    values: Floats
    times: Floats | None = None

    def checked(self) -> Series:
        """The same with values (N, F) float64.

        Raises:
            DataError: a shape or a value is not as described.
        """
        values = np.asarray(self.values, dtype=np.float64)
        values = values[:, None] if values.ndim == 1 else values
        if values.ndim != 2 or not values.shape[1]:  # noqa: PLR2004 - readings × features
            raise DataError(f"{self.name}: values must be (N, F), got shape {self.values.shape}")
        times = None if self.times is None else np.asarray(self.times, dtype=np.float64)
        if times is not None and times.shape != values.shape[:1]:
            raise DataError(f"{self.name}: times must be ({len(values)},), got shape {times.shape}")
        for what, numbers in (("values", values), ("times", times)):
            if numbers is not None and not np.isfinite(numbers).all():
                row = int(np.argwhere(~np.isfinite(numbers))[0][0])
                raise DataError(f"{self.name}: {what} must be finite, got {numbers[row]} in row {row}")
        return Series(self.name, values, times)

    def digest(self) -> str:
        """Return the SHA-256 of the values, and the times if any, as float64 in row order."""
        hashed = hashlib.sha256(np.ascontiguousarray(self.values).tobytes())
        if self.times is not None:
            hashed.update(self.times.tobytes())
        return hashed.hexdigest()


class Prepared(NamedTuple):
    """Windows ready for training."""

    scaling: Scaling
    fitted: Windows  # (M, T, F) scaled
    held_out: Windows  # (V, T, F) scaled
    unseen: Windows  # (U, T, F), those held out that share no reading with one that is fitted
    sources: tuple[Source, ...]


def prepare(series: Sequence[Series], settings: TrainingSettings) -> Prepared:
    """Fit the scaler and cut the windows.

    Raises:
        DataError: there is no series, they differ in features, a value is not finite, or no window is left.
    """
    checked = _same_features([one.checked() for one in series])
    scaling = fit_scaling(checked, settings)
    fitted, held_out, unseen, sources = [], [], [], []
    shared = -(-(settings.time_steps - 1) // settings.stride)
    for one in checked:
        left_out = kept = 0
        for cut in _cut(one, scaling, settings):
            windows = cut[_within(cut, scaling)]
            left_out += len(cut) - len(windows)
            kept += len(windows)
            last = len(windows) - round(len(windows) * settings.validation_split)
            fitted.append(windows[:last])
            held_out.append(windows[last:])
            unseen.append(windows[last + shared :])
        sources.append(
            Source(name=one.name, rows=len(one.values), windows=kept, left_out=left_out, sha256=one.digest())
        )
    prepared = Prepared(
        scaling, np.concatenate(fitted), np.concatenate(held_out), np.concatenate(unseen), tuple(sources)
    )
    if not len(prepared.fitted):
        longest = max(len(one.values) for one in checked)
        raise DataError(
            f"training data: must have {settings.first_steps} readings of one series without a gap, "
            f"got {longest} in the longest"
        )
    return prepared


def _same_features(series: list[Series]) -> list[Series]:
    if not series:
        raise DataError("training data: must be at least one series, got none")
    features = series[0].values.shape[1]
    for one in series:
        if one.values.shape[1] != features:
            raise DataError(f"{one.name}: must have {features} features, got {one.values.shape[1]}")
    return series


def _cut(one: Series, scaling: Scaling, settings: TrainingSettings) -> Iterator[Windows]:
    """Cut the windows of one series, (M, T, F) scaled, oldest first; then those that are not full, if any.

    With `min_steps`, every length from there to T - 1 has an equal share, drawn at random, and all of them
    together are as many as the full windows: a sensor's first windows alone would be too few to learn from.
    """

    def windows_with(steps: int) -> Windows:
        return windows_of(
            one.values,
            steps,
            scaling,
            times=one.times,
            max_gap=settings.max_gap,
            stride=settings.stride,
            min_steps=settings.least_steps,
        )

    yield windows_with(settings.time_steps)
    lengths = range(settings.first_steps, settings.time_steps)
    rng = np.random.default_rng(settings.seed)
    for length in lengths:
        short = windows_with(length)
        short = short[rng.random(len(short)) < 1 / len(lengths)]
        before = ((0, 0), (settings.time_steps - length, 0), (0, 0))
        yield np.pad(short, before, constant_values=PADDING)


def _within(windows: Windows, scaling: Scaling) -> NDArray[np.bool_]:
    """Tell which windows (M, T, F) are fit to learn from, (M,)."""
    if scaling.kind != "sensor":
        return np.ones(len(windows), dtype=bool)
    far = (np.abs(windows) > FAR_OUT) & (windows != PADDING)
    return np.asarray(~far.any(axis=(1, 2)))


def fit_scaling(series: Sequence[Series], settings: TrainingSettings) -> Scaling:
    """Return the scaling of the bundle; offset and scale come from all readings of all series."""
    if settings.scaler in {"none", "window"}:
        return Scaling(kind=settings.scaler)
    if settings.scaler == "sensor":
        return Scaling(kind="sensor", history=settings.scaler_history)
    values = np.concatenate([one.values for one in series])
    if settings.scaler == "minmax":
        offset, scale = values.min(axis=0), np.ptp(values, axis=0)
    elif settings.scaler == "standard":
        offset, scale = values.mean(axis=0), values.std(axis=0)
    else:
        lower, offset, upper = np.quantile(values, (0.25, 0.5, 0.75), axis=0)
        scale = np.where(upper > lower, upper - lower, values.std(axis=0))
    constant = scale <= _ROUNDING * np.abs(offset)
    scale = np.where(constant, spread_floor(offset), scale)
    return Scaling(kind="affine", offset=tuple(offset.tolist()), scale=tuple(scale.tolist()))
