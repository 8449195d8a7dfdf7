"""Numbers that arrive from outside, taken only when they are plain and finite."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from streamdetect.codecs.paths import brief
from streamdetect.codecs.raw import bytes_of, unpacker
from streamdetect.errors import RejectedPayload

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from streamdetect.codecs.settings import PayloadSettings

FLOAT32_MAX: Final = 3.4028234663852886e38  # the model computes in float32; beyond this it would see infinity

_FLOAT_BITS: Final = 1000
_GERMAN: Final = re.compile(r"[+-]?(?:\d{1,3}(?:\.\d{3})+|\d+)?,\d+(?:[eE][+-]?\d+)?")
_NUMBER_AND_UNIT: Final = re.compile(  # a unit may have one digit (m3); 0x1F and 1h30 are none
    r"(?!0[xXoObB])([+-]?[\d.,]*\d(?:[eE][+-]?\d+)?)\s*([^\d\s.,:_+-](?:[^\d]|[23](?!\d)){0,15})"
)


def number_reader(settings: PayloadSettings) -> Callable[[object], float]:
    """Make the function that takes a value of a document, or text, for a number as the settings say.

    The function raises RejectedPayload: `type` or `nonfinite`.
    """
    if settings.type is not None:
        return _raw_reader(settings)
    as_text = settings.numeric_strings or settings.decimal_comma or settings.units is not None
    read = _text_reader(settings) if as_text else from_json
    if settings.booleans or settings.map:
        return _translated({**_booleans(settings), **(settings.map or {})}, read)
    return read


def bounded(value: float) -> float:
    """Return the value when a float32 can hold it.

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
        ValueError: the text is not a number.
    """
    if "_" in text or not text.isascii():
        raise ValueError(f"not a number: {text[:40]!r}")
    return float(text)


def from_json(value: object) -> float:
    """Take a JSON number; `true` is not one.

    Raises:
        RejectedPayload: `type` or `nonfinite`.
    """
    if type(value) is float and -FLOAT32_MAX <= value <= FLOAT32_MAX:
        return value
    if type(value) is int:
        # CBOR has integers of any length; float() refuses those beyond its range.
        return bounded(float(value) if value.bit_length() <= _FLOAT_BITS else math.inf)
    if type(value) is float or isinstance(value, Decimal | Fraction):  # CBOR has decimals and ratios
        return bounded(_nearest(value))
    raise _not_a_number(value)


def _nearest(value: float | Decimal | Fraction) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf
    except ValueError:  # a signalling NaN
        return math.nan


def _text_reader(settings: PayloadSettings) -> Callable[[object], float]:
    comma, units = settings.decimal_comma, settings.units

    def read(value: object) -> float:
        if type(value) is float and -FLOAT32_MAX <= value <= FLOAT32_MAX:  # as nearly always
            return value
        if type(value) is not str:
            return from_json(value)
        text = value.strip()
        found = _NUMBER_AND_UNIT.fullmatch(text) if units is not None else None
        if found and (units == "any" or found[2] in (units or ())):
            text = found[1]
        if comma and _GERMAN.fullmatch(text):
            text = text.replace(".", "").replace(",", ".")
        try:
            return bounded(from_text(text))
        except ValueError as error:
            raise _not_a_number(value) from error

    return read


def _booleans(settings: PayloadSettings) -> Mapping[str, float]:
    return {"true": 1.0, "false": 0.0} if settings.booleans else {}


def _translated(table: Mapping[str, float], read: Callable[[object], float]) -> Callable[[object], float]:
    """Translate text, `true` and `false` to numbers before reading them as numbers."""
    known = {text.casefold(): float(number) for text, number in table.items()}

    def look_up(value: object) -> float:
        text = str(value).strip().casefold() if type(value) in {str, bool, int} else ""
        return known[text] if text in known else read(value)

    return look_up


def _raw_reader(settings: PayloadSettings) -> Callable[[object], float]:
    unpack = unpacker(str(settings.type))

    def read(value: object) -> float:
        data = value if isinstance(value, bytes) else bytes_of(value, settings.encoding or "base64")
        return bounded(unpack(data))

    return read


def _not_a_number(value: object) -> RejectedPayload:
    return RejectedPayload("type", f"must be a number, got {_shown(value)}{_hint(value)}")


def _hint(value: object) -> str:
    """Name the option that would accept this value."""
    if isinstance(value, bool):
        return "; `booleans: true` takes it"
    text = value.strip() if isinstance(value, str) else ""
    if _GERMAN.fullmatch(text):
        return "; `decimal_comma: true` takes it"
    return "; `units` takes it" if text.isprintable() and _NUMBER_AND_UNIT.fullmatch(text) else ""


def _shown(value: object) -> str:
    return "null" if value is None else f"{type(value).__name__} {brief(value)}"
