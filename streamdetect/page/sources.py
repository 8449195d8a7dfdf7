"""The parts of a daemon that the page reads; it uses nothing else."""

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
    """The parts of one detector that the page reads."""

    @property
    def name(self) -> str:
        """The detector's name."""

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the features of a reading."""

    @property
    def config(self) -> DetectorConfig:
        """Its settings."""

    @property
    def bundle(self) -> Bundle:
        """Its model."""

    @property
    def detector(self) -> Detector:
        """The detector itself, with the state of its sensors."""

    @property
    def encoder(self) -> EventEncoder:
        """Makes its events; knows labels, units and the ids of incidents."""


class Hush(NamedTuple):
    """A mute or a maintenance window in force now."""

    covers: Callable[[str, str], bool]  # a detector and a sensor
    until: float | None  # Unix seconds; None = open end
    why: str
    pattern: str | None  # what was muted; None for a maintenance window


class Refused(NamedTuple):
    """The rejected or ignored messages of one kind."""

    detector: str  # empty if it concerns none
    reason: str
    ignored: bool  # foreign, so not a mistake
    times: int  # since the configuration was loaded
    latest: float  # of the latest example, Unix seconds
    topic: str
    payload: bytes  # its first bytes
    path: str  # the configured path that was not found
    detail: str


class Connection(NamedTuple):
    """The connection between the daemon and its broker."""

    connected: bool
    subscribed: bool
    problem: str
    waiting: int  # messages between the network and the main loop


@dataclass(frozen=True, slots=True)
class Sources:
    """The functions by which the page reads the daemon. They are called on its threads, and must not wait."""

    config: Callable[[], Config]
    detectors: Callable[[], Sequence[Shown]]
    labels: Callable[[], Mapping[str, Labels]]  # by detector
    hushes: Callable[[], Sequence[Hush]]
    connection: Callable[[], Connection]
    unready: Callable[[], Sequence[str]]
    refused: Callable[[], Sequence[Refused]]
    topics: Callable[
        [int], tuple[int, Sequence[tuple[str, Routes]]]
    ]  # how many topics, and at most so many of them
    lanes: Callable[[], Mapping[str, Lane]]  # of the outbox, by sink
    ask: Callable[[bytes], bool]  # sends a command to the main loop; False if it takes none now


Facts = dict[str, Any]
"""A JSON object of an answer."""
