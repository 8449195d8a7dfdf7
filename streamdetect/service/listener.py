"""The parts of a detector that decoding needs: topics, codec and features, without a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from streamdetect.codecs import Codec
    from streamdetect.config import DetectorConfig


class Listening(Protocol):
    """The parts of a detector that decoding needs."""

    @property
    def name(self) -> str:
        """The detector's name."""

    @property
    def config(self) -> DetectorConfig:
        """Its topics, ids and payloads."""

    @property
    def codec(self) -> Codec:
        """The codec of its payloads."""

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features of a reading."""


class Listener(NamedTuple):
    """A detector without its model: for recording, which may come before a model, and for decoding alone."""

    config: DetectorConfig
    codec: Codec
    features: tuple[str, ...]

    @property
    def name(self) -> str:
        """The detector's name."""
        return self.config.name
