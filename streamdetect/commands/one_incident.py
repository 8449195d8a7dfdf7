"""One incident in full, for `streamdetect incidents ID`: why, its course, and the readings around it."""

from __future__ import annotations

import shutil
from math import isfinite, isnan
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from streamdetect.codecs.ids import shown
from streamdetect.logs import printable
from streamdetect.sinks.message import Facts, decimals_of, duration, number
from streamdetect.sinks.trail import EVERY
from streamdetect.store.around import STRETCHES, columns, thinned
from streamdetect.times import local, unix

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from streamdetect.store.around import Around, Kept
    from streamdetect.store.history import Edge, Incident

_ROWS = 20  # of the table
_WIDTHS = (40, 78)  # columns, least and most
_BLOCKS = " ▁▂▃▄▅▆▇█"
_LABELS = {"true": "said to be real", "false": "said to be a false alarm"}


def as_json(incident: Incident, edges: Sequence[Edge], kept: Kept | None) -> str:
    """The incident, its edges and its readings as one line of JSON; times are Unix seconds."""
    told = incident._asdict() | {"open": incident.open, "edges": [edge._asdict() for edge in edges]}
    return orjson.dumps(told | {"readings": columns(kept) if kept else None}).decode() + "\n"


def as_text(incident: Incident, edges: Sequence[Edge], kept: Kept | None) -> str:
    """The same for people, within the width of the terminal."""
    width = min(max(shutil.get_terminal_size((80, 24)).columns - 2, _WIDTHS[0]), _WIDTHS[1])
    around = kept if kept and len(kept.around.times) else None
    lines = [
        *(part for line in _head(incident) for part in wrap(line, width, subsequent_indent="  ")),
        "",
        *(part for edge in edges for part in _edge(edge, width)),
        "",
        *(_readings(incident, around, width) if around else ["no readings around it are kept"]),
    ]
    return "\n".join(printable(line).rstrip() for line in lines) + "\n"


def _head(incident: Incident) -> Iterator[str]:
    data = incident.data
    yield incident.message
    lasted = "open" if incident.ended is None else duration(incident.ended - incident.started)
    end = "" if incident.ended is None else f" to {local(incident.ended)}"
    what = " ".join(filter(None, (incident.severity, data.get("kind"), data.get("direction"))))
    yield f"{what}, {local(incident.started)}{end}, {lasted}"
    peak = data.get("peak") or {}
    if peak.get("time") and isinstance(peak.get("score"), float):
        yield f"at worst {local(unix(peak['time']))}, score {_score(peak['score'])}{_views(data)}"
    labels = ", ".join(f"{name}={shown(value)}" for name, value in data["labels"].items())
    yield ", ".join(filter(None, (f"detector {incident.detector}", labels, _LABELS.get(incident.label))))
    yield f"id {incident.id}"


def _edge(edge: Edge, width: int) -> list[str]:
    line = f"{local(edge.time)}  {edge.edge:<8}  "
    return wrap(line + edge.message, width, subsequent_indent=" " * len(line), break_long_words=False)


def _views(data: Mapping[str, Any]) -> str:
    """The views that were over their limit, the worst first."""
    views = {name: score for name, score in (data.get("views") or {}).items() if score and score > 1}
    ordered = sorted(views.items(), key=lambda one: -one[1])
    return "; " + ", ".join(f"{name} {_score(score)}" for name, score in ordered) if ordered else ""


def _readings(incident: Incident, kept: Kept, width: int) -> Iterator[str]:
    around, lasted = kept.around, (incident.ended or kept.around.times[-1]) - incident.started
    usual = float(np.median(np.diff(around.times))) if len(around.times) > 1 else 0.0
    apart = max(1.5 * EVERY * usual, 3 * lasted / STRETCHES)  # s; readings may have been thinned out
    for place, name in enumerate(kept.features):
        decimals, several = _decimals(name, around, place), len(kept.features) > 1
        low, high = _extent(around.values[:, place])
        extent = f"{number(low, decimals)} to {number(high, decimals)}"
        yield f"{name if several else ''} {extent} {_unit(incident.data, name)}".strip()
        yield _chart(around, place, width, apart)
    yield from _axis(incident, around, width)
    yield ""
    about = str(incident.data.get("feature"))
    yield from _table(incident, kept, list(kept.features).index(about) if about in kept.features else 0)


