"""The past of one sensor, in steps that fit the span that is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from streamdetect.core.rules import VIEWS
from streamdetect.page.sensors import written
from streamdetect.store.series import FIELDS, STEPS, fields, merge

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from streamdetect.page.sources import Facts
    from streamdetect.store.series import SeriesStore


def past(
    store: SeriesStore,
    key: tuple[str, str],
    features: Mapping[str, str],
    span: tuple[float, float],
    most: int,
) -> Facts:
    """Return the past of a sensor.

    Args:
        store: the series of the past.
        key: detector and sensor.
        features: the units of its F features, by name.
        span: from and to, Unix seconds.
        most: how many points at most.

    Raises:
        StateError: the store cannot be read.
    """
    begin, end = span
    gone = store.gone()
    first = store.first(*key, list(features))
    begin = begin if first is None else min(max(begin, first), end)
    step = _step(begin, end, most, gone)
    slots, found = store.read(*key, list(features), step, begin, end)
    data: NDArray[Any] = found if len(found) else np.empty((0, fields(len(features)) + len(VIEWS)))
    width = max(1, -(-int((end - begin) // step + 1) // most))
    slots, data = _coarser(slots, data, width, len(features))
    until = gone.get(step)
    return {
        "step": step * width,
        "from": written(begin),
        "to": written(end),
        "times": [written(slot * step * width) for slot in slots.tolist()],
        "features": [
            {"name": name, "unit": unit, **_of_feature(data, place)}
            for place, (name, unit) in enumerate(features.items())
        ],
        "scores": {view: _listed(data[:, fields(len(features)) + place]) for place, view in enumerate(VIEWS)},
        "readings": data[:, 0].tolist(),
        "gone_before": written(until) if until is not None and until > span[0] else None,
    }


def _step(begin: float, end: float, most: int, gone: Mapping[int, float]) -> int:
    """Return the coarsest step with enough points, else the finest, of those that go back far enough."""
    furthest = max(begin, min(gone.get(step, begin) for step in STEPS))
    reaching = [step for step in STEPS if gone.get(step, begin) <= furthest]
    enough = [step for step in reaching if (end - begin) / step >= most]
    return enough[-1] if enough else reaching[0]


def _coarser(
    slots: NDArray[np.int64], data: NDArray[Any], width: int, features: int
) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Join every `width` slots into one point."""
    if width == 1 or not len(slots):
        return slots, data
    coarse, begins = np.unique(slots // width, return_index=True)
    ends = np.r_[begins[1:], len(slots)]
    made = data[begins]
    for offset in range(1, int((ends - begins).max())):
        more = np.flatnonzero(begins + offset < ends)
        made[more] = merge(made[more], data[begins[more] + offset], features)
    return coarse, made


def _of_feature(data: NDArray[Any], place: int) -> dict[str, Sequence[float | None]]:
    columns = data[:, fields(place) : fields(place + 1)].T
    return {name: _listed(column) for name, column in zip(FIELDS, columns, strict=True)}


def _listed(column: NDArray[Any]) -> list[float | None]:
    """Return numbers with the digits of a float32; None for NaN."""
    return [None if np.isnan(number) else float(f"{number:.7g}") for number in column.tolist()]
