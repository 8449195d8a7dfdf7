"""States as sealed bytes: a kind, a version, a length and a checksum stand before the content."""

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
_ELSE = "go back to the version of streamdetect that wrote it, or begin without it"
_HEAD = Struct("<8sHIQ")  # kind, version, CRC-32 of the content, its length
_LENGTHS = Struct("<II")  # of the facts, and of the snapshot's head


class Opened(NamedTuple):
    """The content of sealed bytes."""

    facts: dict[str, object]
    states: list[DetectorState]


def seal(kind: bytes, facts: Mapping[str, object], states: Sequence[DetectorState]) -> bytes:
    """Write detectors, and some facts about them.

    Args:
        kind: up to 8 bytes that name what the state belongs to.
        facts: anything that JSON can hold.
        states: the detectors; they can go on afterwards.
    """
    said = orjson.dumps(facts)
    head, *columns = encode(states)
    content = b"".join([_LENGTHS.pack(len(said), len(head)), said, head, *columns])
    return _HEAD.pack(kind, VERSION, crc32(content), len(content)) + content


def unseal(kind: bytes, sealed: bytes, what: str) -> Opened:
    """Read what `seal` has written; detectors of 0.1.0 go on as they do in a daemon.

    Args:
        kind: the kind that it must have.
        sealed: the bytes.
        what: a name for error messages, like `shard 17`.

    Raises:
        StateError: it is of another kind, of another version, or damaged; says which.
    """
    if len(sealed) < _HEAD.size:
        raise StateError(f"{what}: length: must be >= {_HEAD.size} bytes, got {len(sealed)}")
    its, version, crc, length = _HEAD.unpack_from(sealed)
    content = memoryview(sealed)[_HEAD.size :]
    _must(what, "kind", kind.decode(), its.rstrip(b"\0").decode(errors="replace"))
    _must(what, "version", VERSION, version, _ELSE)
    _must(what, "length", length, len(content))
    _must(what, "checksum", f"{crc:08x}", f"{crc32(content):08x}")
    facts, head = _LENGTHS.unpack_from(content)
    start, columns = _LENGTHS.size, _LENGTHS.size + facts + head
    try:
        states = decode(bytes(content[start + facts : columns]), bytes(content[columns:]))
    except StateError as error:
        raise StateError(f"{what}: {error}; {_ELSE}") from error
    return Opened(orjson.loads(content[start : start + facts]), states)


def _must(what: str, field: str, wanted: object, got: object, otherwise: str = "") -> None:
    if wanted != got:
        raise StateError(f"{what}: {field}: must be {wanted}, got {got}{otherwise and '; ' + otherwise}")
