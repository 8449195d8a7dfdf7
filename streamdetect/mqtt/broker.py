"""The parts of a connection to the broker: client, TLS, will, properties, subscriptions, topics.

Nothing here holds state or talks to a socket; `streamdetect.mqtt.edge` runs what this module makes.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Literal

from paho.mqtt.client import MQTT_CLEAN_START_FIRST_ONLY, MQTTv5, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from streamdetect.config.tls import client_context
from streamdetect.errors import ConfigError
from streamdetect.mqtt.client import PacedClient

if TYPE_CHECKING:
    from collections.abc import Callable

    from paho.mqtt.client import Client

    from streamdetect.config import MqttConfig

log = logging.getLogger(__name__)

LONGEST_TOPIC = 65_535  # bytes, as UTF-8 (MQTT 5, 1.5.4)
# Maximum Packet Size counts topic and properties too, and a payload within the limit must always fit.
_PACKET_HEADROOM = LONGEST_TOPIC + 1024
_UNUSED_PORT = 1883  # paho insists on a port for a unix socket too

# Wildcards, control characters, and the non-characters for which Mosquitto closes the connection.
_FORBIDDEN = re.compile("[+#\x00-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]")


def make_client(
    settings: MqttConfig, factory: Callable[..., PacedClient] = PacedClient, *, forget: bool = False
) -> PacedClient:
    """Return a client ready for `reconnect()`: addressed and authenticated.

    Args:
        settings: the `mqtt` section of the configuration.
        factory: makes the client.
        forget: true if the first connection gives up what the broker has kept of an earlier run.

    Raises:
        ConfigError: the password or a TLS file cannot be read or does not fit.
    """
    version5 = settings.protocol == "5"
    client = factory(
        callback_api_version=CallbackAPIVersion.VERSION2,
        client_id=settings.client_id,
        clean_session=None if version5 else forget or not settings.persistent_session,
        protocol=MQTTv5 if version5 else MQTTv311,
        transport=settings.transport,
        manual_ack=True,
    )
    # The edge bounds what is in flight, by its own limit and the broker's; paho must never queue.
    client.max_inflight_messages_set(0)
    client.largest = settings.max_payload + _PACKET_HEADROOM
    give_access(client, settings)
    _address(client, settings, forget=forget)
    return client


def give_access(client: Client, settings: MqttConfig) -> None:
    """Give a client its credentials for the broker: user and password, the WebSocket's path, TLS.

    Raises:
        ConfigError: the password or a TLS file cannot be read or does not fit.
    """
    if settings.username is not None:
        client.username_pw_set(settings.username, settings.password_value())
    if settings.transport == "websockets":
        client.ws_set_options(path=settings.websocket_path)
    if settings.tls.enabled:
        client.tls_set_context(client_context(settings.tls, "mqtt.tls"))


def renew_access(client: Client, settings: MqttConfig) -> None:
    """Read the password anew; one that cannot be read leaves the last one in place."""
    if settings.username is None:
        return
    try:
        client.username_pw_set(settings.username, settings.password_value())
    except ConfigError as error:
        log.warning("the password stays as it was: %s", error)


def _address(client: PacedClient, settings: MqttConfig, *, forget: bool) -> None:
    host, port, keepalive = settings.host, settings.resolved_port, int(settings.keepalive)
    if settings.transport == "unix":
        host, port = str(settings.path), _UNUSED_PORT
    if settings.protocol != "5":
        client.connect_async(host, port, keepalive)
        return
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call] # paho's own gap
    properties.SessionExpiryInterval = int(settings.session_expiry) if settings.persistent_session else 0
    # Without it Mosquitto sends no more than 20 messages ahead of our acknowledgements. It is one less than
    # we take: only a broker that ignores it makes us stop reading.
    properties.ReceiveMaximum = max(1, settings.max_undelivered_messages - 1)
    # No Maximum Packet Size: a broker drops what is above it, and nobody would know. The client skips it.
    clean: bool | Literal[3] = not settings.persistent_session
    if settings.persistent_session and forget:
        clean = MQTT_CLEAN_START_FIRST_ONLY
    client.connect_async(host, port, keepalive, clean_start=clean, properties=properties)


def subscription_options(settings: MqttConfig) -> SubscribeOptions | int:
    """Return the arguments of `Client.subscribe` beside a filter.

    With MQTT 5 a resubscription does not replay retained messages, and our own publications do not come back.
    """
    if settings.protocol != "5":
        return settings.qos
    options: SubscribeOptions = SubscribeOptions(
        qos=settings.qos, noLocal=True, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB
    )
    return options


def topic_problem(topic: str) -> str:
    """Say why a message must not be published to `topic`; empty if it may.

    A broker answers a bad topic by closing the connection, and would do so again at every new attempt.
    """
    if not topic:
        return "empty topic"
    if topic.startswith("$"):
        return "topic is reserved for the broker"
    if _FORBIDDEN.search(topic):
        return "forbidden character in topic"
    try:
        length = len(topic.encode())
    except UnicodeEncodeError:
        return "topic is not valid Unicode"
    return "topic is too long" if length > LONGEST_TOPIC else ""
