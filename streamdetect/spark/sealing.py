"""States as bytes that say what they are: a kind, a version, a length and a checksum before the content."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

import orjson

from streamdetect.errors import StateError
from streamdetect.store.state import decode, encode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from streamdetect.store import DetectorState

VERSION = 1
_HEAD = Struct("<8sHIQ")  # kind, version, CRC-32 of the content, its length
_LENGTHS = Struct("<II")  # of the facts, and of the snapshot's head


class Opened(NamedTuple):
    """What was in sealed bytes."""

    facts: dict[str, object]
    states: list[DetectorState]


def seal(kind: bytes, facts: Mapping[str, object], states: Sequence[DetectorState]) -> bytes:
    """Write detectors, and what else is to be known of them.

    Args:
        kind: up to 8 bytes that name what this is the state of.
        facts: what JSON can hold.
        states: the detectors; they may go on.
    """
    said = orjson.dumps(facts)
    head, *columns = encode(states)
    content = b"".join([_LENGTHS.pack(len(said), len(head)), said, head, *columns])
    return _HEAD.pack(kind, VERSION, crc32(content), len(content)) + content


def unseal(kind: bytes, sealed: bytes, what: str) -> Opened:
    """Read what `seal` has written.

    Args:
        kind: what it has to be.
        sealed: the bytes.
        what: they are, for the message of an error: `shard 17`.

    Raises:
        StateError: it is something else, of another version, or damaged; names which.
    """
    if len(sealed) < _HEAD.size:
        raise StateError(f"{what}: length: must be >= {_HEAD.size} bytes, got {len(sealed)}")
    its, version, crc, length = _HEAD.unpack_from(sealed)
    content = memoryview(sealed)[_HEAD.size :]
    _must(what, "kind", kind.decode(), its.rstrip(b"\0").decode(errors="replace"))
    _must(what, "version", VERSION, version)
    _must(what, "length", length, len(content))
    _must(what, "checksum", f"{crc:08x}", f"{crc32(content):08x}")
    facts, head = _LENGTHS.unpack_from(content)
    start, columns = _LENGTHS.size, _LENGTHS.size + facts + head
    try:
        states = decode(bytes(content[start + facts : columns]), bytes(content[columns:]))
    except StateError as error:
        raise StateError(f"{what}: {error}") from error
    return Opened(orjson.loads(content[start : start + facts]), states)


def _must(what: str, field: str, wanted: object, got: object) -> None:
    if wanted != got:
        raise StateError(f"{what}: {field}: must be {wanted}, got {got}")
