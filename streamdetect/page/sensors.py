"""The page's list of sensors: sorted, searched and cut here, so that the page is quick with any number."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime
from math import isfinite
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from streamdetect.core.rules import VIEWS
from streamdetect.times import rfc3339

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from streamdetect.core.verdicts import SensorColumns, SensorDetails
    from streamdetect.page.sources import Hush, Shown, Sources

STATES = ("anomalous", "silent", "warming_up", "normal")
"""The states of a sensor, the most urgent first."""
SORTS = ("state", "name", "score", "time")
LEAST_AGE = 0.5  # s that a table is used at least
SHARE = 0.1  # of the time that may go into making tables, however many ask for them
_MOST_SHARED = 50  # answers
_NAME_BYTES = 64  # of a name that sorting looks at, so that the time is bounded


@dataclass(frozen=True, slots=True)
class Query:
    """A choice of sensors, and their order."""

    state: str = ""  # one of STATES or "muted"; empty = any
    detector: str = ""
    text: str = ""  # part of the sensor's id, in upper or lower case
    labels: Mapping[str, str] = field(default_factory=dict)
    sort: str = "state"
    descending: bool = False
    limit: int = 50
    offset: int = 0


class Listing(NamedTuple):
    """One page of sensors."""

    total: int  # that the query finds
    counts: Mapping[str, int]  # of all sensors, by state
    sensors: Sequence[dict[str, Any]]


class _Table(NamedTuple):
    """All S sensors of all detectors at one moment."""

    names: Sequence[str]  # of the detectors
    which: NDArray[np.intp]  # (S,) detector
    ids: list[str]
    ranks: NDArray[np.intp]  # (S,) place by name
    state: NDArray[np.intp]  # (S,) place in STATES
    score: NDArray[np.float64]
    time: NDArray[np.float64]
    muted: NDArray[np.bool_]


class SensorList:
    """Lists the sensors of all detectors.

    All requests share one table. It is used for ten times as long as it took to make, at least `LEAST_AGE`.
    """

    def __init__(self, sources: Sources, clock: Callable[[], float] = time.monotonic) -> None:
        self._sources, self._clock = sources, clock
        self._table: _Table | None = None
        self._good_until = -np.inf
        self._shared: dict[str, bytes] = {}  # answers made from this table
        self._ids: list[str] = []
        self._ranks = np.empty(0, dtype=np.intp)  # of `_ids`

    def shared(self, asked: str, make: Callable[[], bytes]) -> bytes:
        """Return the answer to a request, made once for all who ask the same of the same table.

        Fifty browsers that show the first page cost as much as one.
        """
        self._current()
        if asked not in self._shared:
            if len(self._shared) >= _MOST_SHARED:
                self._shared.clear()
            self._shared[asked] = make()
        return self._shared[asked]

    def page(self, query: Query) -> Listing:
        """Return the page of sensors that the query asks for."""
        table = self._current()
        found = self._found(table, query)
        order = found[np.lexsort(_keys(table, query, found))]
        if query.descending:
            order = order[::-1]
        chosen = order[query.offset : query.offset + query.limit].tolist()
        wanted = [(table.names[table.which[at]], table.ids[at]) for at in chosen]
        return Listing(len(found), _counts(table), self.told(wanted))

    def told(self, sensors: Iterable[tuple[str, str]]) -> list[dict[str, Any]]:
        """Return the state of these sensors, each a detector and an id; those that are gone are left out."""
        wanted = list(sensors)
        shown = {one.name: one for one in self._sources.detectors()}
        hushes, labels = self._sources.hushes(), self._sources.labels()
        told: dict[tuple[str, str], dict[str, Any]] = {}
        for name, one in shown.items():
            its = [sensor for detector, sensor in wanted if detector == name]
            told |= {
                (name, facts["sensor"]): facts for facts in _told(one, its, labels.get(name, {}), hushes)
            }
        return [told[each] for each in wanted if each in told]

    def one(self, detector: str, sensor: str) -> dict[str, Any] | None:
        """Return everything about one sensor; None if there is no such sensor."""
        told = self.told([(detector, sensor)])
        if not told:
            return None
        (shown,) = (one for one in self._sources.detectors() if one.name == detector)
        try:
            columns, details = shown.detector.columns([sensor]), shown.detector.details([sensor])
        except KeyError:
            return None
        settings = {
            "threshold": known(float(columns.threshold[0])),
            "error": known(float(columns.error[0])),
            "limits": [
                {"name": name, "low": known(float(low)), "high": known(float(high))}
                for name, low, high in zip(shown.features, details.low[0], details.high[0], strict=True)
            ],
            "interval_seconds": float(columns.interval[0]) or None,
            "time_steps": shown.detector.settings.time_steps,
            "bundle": shown.config.bundle,
        }
        return {**told[0], "views": _views(columns, details), "settings": settings, "answers": []}

    def look_anew(self) -> None:
        """Make a new table for the next request, as something has changed."""
        self._good_until = -np.inf

    def has(self, detector: object, sensor: object) -> bool:
        """Tell whether there is such a sensor."""
        shown = [one for one in self._sources.detectors() if one.name == detector]
        return isinstance(sensor, str) and any(sensor in one.detector.sensors for one in shown)

    def newest(self, detector: str, sensor: str) -> float | None:
        """Return the Unix seconds of a sensor's newest reading; None if it has none."""
        told = self.told([(detector, sensor)])
        return datetime.fromisoformat(told[0]["time"]).timestamp() if told and told[0]["time"] else None

    def units(self, detector: str, sensor: str) -> dict[str, str] | None:
        """Return the unit of each feature of a sensor, by name; None if there is no such detector."""
        shown = next((one for one in self._sources.detectors() if one.name == detector), None)
        if shown is None:
            return None
        labels = shown.encoder.all_labels(self._sources.labels().get(detector, {}).get(sensor, {}))
        units = shown.encoder.units(labels)
        return {name: units if isinstance(units, str) else units.get(name, "") for name in shown.features}

    def reading(self, sensor: tuple[str, str]) -> dict[str, Any] | None:
        """Return a sensor's newest reading with its scores; None if there is no such sensor."""
        told = self.one(*sensor)
        if told is None:
            return None
        scores = {view["name"]: view["score"] for view in told["views"]}
        kept = ("detector", "sensor", "time", "state", "score", "features")
        return {**{name: told[name] for name in kept}, "scores": scores}

    def counts(self) -> dict[str, int]:
        """Count the sensors in each state."""
        return _counts(self._current())

    def _current(self) -> _Table:
        began = self._clock()
        if self._table is None or began >= self._good_until:
            self._table = self._made()
            self._shared.clear()
            now = self._clock()
            self._good_until = now + max(LEAST_AGE, (now - began) / SHARE)
        return self._table

    def _made(self) -> _Table:
        shown, hushes = list(self._sources.detectors()), self._sources.hushes()
        columns = [one.detector.columns() for one in shown]
        ids = [sensor for its in columns for sensor in its.ids]
        which = np.repeat(np.arange(len(shown)), [len(its.ids) for its in columns])
        if ids != self._ids:
            self._ids, self._ranks = ids, _ranks(ids)
        return _Table(
            names=[one.name for one in shown],
            which=which,
            ids=ids,
            ranks=self._ranks,
            state=np.concatenate([states(its) for its in columns]),
            score=np.concatenate([its.score for its in columns]),
            time=np.concatenate([its.last_time for its in columns]),
            muted=_muted([one.name for one in shown], which.tolist(), ids, hushes),
        )

    def _found(self, table: _Table, query: Query) -> NDArray[np.intp]:
        """Return the places in the table of the sensors that the query finds."""
        keep = np.ones(len(table.ids), dtype=bool)
        if query.state == "muted":
            keep &= table.muted
        elif query.state:
            keep &= table.state == STATES.index(query.state)
        if query.detector:
            keep &= np.array([name == query.detector for name in table.names], dtype=bool)[table.which]
        if query.text:
            text = query.text.casefold()
            keep &= np.fromiter((text in sensor.casefold() for sensor in table.ids), bool, len(table.ids))
        if query.labels:
            keep &= self._labelled(table, query.labels)
        return np.flatnonzero(keep)

    def _labelled(self, table: _Table, wanted: Mapping[str, str]) -> NDArray[np.bool_]:
        labels = self._sources.labels()
        shown = {one.name: one.encoder for one in self._sources.detectors()}
        keep = [
            wanted.items() <= shown[name].all_labels(labels.get(name, {}).get(sensor, {})).items()
            for name, sensor in (
                (table.names[which], sensor)
                for which, sensor in zip(table.which.tolist(), table.ids, strict=True)
            )
        ]
        return np.array(keep, dtype=bool)


