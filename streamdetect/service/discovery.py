"""A sensor as Home Assistant's MQTT discovery wants it: one message a device, with all of its entities.

See https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery (2024.11 and later).
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from streamdetect import __version__
from streamdetect.sinks.mqtt import topic_levels

if TYPE_CHECKING:
    from streamdetect.config import Config

_LONGEST = 48  # characters of what an id says in words


class Topics(NamedTuple):
    """The topics of a sensor: its announcement, and its state."""

    object_id: str
    config: str
    state: str


def entity_topics(config: Config, detector: str, sensor: str) -> Topics:
    """The topics of a sensor; two sensors never share one, nor do two daemons."""
    name = object_id(config.mqtt.client_id, detector, sensor)
    return Topics(
        object_id=name,
        config=f"{config.homeassistant.discovery_prefix}/device/{name}/config",
        state=f"{config.events.prefix}/state/{detector}/{topic_levels(sensor)}",
    )


def object_id(client_id: str, detector: str, sensor: str) -> str:
    """Make an id of `[a-zA-Z0-9_-]`: a part that people recognise, and a hash that makes it unique."""
    words = re.sub(r"[^a-zA-Z0-9_-]+", "_", sensor).strip("_")[:_LONGEST]
    digest = hashlib.sha256(orjson.dumps([client_id, detector, sensor])).hexdigest()[:12]
    return f"streamdetect_{words}_{digest}" if words else f"streamdetect_{digest}"


def device(config: Config, detector: str, sensor: str, topics: Topics) -> dict[str, Any]:
    """The discovery message of a sensor."""
    return {
        "device": {
            "identifiers": [topics.object_id],
            "name": sensor,
            "manufacturer": "streamdetect",
            "model": f"detector {detector}",
            "sw_version": __version__,
        },
        "origin": {"name": "streamdetect", "sw_version": __version__},
        **({"availability": [{"topic": config.status_topic}]} if config.events.status else {}),
        "qos": 1,
        "components": _components(config, sensor, topics),
    }


def _components(config: Config, sensor: str, topics: Topics) -> dict[str, Any]:
    found: dict[str, dict[str, Any]] = {
        "problem": {
            "platform": "binary_sensor",
            "name": "Anomaly",
            "device_class": "problem",
            "value_template": "{{ value_json.problem }}",
            "json_attributes_topic": topics.state,
            "json_attributes_template": "{{ value_json.attributes | tojson }}",
        },
        "score": {
            "platform": "sensor",
            "name": "Anomaly score",
            "state_class": "measurement",
            "entity_category": "diagnostic",
            "suggested_display_precision": 2,
            "value_template": "{{ value_json.score }}",
        },
    }
    if config.answers.enabled:
        found["mute"] = {
            "platform": "switch",
            "name": "Mute",
            "icon": "mdi:bell-off",
            "entity_category": "config",
            "command_topic": config.events.command_topic,
            "payload_on": _command("mute", sensor),
            "payload_off": _command("unmute", sensor),
            "state_on": "ON",
            "state_off": "OFF",
            "value_template": "{{ value_json.muted }}",
        }
        found["sensitivity"] = {
            "platform": "number",
            "name": "Sensitivity",
            "icon": "mdi:tune",
            "entity_category": "config",
            "command_topic": config.events.command_topic,
            "command_template": _sensitivity(sensor),
            "min": 0.1,
            "max": 10,
            "step": 0.1,
            "mode": "box",
            "value_template": "{{ value_json.sensitivity }}",
        }
    common: dict[str, Any] = {"state_topic": topics.state}
    return {name: one | common | {"unique_id": f"{topics.object_id}_{name}"} for name, one in found.items()}


def _command(do: str, sensor: str) -> str:
    return orjson.dumps({"do": do, "sensor": glob_of(sensor), "by": "Home Assistant"}).decode()


def _sensitivity(sensor: str) -> str:
    """Return a template: braces of the sensor are written as JSON escapes, so none is the template's."""
    command = {"do": "sensitivity", "sensor": glob_of(sensor), "by": "Home Assistant", "value": "@"}
    text = orjson.dumps(command).decode()[1:-1].replace("{", r"\u007b").replace("}", r"\u007d")
    return "{" + text.replace('"@"', "{{ value }}") + "}"


def glob_of(sensor: str) -> str:
    """Return a pattern that matches this sensor alone."""
    return re.sub(r"([*?[])", r"[\1]", sensor)
