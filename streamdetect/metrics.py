"""A metric, declared in the class that counts it and read at every scrape.

    class Inbox:
        metrics: ClassVar[Sequence[Metric[Inbox]]] = (
            gauge("inbox_depth", "Messages that wait for the main thread.", lambda inbox: inbox.depth),
        )

Nothing else is needed: the daemon shows the metrics of all its parts, and the reference lists them. A name
that Prometheus refuses, or that is declared twice, fails at import.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Protocol, TypeVar

Part = TypeVar("Part", contravariant=True)  # noqa: PLC0105 - the class that declares it
Read = Callable[[Part], float | Mapping[tuple[str, ...], float]]

PREFIX = "streamdetect_"
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_RESERVED = ("_total", "_count", "_sum", "_bucket", "_created", "_info")  # what the text format adds itself


@dataclass(frozen=True, slots=True)
class Metric(Generic[Part]):
    """A number that a part of the program shows.

    Attributes:
        name: without the prefix that all have, and without `_total`.
        text: its meaning, a sentence.
        read: its value, from any thread; with labels a value for each combination of them.
        counts: true if it only ever grows.
        labels: their names.
    """

    name: str
    text: str
    read: Read[Part]
    counts: bool
    labels: tuple[str, ...] = ()

    known: ClassVar[dict[str, Metric[Any]]] = {}  # all that are declared, by name

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or self.name.endswith(_RESERVED):
            raise ValueError(f"metric {self.name!r}: must be lower-case words joined by _")
        if self.known.setdefault(self.name, self).text != self.text:
            raise ValueError(f"metric {self.name!r}: is declared twice")
        if not (self.text[:1].isupper() and self.text.endswith(".")):
            raise ValueError(f"metric {self.name!r}: must be explained by a sentence, got {self.text!r}")


class Measured(Protocol):
    """A part of the program that declares metrics."""

    metrics: ClassVar[Sequence[Metric[Any]]]


def counter(name: str, text: str, read: Read[Part], labels: tuple[str, ...] = ()) -> Metric[Part]:
    """Declare a number that only ever grows; `_total` is added to its name."""
    return Metric(name, text, read, counts=True, labels=labels)


def gauge(name: str, text: str, read: Read[Part], labels: tuple[str, ...] = ()) -> Metric[Part]:
    """Declare a number that goes up and down."""
    return Metric(name, text, read, counts=False, labels=labels)