def states(columns: SensorColumns) -> NDArray[np.intp]:
    """Return the places in STATES, (S,)."""
    conditions = [columns.silent, columns.incident_open, columns.warming_up]
    return np.select(conditions, [1, 0, 2], 3)


def _ranks(ids: Sequence[str]) -> NDArray[np.intp]:
    """Return the place of each id by name, (S,); sorted as bytes, as numpy then lets other threads run."""
    order = np.argsort(np.array([sensor.encode() for sensor in ids], dtype=f"S{_NAME_BYTES}"), kind="stable")
    ranks = np.empty_like(order)
    ranks[order] = np.arange(len(order))
    return ranks


def _muted(
    names: Sequence[str], which: Sequence[int], ids: Sequence[str], hushes: Sequence[Hush]
) -> NDArray[np.bool_]:
    if not hushes:
        return np.zeros(len(ids), dtype=bool)
    muted = [
        any(hush.covers(names[at], sensor) for hush in hushes) for at, sensor in zip(which, ids, strict=True)
    ]
    return np.array(muted, dtype=bool)


def _keys(table: _Table, query: Query, found: NDArray[np.intp]) -> tuple[NDArray[Any], ...]:
    """Return the sort keys, the most important last."""
    names = table.ranks[found]
    if query.sort == "state":
        return names, table.state[found]
    if query.sort == "name":
        return (names,)
    values = (table.score if query.sort == "score" else table.time)[found]
    return names, np.nan_to_num(values, nan=-np.inf)


