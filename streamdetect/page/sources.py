"""What the page is shown of a daemon: it knows no more of it than this."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from streamdetect.bundles.bundle import Bundle
    from streamdetect.config import Config, DetectorConfig
    from streamdetect.core.detector import Detector
    from streamdetect.sinks.events import EventEncoder

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


@dataclass(frozen=True, slots=True)
class Sources:
    """How the page gets at what it shows. Each is called on the page's thread, and must not wait."""

    config: Callable[[], Config]
    detectors: Callable[[], Sequence[Shown]]
    labels: Callable[[], Mapping[str, Labels]]  # by detector
    hushes: Callable[[], Sequence[Hush]]
