"""Known senders: their topics, and the fields of their payloads."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Sender(NamedTuple):
    """A kind of sender."""

    name: str
    about: str
    topic: re.Pattern[str]
    fits: Callable[[Any], bool]
    """Tells whether a payload, parsed, is one of its readings."""
    detector: dict[str, Any]
    """The block of the configuration; `values` is filled in where it is empty."""
    each: str = ""
    """The path of the entries whose fields become `values`."""


def _object(*keys: str) -> Callable[[Any], bool]:
    return lambda payload: isinstance(payload, dict) and all(key in payload for key in keys)


def _number(payload: Any) -> bool:  # noqa: ANN401 - a document
    return isinstance(payload, int | float) and not isinstance(payload, bool)


def _anything(_payload: object) -> bool:
    return True


def _sender(
    name: str, about: str, topic: str, fits: Callable[[Any], bool], detector: dict[str, Any], each: str = ""
) -> Sender:
    return Sender(name, about, re.compile(topic), fits, detector, each)


SENDERS: Final[Sequence[Sender]] = (
    _sender(
        "sparkplug",
        "Sparkplug B",
        r"spBv1\.0/.*",
        _anything,
        {"topics": ["spBv1.0/#"], "payload": {"format": "sparkplug"}},
    ),
    _sender(
        "zigbee",
        "Zigbee2MQTT",
        r"zigbee2mqtt/[^/]+",
        lambda payload: isinstance(payload, dict),
        {"topics": ["zigbee2mqtt/+"], "payload": {"values": {}, "fields": "per_sensor"}},
    ),
    _sender(
        "tasmota",
        "Tasmota",
        r"tele/[^/]+/SENSOR",
        _object("Time"),
        {
            "topics": ["tele/+/SENSOR"],
            "templates": ["tele/{device}/SENSOR"],
            "sensor": "{device}/{key}.{field}",
            "payload": {"each": "$", "values": {}, "fields": "per_sensor"},
        },
        each="$",
    ),
    _sender(
        "shelly-temperature",
        "Shelly, temperatures",
        r"[^/]+/status/temperature:\d+",
        _object("tC"),
        {
            "topics": ["+/status/+"],
            "templates": ["{device}/status/temperature:{channel}"],
            "sensor": "{device}/temperature/{channel}",
            "payload": {"value": "tC"},
        },
    ),
    _sender(
        "shelly-power",
        "Shelly, power",
        r"[^/]+/status/switch:\d+",
        _object("apower"),
        {
            "topics": ["+/status/+"],
            "templates": ["{device}/status/switch:{channel}"],
            "sensor": "{device}/power/{channel}",
            "payload": {"value": "apower"},
        },
    ),
    _sender(
        "shelly-gen1",
        "Shelly of the first generation",
        r"shellies/[^/]+/.+",
        _number,
        {"topics": ["shellies/#"], "payload": {"format": "number"}},
    ),
    _sender(
        "statestream",
        "Home Assistant statestream",
        r"homeassistant/sensor/[^/]+/state",
        _number,
        {
            "topics": ["homeassistant/sensor/+/state"],
            "templates": ["homeassistant/sensor/{sensor}/state"],
            "sensor": "{sensor}",
            "payload": {"format": "number"},
        },
    ),
    _sender(
        "esphome",
        "ESPHome",
        r"[^/]+/sensor/[^/]+/state",
        _number,
        {"topics": ["+/sensor/+/state"], "payload": {"format": "number"}},
    ),
    _sender(
        "ttn",
        "The Things Network",
        r"v3/[^/]+/devices/[^/]+/up",
        _object("uplink_message"),
        {
            "topics": ["v3/+/devices/+/up"],
            "templates": ["v3/{application}/devices/{device}/up"],
            "sensor": "{device}.{field}",
            "payload": {"values": {}, "fields": "per_sensor"},
        },
        each="uplink_message.decoded_payload",
    ),
    _sender(
        "chirpstack",
        "ChirpStack",
        r"application/[^/]+/device/[^/]+/event/up",
        _object("object"),
        {
            "topics": ["application/+/device/+/event/up"],
            "sensor": "{deviceInfo.devEui}.{field}",
            "payload": {"values": {}, "fields": "per_sensor"},
        },
        each="object",
    ),
    _sender(
        "victron",
        "Victron",
        r"N/[^/]+/.+",
        lambda payload: isinstance(payload, dict) and _number(payload.get("value")),
        {
            "topics": ["N/#"],
            "templates": ["N/{portal}/{path#}"],
            "sensor": "{portal}/{path}",
            "payload": {"value": "value"},
        },
    ),
    _sender(
        "homie",
        "Homie",
        r"homie/[^/$]+/[^/$]+/[^/$]+",
        _number,
        {
            "topics": ["homie/+/+/+"],
            "ignore": ["homie/+/$*/#", "homie/+/+/$*"],
            "payload": {"format": "number"},
        },
    ),
    _sender(
        "rtl_433",
        "rtl_433",
        r"rtl_433/[^/]+/events",
        _object("model", "id"),
        {
            "topics": ["rtl_433/+/events"],
            "sensor": "{model}/{id}.{field}",
            "payload": {"values": {}, "fields": "per_sensor"},
        },
    ),
)
