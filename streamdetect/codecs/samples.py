"""The interface of a codec, and its result: samples, and the faults of the rest."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from streamdetect.codecs.settings import PayloadSettings
    from streamdetect.errors import RejectedPayload

REASONS: Final = {
    "decode": "the payload is not in the configured format: malformed, truncated, not UTF-8, too deep",
    "empty": "the payload is empty, or an empty list",
    "size": "the payload is longer than max_payload, packed or unpacked",
    "field": "a value, the time or the sensor's name is not where the configuration says",
    "type": "a value is present but not a number",
    "nonfinite": "a value is NaN, infinite, or larger than a float32 can hold",
    "time": "the time cannot be read in the configured format, or is not between the years 2000 and 2100",
    "future": "the time is further ahead of the arrival than max_future",
    "series": "one payload holds lines of several series, and nothing tells their sensors apart",
    "topic": "no sensor id can be made from the topic",
}
"""Every reason for which a codec or the router rejects a message or a part of it, and its meaning."""


_NAMED = re.compile(r"\{[^}]*\}")  # in a topic template

Sample = tuple[tuple[str, ...], float, tuple[float, ...]]
"""One reading: (names, time, values).

names: what the payload says about its sensor, in the order of the settings' `names`; often nothing.
time: Unix seconds.
values: F numbers, none larger than a float32 can hold; NaN = missing, where that is allowed.

A NamedTuple would take five times as long to make.
"""

ReadOne = Callable[[bytes, float], tuple[float, float] | None]
"""(payload, arrival) to (time, value), for a payload with one value and nothing wrong; None for any other."""


class Decoded(NamedTuple):
    """The samples in a payload, and the faults of its other parts."""

    samples: Sequence[Sample]
    """At least one, in order of time."""
    faults: Sequence[RejectedPayload] = ()
    """The faults of entries and values that are not among the samples."""


class Option(NamedTuple):
    """An option of one format alone."""

    kind: Any
    """Its type, as pydantic wants it."""
    default: object
    text: str
    """Its purpose, in a sentence."""


class Codec(ABC):
    """Turns the payloads of one format into samples. To add a format, write one and list it in `CODECS`."""

    name: ClassVar[str]
    """The format's name in the configuration."""
    about: ClassVar[str]
    """What the format is, in a few words."""
    takes: ClassVar[frozenset[str]] = frozenset()
    """Options of the payload section that the format uses, besides those that all formats have."""
    own: ClassVar[Mapping[str, Option]] = {}
    """Options of this format alone, by name."""
    has_times: ClassVar[bool] = False
    """Whether a payload can carry its time without the option `time`."""
    needs: ClassVar[str] = ""
    """The package that must be installed for it; empty if none."""
    read_one: ReadOne | None = None
    """A short way for the usual payload, which gives what `decode` gives; None where there is none."""

    @abstractmethod
    def __init__(self, settings: PayloadSettings) -> None:
        """Prepare to read payloads as the settings say."""

    @abstractmethod
    def decode(self, payload: bytes, arrival: float, topic: str = "") -> Decoded:
        """Read what a payload holds; one bad entry or value costs only itself.

        Args:
            payload: as it came.
            arrival: Unix seconds.
            topic: as it came; few formats look at it.

        Raises:
            RejectedPayload: with one of `REASONS`, when not even one sample is there.
        """

    @classmethod
    def names_of(cls, settings: PayloadSettings) -> tuple[str, ...]:  # noqa: ARG003 - for those who override it
        """Return the names that every payload brings, whether they are asked for or not."""
        return ()

    @classmethod
    def sensor_of(cls, settings: PayloadSettings) -> str | None:  # noqa: ARG003 - for those who override it
        """Return the sensor template where `sensor` is not set; None is the topic."""
        return None

    @classmethod
    def topic(cls, topic: str, sensor: int) -> str:
        """Return a topic of one of many sensors under a filter or a template, for benchmarks."""
        name = f"bench{sensor}"
        levels = [name if level in {"+", "#", "_"} else level for level in topic.split("/")]
        return _NAMED.sub(name, "/".join(levels))

    @classmethod
    def problems(cls, settings: PayloadSettings) -> Iterator[tuple[str, str]]:  # noqa: ARG003 - for those who override it
        """Find what is wrong with options of the format: (option, rule), fit for a configuration error."""
        yield from ()

    @classmethod
    @abstractmethod
    def write(cls, settings: PayloadSettings, time: float, values: Sequence[float]) -> bytes:
        """Write a payload that these settings read back as one sample, for benchmarks and tests."""

    def identity(self, payload: bytes) -> Mapping[str, str]:  # noqa: ARG002 - for those who override it
        """Return the parts of a payload that seem to name the sensor and are not read, by path."""
        return {}

    def commands(self) -> Sequence[tuple[str, bytes]]:
        """Return the messages, topic and payload, that the format wants sent since the last call."""
        return ()


def best(faults: Sequence[RejectedPayload]) -> RejectedPayload:
    """Choose the most telling of these faults: any but that a payload is foreign."""
    return next((fault for fault in faults if not fault.foreign), faults[0])
