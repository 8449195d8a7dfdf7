"""What the page is shown of a daemon: it knows no more of it than this."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from streamdetect.bundles.bundle import Bundle
    from streamdetect.codecs.router import Routes
    from streamdetect.config import Config, DetectorConfig
    from streamdetect.core.detector import Detector
    from streamdetect.sinks.events import EventEncoder
    from streamdetect.sinks.outbox import Lane

    Labels = Mapping[str, Mapping[str, str]]  # by sensor


class Shown(Protocol):
    """One detector, as far as the page looks at it."""

    @property
    def name(self) -> str:
        """The detector's name."""

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features of a reading."""

    @property
    def config(self) -> DetectorConfig:
        """Its settings."""

    @property
    def bundle(self) -> Bundle:
        """Its model."""

    @property
    def detector(self) -> Detector:
        """What it knows of its sensors."""

    @property
    def encoder(self) -> EventEncoder:
        """What makes its events: it knows labels, units and the ids of incidents."""


class Hush(NamedTuple):
    """A mute or a maintenance that holds now."""

    covers: Callable[[str, str], bool]  # a detector's sensor
    until: float | None  # Unix seconds; None = open end
    why: str
    pattern: str | None  # what was muted; None for a maintenance


class Refused(NamedTuple):
    """What could not be taken in, of one kind."""

    detector: str  # empty where none was concerned
    reason: str
    ignored: bool  # it was foreign, and is no cause for concern
    times: int  # since the configuration was loaded
    latest: float  # of the latest example, Unix seconds
    topic: str
    payload: bytes  # its first bytes
    path: str  # configured, and not there
    detail: str


class Connection(NamedTuple):
    """How it is between the daemon and its broker."""

    connected: bool
    subscribed: bool
    problem: str
    waiting: int  # messages between the network and the main loop


@dataclass(frozen=True, slots=True)
class Sources:
    """How the page gets at what it shows. Each is called on the page's threads, and must not wait."""

    config: Callable[[], Config]
    detectors: Callable[[], Sequence[Shown]]
    labels: Callable[[], Mapping[str, Labels]]  # by detector
    hushes: Callable[[], Sequence[Hush]]
    connection: Callable[[], Connection]
    unready: Callable[[], Sequence[str]]
    refused: Callable[[], Sequence[Refused]]
    topics: Callable[[int], tuple[int, Sequence[tuple[str, Routes]]]]  # how many, and so many of them
    lanes: Callable[[], Mapping[str, Lane]]  # of the outbox, by sink
    ask: Callable[[bytes], bool]  # has a command carried out; False if it takes none now


Facts = dict[str, Any]
"""What an answer says of something, as JSON has it."""
