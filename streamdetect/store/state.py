"""A detector's state as it is saved, and a detector built from it again.

A saved detector carries the settings that it ran with. So the journal is replayed under the same rules under
which it was written, whatever the configuration is now, and without the model: the errors are in it.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, TypeVar

import numpy as np
import orjson
from numpy.lib.format import descr_to_dtype, dtype_to_descr

from streamdetect.core.detector import Detector, DetectorSettings
from streamdetect.core.incidents import IncidentSettings
from streamdetect.core.judge_settings import JudgeSettings
from streamdetect.core.rules import Rule
from streamdetect.core.scaling import Scaling
from streamdetect.errors import StateError
from streamdetect.store.earlier import detector_of, is_earlier
from streamdetect.store.journal import pending

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from streamdetect.codecs.joining import Pending

_Settings = TypeVar("_Settings")
PART = 1 << 19
"""Bytes of a snapshot that are written at once, about: what a group commit can carry unnoticed."""


class DetectorState(NamedTuple):
    """A detector, with the facts that identify it."""

    name: str
    bundle: str  # fingerprint
    features: tuple[str, ...]
    detector: Detector
    labels: dict[str, Mapping[str, str]]  # by sensor
    waiting: dict[str, Pending]  # by device: readings that are not whole yet
    origin: str  # fingerprint of the bundle that it began with

    @property
    def identity(self) -> tuple[str, str, DetectorSettings]:
        """The identity that a journal must share with this to be replayed on it."""
        return self.name, self.bundle, self.detector.settings


def encode(states: Sequence[DetectorState]) -> list[bytes | memoryview]:
    """Return a snapshot of the detectors in parts: a JSON head, then the columns, cut into pieces.

    The parts are copies; the detectors may go on.
    """
    head = []
    parts: list[bytes | memoryview] = []
    for state in states:
        arrays = state.detector.snapshot()
        columns = [[name, dtype_to_descr(array.dtype), array.shape] for name, array in arrays.items()]
        head.append(
            {
                "name": state.name,
                "bundle": state.bundle,
                "origin": state.origin,
                "features": state.features,
                "settings": json.dumps(asdict(state.detector.settings)),  # it has infinities
                "labels": state.labels,
                "waiting": state.waiting,
                "columns": columns,
            }
        )
        for array in arrays.values():
            parts += _pieces(array)
    return [orjson.dumps(head, default=tuple), *parts]


def decode(head: bytes, columns: bytes) -> list[DetectorState]:
    """Build the detectors of a snapshot: its first part, and the rest joined.

    Raises:
        StateError: it is not a snapshot that this version can use.
    """
    states, at = [], 0
    try:
        for described in orjson.loads(head):
            arrays = {}
            for name, descr, shape in described["columns"]:
                dtype = descr_to_dtype(descr)
                count = int(np.prod(shape, dtype=np.int64))
                arrays[name] = np.frombuffer(columns, dtype, count, at).reshape(shape)
                at += count * dtype.itemsize
            settings = json.loads(described["settings"])
            if is_earlier(settings):
                detector = detector_of(settings, arrays, _no_model)
            else:
                detector = Detector(_settings(settings), _no_model)
                detector.restore(arrays)
            states.append(
                DetectorState(
                    described["name"],
                    described["bundle"],
                    tuple(described["features"]),
                    detector,
                    described["labels"],
                    {device: pending(one) for device, one in described["waiting"].items()},
                    described.get("origin", described["bundle"]),
                )
            )
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise StateError(f"snapshot: must be one of this version, got {error!r}") from error
    return states


def _pieces(array: NDArray[Any]) -> list[bytes | memoryview]:
    data = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
    return [data[start : start + PART] for start in range(0, len(data), PART)]


def _settings(saved: dict[str, Any]) -> DetectorSettings:
    scaling = saved["scaling"]
    parts = {
        "scaling": Scaling(
            **scaling | {"offset": tuple(scaling["offset"]), "scale": tuple(scaling["scale"])}
        ),
        "judging": _of(JudgeSettings, saved["judging"]),
        "incidents": IncidentSettings(**saved["incidents"]),
        "rules": tuple(_of(Rule, rule) for rule in saved["rules"]),
    }
    return DetectorSettings(**saved | parts)


def _of(kind: Callable[..., _Settings], saved: dict[str, Any]) -> _Settings:
    """Rebuild settings as they were saved; JSON has lists where they have tuples."""
    return kind(**{name: tuple(part) if isinstance(part, list) else part for name, part in saved.items()})


def _no_model(_: NDArray[np.float32]) -> NoReturn:
    raise StateError("a detector that was built from saved state has been given no model yet")
