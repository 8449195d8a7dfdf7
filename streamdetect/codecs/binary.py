"""Payloads that are raw numbers, as a device holds them; the time is that of arrival."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from streamdetect.codecs.containers import opener
from streamdetect.codecs.numbers import bounded
from streamdetect.codecs.raw import located, place, unpacker
from streamdetect.codecs.samples import Codec, Decoded
from streamdetect.errors import RejectedPayload

if TYPE_CHECKING:
    import struct
    from collections.abc import Iterator, Sequence

    from streamdetect.codecs.samples import Sample
    from streamdetect.codecs.settings import PayloadSettings


class BytesCodec(Codec):
    """Reads one number that is the whole payload (`type`), or several at their places (`values`)."""

    name: ClassVar = "bytes"
    about: ClassVar = "raw numbers, as float32-le"
    takes: ClassVar = frozenset({"values", "fields", "type", "encoding"})

    def __init__(self, settings: PayloadSettings) -> None:
        self._settings, self._open = settings, opener(settings, settings.encoding)
        self._whole = None if settings.values else unpacker(str(settings.type))
        self._places = [(name, *place(text)) for name, text in (settings.values or {}).items()]

    def decode(self, payload: bytes, arrival: float, topic: str = "") -> Decoded:  # noqa: ARG002 - not in the topic
        """Read the samples of one payload; see `Codec.decode`."""
        if len(payload) > self._settings.max_payload:
            raise RejectedPayload("size", f"{len(payload)} bytes, {self._settings.max_payload} allowed")
        data = self._open(payload) if self._open else payload
        if not data:
            raise RejectedPayload("empty", "no payload", foreign=True)
        if self._whole:
            return Decoded((((), arrival, (bounded(self._whole(data)),)),))
        end = max(start + shape.size for _, shape, start in self._places)
        if len(data) < end:
            raise RejectedPayload("decode", f"must have at least {end} bytes, got {len(data)}")
        numbers = {name: float(shape.unpack_from(data, start)[0]) for name, shape, start in self._places}
        return self._samples(numbers, arrival)

    def _samples(self, numbers: dict[str, float], arrival: float) -> Decoded:
        if not self._settings.per_sensor:
            return Decoded((((), arrival, tuple(map(bounded, numbers.values()))),))
        samples: list[Sample] = []
        faults: list[RejectedPayload] = []
        for name, number in numbers.items():
            try:
                samples.append(((name,), arrival, (bounded(number),)))
            except RejectedPayload as fault:
                faults.append(fault)
        if not samples:
            raise faults[0]
        return Decoded(samples, faults)

    @classmethod
    def problems(cls, settings: PayloadSettings) -> Iterator[tuple[str, str]]:
        """Find invalid types and places; see `Codec.problems`."""
        if (settings.type is None) == (settings.values is None):
            yield "type", "is required for the format bytes, or values: one of them"
        for name, text in (settings.values or {}).items():
            try:
                place(text)
            except ValueError as error:
                yield f"values.{name}", str(error)

    @classmethod
    def write(cls, settings: PayloadSettings, time: float, values: Sequence[float]) -> bytes:  # noqa: ARG003 - no place for it
        """Write numbers as the settings read them; see `Codec.write`."""
        texts = [str(settings.type)] if settings.values is None else settings.values.values()
        places = [located(text) for text in texts]
        data = bytearray(max(start + shape.size for shape, start in places))
        for (shape, start), value in zip(places, values, strict=False):
            data[start : start + shape.size] = _packed(shape, value)
        return bytes(data)


def _packed(shape: struct.Struct, value: float) -> bytes:
    return shape.pack(value if shape.format[-1] in "efd" else int(value))
