"""YAML without its traps: mappings with string keys, lists and plain values.

Refused: anchors, aliases and tags (a few hundred bytes of aliases expand to gigabytes), duplicate keys, keys
that are not strings, deep nesting, several documents, more than 1 MiB. Plain scalars follow the core schema
of YAML 1.2: `no`, `off`, `12:30`, `0x1f`, `1_000` and dates are strings, and `010` is ten.

PyYAML's pure Python parser is used on purpose: libyaml's is faster, which a configuration does not need, and
written in C, which untrusted input is better kept from. Messages never quote the text: it may be a secret.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol

import yaml

from streamdetect.errors import ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BYTES: Final = 1024**2
_MAX_DEPTH: Final = 32
_MAX_DIGITS: Final = 300  # more than any float64 has, less than what int() refuses or is slow on
_TAG: Final = re.compile(r" '![^']*'")  # the one piece of the text that PyYAML's messages quote


class _Mark(Protocol):
    """A place in the text; PyYAML has two classes for it."""

    line: int
    column: int


_NULL: Final = re.compile(r"~|null|Null|NULL|")
_BOOL: Final = re.compile(r"true|True|TRUE|false|False|FALSE")
_INT: Final = re.compile(r"[-+]?[0-9]+")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")


def parse_yaml(text: str) -> dict[str, Any]:
    """Read one document that is a mapping.

    Raises:
        ConfigError: with line and column.
    """
    if len(text.encode(errors="replace")) > MAX_BYTES:
        raise ConfigError([Problem("configuration", "must be at most 1 MiB")])
    try:
        events = yaml.parse(text, Loader=yaml.SafeLoader)
        document = _document(events)
    except yaml.MarkedYAMLError as error:
        _refuse(_TAG.sub("", error.problem or "is not YAML"), error.problem_mark or error.context_mark)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ConfigError([Problem(f"line {line}", "must have no control characters")]) from None
    except (ValueError, OverflowError):  # PyYAML hands "\UFFFFFFFF" to chr()
        raise ConfigError([Problem("configuration", "must have no escapes beyond Unicode")]) from None
    if not isinstance(document, dict):
        raise ConfigError([Problem("configuration", "must be a mapping of options")])
    return document


def _document(events: Iterator[yaml.Event]) -> object:
    document: object = None
    documents = 0
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                _refuse("there must be one document", event.start_mark)
            document = _node(events, next(events), 0)
    return document


def _node(events: Iterator[yaml.Event], event: yaml.Event, depth: int) -> object:
    if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
        _refuse(
            "anchors and aliases (& and *) are not accepted; put text that begins with & or * in quotes",
            event.start_mark,
        )
    if getattr(event, "tag", None) is not None:
        _refuse("tags (!) are not accepted; put text that begins with ! in quotes", event.start_mark)
    if depth > _MAX_DEPTH:
        _refuse("this is nested too deep", event.start_mark)
    if isinstance(event, yaml.ScalarEvent):
        return _scalar(event)
    if isinstance(event, yaml.SequenceStartEvent):
        items = []
        while not isinstance(item := next(events), yaml.SequenceEndEvent):
            items.append(_node(events, item, depth + 1))
        return items
    mapping: dict[str, object] = {}
    while not isinstance(start := next(events), yaml.MappingEndEvent):
        key = _node(events, start, depth + 1)
        if not isinstance(key, str):
            _refuse("a key must be a string", start.start_mark)
        if key in mapping:
            _refuse("duplicate key", start.start_mark)
        mapping[key] = _node(events, next(events), depth + 1)
    return mapping


def _scalar(event: yaml.ScalarEvent) -> object:
    text: str = event.value
    if any("\ud800" <= character <= "\udfff" for character in text):
        _refuse("half of a surrogate pair is not valid text", event.start_mark)
    if not event.implicit[0]:  # quoted or a block: text whatever it looks like
        return text
    if len(text) > _MAX_DIGITS and _FLOAT.fullmatch(text):
        _refuse("this number is too long", event.start_mark)
    return _plain(text)


def _plain(text: str) -> object:
    """Return the value of a scalar without quotes."""
    if _NULL.fullmatch(text):
        return None
    if _BOOL.fullmatch(text):
        return text.lower() == "true"
    if _INT.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


class _Dumper(yaml.SafeDumper):
    """Puts quotes where YAML 1.1 needs none and 1.2 does, `1e3`, and around what cannot be printed."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    bare = text.isprintable() and not _FLOAT.fullmatch(text) and _plain(text) is text
    style = None if bare else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _represent_text)


def write_yaml(data: dict[str, Any]) -> str:
    """Write plain data so that `parse_yaml` reads it back."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def _refuse(rule: str, mark: _Mark | None) -> NoReturn:
    where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "configuration"
    raise ConfigError([Problem(where, rule)]) from None
