"""The journal: the intakes of the detectors, with the errors of their windows, as bytes and back.

An entry is one call that changed one detector. Those of a group commit are one record: a JSON head that
describes the entries, then the numbers as columns of little-endian float64. A record carries no checksum; the
database keeps one beside it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from math import nan
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from streamdetect.codecs.joining import Pending
from streamdetect.core.readings import Readings
from streamdetect.errors import StateError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from streamdetect.core.moments import Floats

_HEAD = struct.Struct("<I")  # length of the JSON
_FLOAT = np.dtype("<f8")


@dataclass(frozen=True, slots=True)
class Intake:
    """A batch of N readings that a detector pushed and judged."""

    detector: str
    readings: Readings  # without those of sensors that were turned away
    errors: Floats  # (M,) as scored, one for each window that the readings completed
    feature_errors: Floats  # (M, F)
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # by sensor, where they are new


@dataclass(frozen=True, slots=True)
class Eviction:
    """Sensors were forgotten whose last reading is older than this."""

    detector: str
    idle_before: float  # Unix seconds


@dataclass(frozen=True, slots=True)
class Looked:
    """The detector looked for sensors that have been silent for too long."""

    detector: str
    now: float  # Unix seconds by the clock of the readings


@dataclass(frozen=True, slots=True)
class Resumption:
    """Nobody was listened to for a while before the next reading."""

    detector: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """The changes of a batch to the readings that are not whole yet."""

    detector: str
    pending: Mapping[str, Pending | None]  # by device; None = no more


@dataclass(frozen=True, slots=True)
class Told:
    """A person's answer about a sensor that changes how it is judged."""

    detector: str
    sensor: str
    sensitivity: float | None  # the factor of scores from now on; None: the present values are normal


Entry = Intake | Eviction | Looked | Resumption | Told | Waiting


def encode(entries: Sequence[Entry]) -> bytes:
    """Return the record of these entries, in their order."""
    head: list[dict[str, Any]] = []
    columns: list[NDArray[np.float64]] = []
    for entry in entries:
        if isinstance(entry, Eviction):
            head.append({"detector": entry.detector, "idle_before": entry.idle_before})
            continue
        if isinstance(entry, Looked):
            head.append({"detector": entry.detector, "looked": entry.now})
            continue
        if isinstance(entry, Resumption):
            head.append({"detector": entry.detector, "resumed": True})
            continue
        if isinstance(entry, Waiting):
            head.append({"detector": entry.detector, "waiting": entry.pending})
            continue
        if isinstance(entry, Told):
            told = {"told": entry.sensor, "sensitivity": entry.sensitivity}
            head.append({"detector": entry.detector} | told)
            continue
        readings = entry.readings
        described = {
            "detector": entry.detector,
            "sensors": list(readings.sensors),
            "features": readings.values.shape[1],
            "windows": len(entry.errors),
        }
        if readings.values.shape[1] > 1:
            described["feature_errors"] = True
        head.append(described | ({"labels": entry.labels} if entry.labels else {}))
        columns += (readings.times, readings.values, entry.errors)
        if readings.values.shape[1] > 1:  # of one feature they are the same
            columns.append(entry.feature_errors)
    text = orjson.dumps(head, default=tuple)
    return b"".join([_HEAD.pack(len(text)), text, *(_bytes(column) for column in columns)])


def decode(record: bytes) -> list[Entry]:
    """Return the entries of a record.

    Raises:
        StateError: it is not a record.
    """
    try:
        (length,) = _HEAD.unpack_from(record)
        head = orjson.loads(record[_HEAD.size : _HEAD.size + length])
        reader = _Reader(record, _HEAD.size + length)
        entries = [_entry(described, reader) for described in head]
        reader.finish()
    except (struct.error, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise StateError(f"journal: must be a record of entries, got {error!r}") from error
    return entries


def _bytes(column: NDArray[np.float64]) -> bytes:
    return column.astype(_FLOAT, copy=False).tobytes()


def _entry(described: dict[str, Any], reader: _Reader) -> Entry:
    detector = described["detector"]
    if "idle_before" in described:
        return Eviction(detector, float(described["idle_before"]))
    if "looked" in described:
        return Looked(detector, float(described["looked"]))
    if "resumed" in described:
        return Resumption(detector)
    if "waiting" in described:
        waiting = described["waiting"].items()
        return Waiting(detector, {device: None if one is None else pending(one) for device, one in waiting})
    if "told" in described:
        return Told(detector, described["told"], described["sensitivity"])
    sensors, features = described["sensors"], described["features"]
    times = reader.floats(len(sensors))
    values = reader.floats(len(sensors) * features).reshape(len(sensors), features)
    errors = reader.floats(described["windows"])
    if "feature_errors" in described:
        apart = reader.floats(len(errors) * features)
    else:  # 0.1.0 did not write those of several features, and of one they are the same
        apart = errors.repeat(features)
    readings, by_feature = Readings(sensors, times, values), apart.reshape(len(errors), features)
    return Intake(detector, readings, errors, by_feature, described.get("labels", {}))


def pending(written: Sequence[Any]) -> Pending:
    """Read a reading that is not whole yet from JSON, where a missing value is null."""
    first, newest, values = written
    return Pending(first, newest, tuple(nan if value is None else value for value in values))


class _Reader:
    """Takes columns off a record."""

    def __init__(self, record: bytes, start: int) -> None:
        self._record = record
        self._at = start

    def floats(self, count: int) -> Floats:
        """Return the next `count` numbers; ValueError if there are fewer."""
        column = np.frombuffer(self._record, _FLOAT, count, self._at)
        self._at += column.nbytes
        return column.astype(np.float64)

    def finish(self) -> None:
        if self._at != len(self._record):
            raise ValueError(f"{len(self._record) - self._at} bytes left over")
