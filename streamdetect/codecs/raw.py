"""Raw bytes: numbers as a device holds them, and bytes that are written as text."""

from __future__ import annotations

import base64
import binascii
import re
import struct
from typing import TYPE_CHECKING, Final

from streamdetect.errors import RejectedPayload

if TYPE_CHECKING:
    from collections.abc import Callable

_CODES: Final = {
    "int8": "b", "uint8": "B", "int16": "h", "uint16": "H", "int32": "i", "uint32": "I",
    "int64": "q", "uint64": "Q", "float16": "e", "float32": "f", "float64": "d",
}  # fmt: skip
_ORDERS: Final = {"le": "<", "be": ">"}
TYPES: Final = tuple(
    name if name in {"int8", "uint8"} else f"{name}-{order}"
    for name in _CODES
    for order in (("le",) if name in {"int8", "uint8"} else _ORDERS)
)
"""Types by name; of several bytes, the name says which comes first: the least (le) or the greatest (be)."""

_PLACE: Final = re.compile(r"([a-z0-9-]+)@(\d{1,6})")


def layout(kind: str) -> struct.Struct:
    """Return the layout of a type.

    Raises:
        ValueError: with what is wrong, fit for a configuration error.
    """
    if kind not in TYPES:
        raise ValueError(f"must be one of {', '.join(TYPES)}")
    name, _, order = kind.partition("-")
    return struct.Struct(_ORDERS.get(order, "<") + _CODES[name])


def place(text: str) -> tuple[struct.Struct, int]:
    """Read where a value is and what it is there: `int16-be@4`, a type and the number of its first byte.

    Raises:
        ValueError: with what is wrong, fit for a configuration error.
    """
    found = _PLACE.fullmatch(text)
    if found is None:
        raise ValueError("must be a type and the number of its first byte, like int16-be@4")
    return layout(found[1]), int(found[2])


def located(kind: str) -> tuple[struct.Struct, int]:
    """Read a type, and the number of its first byte: that after the @, or 0.

    Raises:
        ValueError: with what is wrong, fit for a configuration error.
    """
    return place(kind) if "@" in kind else (layout(kind), 0)


def unpacker(kind: str) -> Callable[[bytes], float]:
    """Make the function that reads bytes of exactly this type, or of this type at a place (`int16-be@4`).

    The function raises RejectedPayload: `decode`. Without a place, longer data is refused too: the first half
    of a float64 is a float32, but of another number.
    """
    shape, start = located(kind)
    end, whole = start + shape.size, "@" not in kind

    def unpack(data: bytes) -> float:
        if len(data) < end or (whole and len(data) > end):
            raise RejectedPayload(
                "decode", f"{kind} must have {'' if whole else 'at least '}{end} bytes, got {len(data)}"
            )
        return float(shape.unpack_from(data, start)[0])

    return unpack


def bytes_of(text: object, encoding: str) -> bytes:
    """Read bytes that are written as base64 or hex, with or without blanks; base64 also without its padding.

    Raises:
        RejectedPayload: `decode`.
    """
    if not isinstance(text, str | bytes):
        raise RejectedPayload("type", f"must be text in {encoding}, got {type(text).__name__}")
    try:
        if encoding == "hex":
            written = text.decode("ascii") if isinstance(text, bytes) else text
            return bytes.fromhex(written.strip().removeprefix("0x"))
        data = text.encode("ascii") if isinstance(text, str) else text
        data = b"".join(data.split()).translate(_URL_SAFE).rstrip(b"=")
        return base64.b64decode(data + b"=" * (-len(data) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise RejectedPayload("decode", f"not {encoding}: {text!r:.40}") from error


_URL_SAFE: Final = bytes.maketrans(b"-_", b"+/")
