"""Numbers that arrive from outside, taken only when they are plain and finite."""

from __future__ import annotations

from typing import Final

from streamdetect.errors import RejectedPayload

FLOAT32_MAX: Final = 3.4028234663852886e38  # the model computes in float32; beyond this it would see infinity


def bounded(value: float) -> float:
    """Give the value back when a float32 can hold it.

    Raises:
        RejectedPayload: `nonfinite`, also for NaN.
    """
    if -FLOAT32_MAX <= value <= FLOAT32_MAX:
        return value
    raise RejectedPayload("nonfinite", f"{value!r} is not a finite float32")


def from_text(text: str) -> float:
    """Read a decimal number as C would, not as Python: no `1_000`, no digits of other scripts.

    `nan` and `inf` are read, so that the caller can call them not finite rather than not numbers.

    Raises:
        ValueError: the text is no number.
    """
    if "_" in text or not text.isascii():
        raise ValueError(f"not a number: {text[:40]!r}")
    return float(text)


def from_json(value: object) -> float:
    """Take a JSON number; `true` is none.

    Raises:
        RejectedPayload: `type` or `nonfinite`.
    """
    if type(value) is float and -FLOAT32_MAX <= value <= FLOAT32_MAX:
        return value
    if type(value) is int:
        return float(value)  # at most 64 bits: orjson reads larger ones as floats
    if type(value) is float:
        return bounded(value)
    raise RejectedPayload("type", f"a number is expected, not {_shown(value)}")


def from_json_or_text(value: object) -> float:
    """Take a JSON number, or a string that holds one.

    Raises:
        RejectedPayload: `type` or `nonfinite`.
    """
    if type(value) is not str:
        return from_json(value)
    try:
        return bounded(from_text(value))
    except ValueError as error:
        raise RejectedPayload("type", f"a number is expected, not {_shown(value)}") from error


def _shown(value: object) -> str:
    return "null" if value is None else f"{type(value).__name__} {value!r:.40}"
