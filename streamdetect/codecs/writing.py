"""Documents that payload settings read back, for benchmarks and tests."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from streamdetect.codecs.paths import KEY, parse_each, parse_path
from streamdetect.times import PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamdetect.codecs.paths import Path
    from streamdetect.codecs.settings import PayloadSettings


def document_of(settings: PayloadSettings, time: float, values: Sequence[float]) -> object:
    """Make an object with everything that the settings look for, within what `each` walks.

    Args:
        settings: how it will be read.
        time: Unix seconds.
        values: one for each of the places in the settings.
    """
    entry: dict[str, Any] = {}
    for place, value in zip(settings.places.values(), values, strict=False):
        put(entry, parse_path(place), value)
    for name, path in (settings.labels or {}).items():
        if path != KEY:
            put(entry, parse_path(path), name)
    if settings.time:
        put(entry, parse_path(settings.time), written_time(time, settings.time_format or "s"))
    document: Any = entry
    for steps in reversed(parse_each(settings.each)) if settings.each else ():
        outer: dict[str, Any] = {}
        if steps:
            put(outer, steps, [document])
        document = outer if steps else [document]
    return document


def written_time(time: float, time_format: str) -> object:
    """Write Unix seconds in a time format."""
    if time_format in PER_SECOND:
        return time * PER_SECOND[time_format]
    moment = datetime.fromtimestamp(time, UTC)
    return moment.strftime(time_format) if "%" in time_format else moment.isoformat()


def put(document: Any, path: Path, value: object) -> None:  # noqa: ANN401 - a document
    """Set the value at a path, and make the objects on the way."""
    for step, following in pairwise(path):
        inner: Any = [] if isinstance(following, int) else {}
        if isinstance(step, int):
            document.extend({} for _ in range(step + 1 - len(document)))
            document[step] = document[step] or inner
            document = document[step]
        else:
            document = document.setdefault(step, inner)
    if isinstance(path[-1], int):
        document.extend(0.0 for _ in range(path[-1] + 1 - len(document)))
    document[path[-1]] = value
