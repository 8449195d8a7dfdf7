"""MessagePack payloads; see trees.py for what is read from them."""

from __future__ import annotations

from typing import ClassVar

from streamdetect.codecs.trees import UNREADABLE, TreeCodec
from streamdetect.errors import RejectedPayload


class MessagePackCodec(TreeCodec):
    """Reads values, and the time if its path is configured, from MessagePack."""

    name: ClassVar = "msgpack"
    about: ClassVar = "MessagePack"
    needs: ClassVar = "msgpack"

    def load(self, payload: bytes) -> object:
        """Parse MessagePack; see `TreeCodec.load`."""
        import msgpack  # noqa: PLC0415 - an extra

        try:
            return msgpack.unpackb(payload, strict_map_key=False, timestamp=3)
        except (msgpack.UnpackException, *UNREADABLE) as error:
            raise RejectedPayload("decode", f"not MessagePack: {error!s:.100}") from None

    @classmethod
    def dump(cls, document: object) -> bytes:
        """Write MessagePack; see `TreeCodec.dump`."""
        import msgpack  # noqa: PLC0415 - an extra

        written: bytes = msgpack.packb(document)
        return written
