"""CBOR payloads (RFC 8949); see trees.py for what is read from them."""

from __future__ import annotations

from typing import ClassVar

from streamdetect.codecs.trees import UNREADABLE, TreeCodec
from streamdetect.errors import RejectedPayload


class CborCodec(TreeCodec):
    """Reads values, and the time where one is configured, out of CBOR."""

    name: ClassVar = "cbor"
    about: ClassVar = "CBOR"
    needs: ClassVar = "cbor2"

    def load(self, payload: bytes) -> object:
        """Parse CBOR; see `TreeCodec.load`."""
        import cbor2  # noqa: PLC0415 - an extra

        try:
            return cbor2.loads(payload)
        except (cbor2.CBORDecodeError, *UNREADABLE) as error:
            raise RejectedPayload("decode", f"not CBOR: {error!s:.100}") from None

    @classmethod
    def dump(cls, document: object) -> bytes:
        """Write CBOR; see `TreeCodec.dump`."""
        import cbor2  # noqa: PLC0415 - an extra

        return cbor2.dumps(document)
