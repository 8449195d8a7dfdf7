"""One numpy archive (.npz) becomes series: 1-D arrays of N values, or 2-D arrays of (N, F)."""

from __future__ import annotations

import re
import zipfile
from typing import IO, TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.lib.npyio import NpzFile

from streamdetect.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from streamdetect.offline.recordings.recording import Layout

_TWO_DIMENSIONS = 2


class Series(NamedTuple):
    """One array of the archive."""

    part: str | None
    """The text for the `*` of the pattern; None when it has no `*`."""
    features: tuple[str, ...]
    values: NDArray[np.float64]
    """(N, F)"""
    labels: NDArray[np.bool_] | None
    """(N,) from the array `<name>_label`."""


def read_archive(path: Path, file: IO[bytes], layout: Layout) -> list[Series]:
    """Read the arrays whose names match `layout.arrays`; columns of a 2-D array are features 1, 2, ….

    Raises:
        DataError: No array matches, or one is not a series of numbers.
    """
    try:
        with NpzFile(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    pattern = re.compile("(.*)".join(map(re.escape, layout.arrays.split("*"))))
    series = []
    for name in sorted(arrays):
        match = pattern.fullmatch(name)
        if match and not name.endswith("_label"):
            part = "/".join(match.groups()) or None
            series.append(_series(f"{path}: {name}", part, arrays[name], arrays.get(f"{name}_label"), layout))
    if not series:
        raise DataError(f"{path}: no array matches {layout.arrays!r} among {', '.join(sorted(arrays))}")
    return series


def _series(
    where: str,
    part: str | None,
    array: NDArray[np.generic],
    label: NDArray[np.generic] | None,
    layout: Layout,
) -> Series:
    if array.dtype.kind not in "fiu" or array.ndim not in (1, _TWO_DIMENSIONS):
        raise DataError(f"{where}: must be numbers of shape (N,) or (N, F), got {array.dtype} {array.shape}")
    values = array.astype(np.float64).reshape(len(array), -1)
    names = tuple(map(str, range(1, values.shape[1] + 1)))
    wanted = names if layout.columns is None else layout.columns
    missing = [name for name in wanted if name not in names]
    if missing:
        raise DataError(f"{where}: no column {missing[0]!r} among 1 to {len(names)}")
    labels = None if label is None else label.astype(np.bool_)
    if labels is not None and labels.shape != (len(values),):
        raise DataError(f"{where}_label: must have shape ({len(values)},), got {labels.shape}")
    features = ("value",) if array.ndim == 1 else wanted
    return Series(part, features, values[:, [names.index(name) for name in wanted]], labels)
