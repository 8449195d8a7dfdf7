"""Topics and payloads to samples: one class per payload format, and what they share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamdetect.codecs.binary import BytesCodec
from streamdetect.codecs.cbor import CborCodec
from streamdetect.codecs.influx import InfluxCodec
from streamdetect.codecs.json import JsonCodec
from streamdetect.codecs.messagepack import MessagePackCodec
from streamdetect.codecs.number import NumberCodec
from streamdetect.codecs.router import Route, Routes, Routing, Sensor, TopicRouter
from streamdetect.codecs.samples import REASONS, Codec, Decoded, Option, Sample
from streamdetect.codecs.senml import SenmlCodec
from streamdetect.codecs.settings import PayloadSettings
from streamdetect.codecs.sparkplug import SparkplugCodec
from streamdetect.codecs.topics import SensorTemplate, TopicTemplate

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "CODECS",
    "REASONS",
    "Codec",
    "Decoded",
    "Option",
    "PayloadSettings",
    "Route",
    "Routes",
    "Routing",
    "Sample",
    "Sensor",
    "SensorTemplate",
    "TopicRouter",
    "TopicTemplate",
    "codec",
]

CODECS: Final[Mapping[str, type[Codec]]] = {
    one.name: one
    for one in (
        JsonCodec,
        NumberCodec,
        InfluxCodec,
        CborCodec,
        MessagePackCodec,
        SenmlCodec,
        SparkplugCodec,
        BytesCodec,
    )
}
"""Every payload format by name."""


def codec(settings: PayloadSettings) -> Codec:
    """Make the codec that reads payloads as the settings say."""
    return CODECS[settings.format](settings)