def _counts(table: _Table) -> dict[str, int]:
    counted = np.bincount(table.state, minlength=len(STATES)).tolist()
    return dict(zip(STATES, counted, strict=True)) | {"muted": int(np.count_nonzero(table.muted))}


def _told(
    one: Shown, sensors: Sequence[str], labels: Mapping[str, Mapping[str, str]], hushes: Sequence[Hush]
) -> list[dict[str, Any]]:
    """Return the state of some sensors of a detector, without those that are gone by now."""
    try:
        columns, details = one.detector.columns(sensors), one.detector.details(sensors)
    except KeyError:
        return (
            []
            if len(sensors) <= 1
            else [facts for sensor in sensors for facts in _told(one, [sensor], labels, hushes)]
        )
    return [
        _facts(one, columns, details, at, labels.get(sensor, {}), hushes) for at, sensor in enumerate(sensors)
    ]


def _facts(
    one: Shown,
    columns: SensorColumns,
    details: SensorDetails,
    at: int,
    own: Mapping[str, str],
    hushes: Sequence[Hush],
) -> dict[str, Any]:
    sensor, labels = columns.ids[at], one.encoder.all_labels(own)
    hush = next((hush for hush in hushes if hush.covers(one.name, sensor)), None)
    score, started = float(columns.score[at]), float(details.started[at])
    return {
        "detector": one.name,
        "sensor": sensor,
        "state": STATES[int(states(columns)[at])],
        "time": written(float(columns.last_time[at])),
        "score": known(score),
        "view": _loudest(columns.views[at]) if isfinite(score) else None,
        "features": features(one, columns, at, labels),
        "warm_up": _warm_up(columns, at),
        "incident": one.encoder.incident(sensor, started) if isfinite(started) else None,
        "muted": hush is not None,
        "muted_by": hush.why if hush else None,
        "mute": hush.pattern if hush else None,
        "muted_until": written(hush.until) if hush and hush.until is not None else None,
        "sensitivity": float(details.sensitivity[at]),
        "labels": labels,
        "sparkline": details.recent[at, :, 0].tolist(),
    }


def _loudest(scores: NDArray[np.float64]) -> str:
    """Return the view with the largest of these scores, (W,)."""
    return VIEWS[int(np.nan_to_num(scores, nan=-np.inf).argmax())]


def features(one: Shown, columns: SensorColumns, at: int, labels: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return each feature of a sensor, with its band."""
    units = one.encoder.units(labels)
    return [
        {
            "name": name,
            "unit": units if isinstance(units, str) else units.get(name, ""),
            "value": known(float(columns.value[at, place])),
            "expected": known(float(columns.expected[at, place])),
            "lower": known(float(columns.lower[at, place])),
            "upper": known(float(columns.upper[at, place])),
        }
        for place, name in enumerate(one.features)
    ]


def _views(columns: SensorColumns, details: SensorDetails) -> list[dict[str, Any]]:
    """Return each view of one sensor: its score, whose limit is 1, whether it is on, and has a score."""
    return [
        {
            "name": name,
            "score": known(float(score)),
            "limit": 1.0,
            "judges": bool(on and isfinite(score)),
            "on": bool(on),
        }
        for name, score, on in zip(VIEWS, columns.views[0], details.in_force[0], strict=True)
    ]


def _warm_up(columns: SensorColumns, at: int) -> dict[str, Any] | None:
    if not columns.warming_up[at]:
        return None
    readings, interval = int(columns.readings_to_go[at]), float(columns.interval[at])
    return {"readings": readings, "seconds": readings * interval if interval > 0 else None}


def known(number: float) -> float | None:
    """Return a number, or None if JSON cannot hold it."""
    return number if isfinite(number) else None


def written(moment: float) -> str | None:
    """Write a time in RFC 3339; None if it is not known."""
    return rfc3339(moment) if isfinite(moment) else None
