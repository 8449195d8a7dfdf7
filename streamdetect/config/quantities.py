"""Durations and sizes as people write them: `500ms`, `5min`, `7d`; `64KiB`."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import BeforeValidator, Field, WithJsonSchema

from streamdetect.times import DAY, HOUR, MINUTE

_SECONDS: Final = {"": 1.0, "ms": 0.001, "s": 1.0, "min": MINUTE, "h": HOUR, "d": DAY}
_BYTES: Final = {"": 1, "B": 1, "KiB": 1024, "MiB": 1024**2}
_QUANTITY: Final = re.compile(r"(\d{1,15}(?:\.\d{1,9})?) ?([A-Za-z]*)")


def seconds(text: str) -> float:
    """Seconds from a written duration.

    Raises:
        ValueError: the text is not a duration.
    """
    written = _QUANTITY.fullmatch(text)
    if written is None or written[2] not in _SECONDS:
        raise ValueError("must be seconds or a duration like 500ms, 10s, 5min, 2h or 7d")
    return float(written[1]) * _SECONDS[written[2]]


def _seconds(value: object) -> object:
    return seconds(value) if isinstance(value, str) else value


def size(text: str) -> int:
    """Bytes from a written size.

    Raises:
        ValueError: the text is not a size.
    """
    written = _QUANTITY.fullmatch(text)
    found = float(written[1]) * _BYTES[written[2]] if written and written[2] in _BYTES else 0.5
    if not found.is_integer():
        raise ValueError("must be bytes or a size like 64KiB or 1MiB")
    return int(found)


def _bytes(value: object) -> object:
    return size(value) if isinstance(value, str) else value


_WRITTEN_DURATION: Final = {
    "anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^\d+(\.\d+)? ?(ms|s|min|h|d)?$"}],
    "description": "seconds, or a duration like 500ms, 10s, 5min, 2h, 7d",
}
_WRITTEN_SIZE: Final = {
    "anyOf": [{"type": "integer"}, {"type": "string", "pattern": r"^\d+(\.\d+)? ?(B|KiB|MiB)?$"}],
    "description": "bytes, or a size like 64KiB, 1MiB",
}

Duration = Annotated[
    float, BeforeValidator(_seconds), Field(ge=0, allow_inf_nan=False), WithJsonSchema(_WRITTEN_DURATION)
]
"""Seconds, not negative."""
Span = Annotated[
    float, BeforeValidator(_seconds), Field(gt=0, allow_inf_nan=False), WithJsonSchema(_WRITTEN_DURATION)
]
"""Seconds, more than 0."""
Size = Annotated[int, BeforeValidator(_bytes), Field(gt=0), WithJsonSchema(_WRITTEN_SIZE)]
"""Bytes."""
