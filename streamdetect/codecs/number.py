"""Payloads that are one bare number, `55.49`, or text that stands for one; the time is that of arrival."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, Final

from streamdetect.codecs.containers import cleaned, opener
from streamdetect.codecs.numbers import FLOAT32_MAX, number_reader
from streamdetect.codecs.samples import Codec, Decoded
from streamdetect.errors import RejectedPayload

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamdetect.codecs.samples import ReadOne
    from streamdetect.codecs.settings import PayloadSettings

_ALMOST: Final = re.compile(
    r"[+-]?\d*[.,_]?\d+(?:,\d+)?\s*[^\d\s]{0,12}"
)  # a number with a unit, a comma or a typing error


class NumberCodec(Codec):
    """Reads one decimal number, with or without blanks around it."""

    name: ClassVar = "number"
    about: ClassVar = "one bare number, 55.49"
    takes: ClassVar = frozenset({"map", "booleans", "decimal_comma", "units", "encoding"})

    def __init__(self, settings: PayloadSettings) -> None:
        self._settings, self._open = settings, opener(settings, settings.encoding)
        self._number = number_reader(settings)
        self.read_one = None if settings.map or self._open else _reader(settings.max_payload)

    def decode(self, payload: bytes, arrival: float, topic: str = "") -> Decoded:  # noqa: ARG002 - not in the topic
        """Read the sample of one payload; see `Codec.decode`."""
        if len(payload) > self._settings.max_payload:
            raise RejectedPayload("size", f"{len(payload)} bytes, {self._settings.max_payload} allowed")
        text = self._text(self._open(payload) if self._open else payload)
        try:
            value = self._number(text)
        except RejectedPayload as error:
            if error.reason != "type":
                raise
            raise _refusal(text, error) from None
        return Decoded((((), arrival, (value,)),))

    def _text(self, payload: bytes) -> str:
        try:
            text = cleaned(payload, self._settings).decode().strip()
        except UnicodeDecodeError as error:
            raise RejectedPayload("decode", f"not a number: {payload[:40]!r}") from error
        if not text:
            raise RejectedPayload("empty", "no payload", foreign=True)
        return text

    @classmethod
    def write(cls, settings: PayloadSettings, time: float, values: Sequence[float]) -> bytes:  # noqa: ARG003 - no place for it
        """Write a number; see `Codec.write`."""
        return repr(values[0]).encode()


def _reader(max_payload: int) -> ReadOne:
    """Make the short way: a plain number, as Python and C both read it."""
    least, most = -FLOAT32_MAX, FLOAT32_MAX

    def read_one(payload: bytes, arrival: float) -> tuple[float, float] | None:
        try:
            value = float(payload)
        except ValueError:
            return None
        if least <= value <= most and len(payload) <= max_payload and b"_" not in payload:
            return arrival, value
        return None

    return read_one


def _refusal(text: str, error: RejectedPayload) -> RejectedPayload:
    """Tell a number that was misread from a message that never was one: `online`, `1.2.3`, an object."""
    foreign = text.isprintable() and not _ALMOST.fullmatch(text)
    _, _, hint = error.detail.partition("; ")
    return RejectedPayload(
        "decode", f"not a number: {text[:40]!r}" + (f"; {hint}" if hint else ""), foreign=foreign
    )
