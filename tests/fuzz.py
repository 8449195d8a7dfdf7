"""Coverage-guided fuzzing of everything that reads bytes of others; no part of the suite.

    pip install atheris
    python tests/fuzz.py json -max_total_time=60

What it must find is an exception other than the one that says no. Further arguments are libFuzzer's.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import atheris

with atheris.instrument_imports(include=["streamdetect"]):
    from streamdetect.codecs import PayloadSettings, TopicTemplate, codec
    from streamdetect.config import parse
    from streamdetect.errors import ConfigError, RejectedPayload, StateError
    from streamdetect.store import journal, state

if TYPE_CHECKING:
    from collections.abc import Callable

_SEVERAL = {"a": "x", "b": "y[0].z"}
_JSON = [
    codec(PayloadSettings("json", **options))
    for options in ({}, {"time": "t", "time_format": "auto"}, {"values": _SEVERAL, "fields": "per_sensor"})
]
_NUMBER, _LINE = codec(PayloadSettings("number")), codec(PayloadSettings("influx"))


def _json(data: bytes) -> None:
    for reader in _JSON:
        with suppress(RejectedPayload):
            reader.decode(data, 1e9)


def _number(data: bytes) -> None:
    with suppress(RejectedPayload):
        _NUMBER.decode(data, 1e9)


def _line(data: bytes) -> None:
    with suppress(RejectedPayload):
        _LINE.decode(data, 1e9)


def _topic(data: bytes) -> None:
    template, _, topic = data.decode(errors="replace").partition("\n")
    with suppress(ValueError, RejectedPayload):
        TopicTemplate(template).match(topic)


def _config(data: bytes) -> None:
    with suppress(ConfigError):
        parse(data.decode(errors="replace"))


def _journal(data: bytes) -> None:
    with suppress(StateError):
        journal.decode(data)


def _snapshot(data: bytes) -> None:
    head, _, columns = data.partition(b"\n")
    with suppress(StateError):
        state.decode(head, columns)


_TARGETS: dict[str, Callable[[bytes], None]] = {
    "json": _json,
    "number": _number,
    "line": _line,
    "topic": _topic,
    "config": _config,
    "journal": _journal,
    "snapshot": _snapshot,
}


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in _TARGETS:
        sys.exit(f"usage: python {sys.argv[0]} {{{','.join(_TARGETS)}}} [LIBFUZZER OPTIONS]")
    atheris.Setup([sys.argv[0], *sys.argv[2:]], _TARGETS[sys.argv[1]])
    atheris.Fuzz()