def _chart(around: Around, place: int, width: int, apart: float) -> str:
    """Draw one line of blocks, from the lowest to the highest value; blank during long silence."""
    at = thinned(around, width)
    times, values = around.times[at], around.values[at, place]
    low, high = _extent(around.values[:, place])
    shares = np.nan_to_num((values - low) / (high - low or 1.0))
    levels = np.where(np.isnan(values), 0, 1 + (shares * (len(_BLOCKS) - 2)).round()).astype(np.int64)
    starts = _places(around, times, width)
    ends = np.append(starts[1:], width)
    long = np.diff(times, append=times[-1]) > apart
    line = [" "] * width
    for level, start, end, silent in zip(levels, starts, ends, long, strict=True):
        line[start : start + 1 if silent else end] = _BLOCKS[level] * (1 if silent else end - start)
    return "".join(line)


def _extent(values: NDArray[np.float32]) -> tuple[float, float]:
    """The lowest and the highest value; 0 without any."""
    known = values[np.isfinite(values)]
    return (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)


def _axis(incident: Incident, around: Around, width: int) -> Iterator[str]:
    """Return the incident's part of the chart, and the chart's begin and end."""
    ends = [incident.started, around.times[-1] if incident.ended is None else incident.ended]
    begin, end = _places(around, np.clip(ends, *around.times[[0, -1]]), width).tolist()
    yield " " * begin + "^" * (end - begin + 1)
    first, last = (local(float(around.times[at])) for at in (0, -1))
    yield f"{first}{last:>{width - len(first)}}"


def _table(incident: Incident, kept: Kept, place: int) -> Iterator[str]:
    around, name = kept.around, kept.features[place]
    decimals = _decimals(name, around, place)
    yield f"{'time':<19}  {name[:12]:>12}  {'usually':>24}  {'score':>7}"
    for at in thinned(around, _ROWS).tolist():
        time = float(around.times[at])
        lower, value, upper = (
            float(column[at, place]) for column in (around.lower, around.values, around.upper)
        )
        usual = f"{number(lower, decimals)} to {number(upper, decimals)}" if isfinite(lower + upper) else ""
        lasting = incident.started <= time <= (incident.ended or time)
        yield (
            f"{local(time)}  {number(value, decimals):>12}  {usual:>24}  "
            f"{_score(float(around.scores[at])):>7}{'  anomalous' if lasting else ''}"
        )


def _places(around: Around, times: NDArray[np.float64], width: int) -> NDArray[np.int64]:
    """The columns of a chart that these times are in."""
    span = max(float(np.ptp(around.times)), 1e-6)
    places: NDArray[np.int64] = ((times - around.times[0]) / span * width).astype(np.int64)
    return np.minimum(places, width - 1)


def _decimals(name: str, around: Around, place: int) -> int:
    """Return the number of decimals in the incident's message."""
    known = np.flatnonzero(np.isfinite(around.lower[:, place] + around.upper[:, place]))
    band = [float(column[known[-1], place]) for column in (around.lower, around.upper)] if len(known) else []
    lower, upper = band or (None, None)
    return decimals_of(Facts("", "", {name: float(around.values[-1, place])}, 0, 0, lower=lower, upper=upper))


def _unit(data: Mapping[str, Any], name: str) -> str:
    unit = data.get("unit") or ""
    return unit.get(name, "") if isinstance(unit, dict) else str(unit)


def _score(score: float) -> str:
    return "" if isnan(score) else f"{score:.1f}"
