"""The wrappings of a payload: base64 or hex, gzip or zlib, a byte order mark, a NUL at its end."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

from streamdetect.codecs.raw import bytes_of
from streamdetect.errors import RejectedPayload

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamdetect.codecs.settings import PayloadSettings

_BOM: Final = b"\xef\xbb\xbf"  # of UTF-8
_GZIP: Final = b"\x1f\x8b"  # RFC 1952, 2.3.1
_ZLIB: Final = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")  # RFC 1950, 2.2: deflate, its four levels
_EITHER: Final = 32 + zlib.MAX_WBITS  # zlib tells gzip and zlib apart by their headers


def opener(settings: PayloadSettings, encoding: str | None) -> Callable[[bytes], bytes] | None:
    """Make the function that unwraps a payload as the configuration says.

    The function raises RejectedPayload: `decode`, or `size` when more than `max_payload` comes out. None if
    nothing is configured.
    """
    packed, most = settings.compression in {"gzip", "zlib"}, settings.max_payload

    if encoding is None and not packed:
        return None

    def open_up(payload: bytes) -> bytes:
        if encoding is not None:
            payload = bytes_of(payload, encoding)
        return unpacked(payload, most) if packed else payload

    return open_up


def cleaned(payload: bytes, settings: PayloadSettings) -> bytes:
    """Remove wrappings that need no configuration: a byte order mark, NULs at the end, gzip and zlib.

    No text and no document of any format begins like these, so no payload is mistaken for one. This is for
    payloads that could not be read as they are: the usual payload does not pay for it.

    Raises:
        RejectedPayload: `decode` or `size`.
    """
    if settings.compression == "auto" and (payload[:2] == _GZIP or payload[:2] in _ZLIB):
        payload = unpacked(payload, settings.max_payload)
    return payload.removeprefix(_BOM).rstrip(b"\0")


def unpacked(payload: bytes, most: int) -> bytes:
    """Unpack gzip or zlib, to at most `most` bytes.

    Raises:
        RejectedPayload: `decode`, or `size` when more comes out.
    """
    unpacker = zlib.decompressobj(_EITHER)
    try:
        data = unpacker.decompress(payload, most + 1)
    except zlib.error as error:
        raise RejectedPayload("decode", f"not gzip or zlib: {error}") from error
    if len(data) > most:
        raise RejectedPayload("size", f"unpacks to more than {most} bytes")
    if not unpacker.eof or unpacker.unused_data.strip(b"\0"):
        raise RejectedPayload("decode", "gzip or zlib is cut off, or something follows it")
    return data
