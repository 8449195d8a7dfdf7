"""Topics and payloads to samples: pure functions, one file per payload format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamdetect.codecs.influx import InfluxCodec
from streamdetect.codecs.json import JsonCodec
from streamdetect.codecs.number import NumberCodec
from streamdetect.codecs.router import Route, Routing, TopicRouter
from streamdetect.codecs.samples import REASONS, Codec, Sample
from streamdetect.codecs.settings import PayloadSettings
from streamdetect.codecs.topics import SensorTemplate, TopicTemplate

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "REASONS",
    "Codec",
    "PayloadSettings",
    "Route",
    "Routing",
    "Sample",
    "SensorTemplate",
    "TopicRouter",
    "TopicTemplate",
    "codec",
]


def codec(settings: PayloadSettings) -> Codec:
    """Make the codec that reads payloads as the settings say."""
    kinds: dict[str, Callable[[PayloadSettings], Codec]] = {
        "json": JsonCodec,
        "number": NumberCodec,
        "influx": InfluxCodec,
    }
    return kinds[settings.format](settings)
