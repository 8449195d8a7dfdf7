"""Payloads that are one bare number, `55.49`; the time is that of arrival."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamdetect.codecs.numbers import bounded
from streamdetect.errors import RejectedPayload

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamdetect.codecs.samples import Sample
    from streamdetect.codecs.settings import PayloadSettings


class NumberCodec:
    """Reads one decimal number, with or without blanks around it; a unit behind it is no number."""

    features = 1
    read_one = None

    def __init__(self, settings: PayloadSettings) -> None:
        self._max_payload = settings.max_payload

    def decode(self, payload: bytes, arrival: float) -> Sequence[Sample]:
        """Read the sample of one payload; `arrival` is Unix seconds.

        Raises:
            RejectedPayload: `size`, `empty`, `decode` or `nonfinite`.
        """
        if len(payload) > self._max_payload:
            raise RejectedPayload("size", f"{len(payload)} bytes, {self._max_payload} allowed")
        try:
            value = float(payload)
        except ValueError as error:
            if not payload.strip():
                raise RejectedPayload("empty", "no payload") from None
            raise RejectedPayload("decode", f"not a number: {payload[:40]!r}") from error
        if b"_" in payload:  # Python reads 1_000
            raise RejectedPayload("decode", f"not a number: {payload[:40]!r}")
        return (("", arrival, (bounded(value),)),)
