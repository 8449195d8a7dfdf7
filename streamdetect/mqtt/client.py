"""Paho's client, but for two things in which its loop suits nobody who stops reading now and then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paho.mqtt.client import Client
from paho.mqtt.enums import MQTTErrorCode

if TYPE_CHECKING:
    from typing import Final

_AGAIN: Final = MQTTErrorCode.MQTT_ERR_AGAIN
_SUCCESS: Final = MQTTErrorCode.MQTT_ERR_SUCCESS


class PacedClient(Client):
    """Reads a packet when it is told to, and takes nobody's silence for a loss."""

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """Read one packet, or what is there of it.

        Paho's own reads as many as there are publications in flight, whatever it is asked for.
        """
        if max_packets < 1 or self._sock is None:
            return MQTTErrorCode.MQTT_ERR_NO_CONN
        code = self._packet_read()
        if code > 0:
            return self._loop_rc_handle(code)
        return _SUCCESS if code == _AGAIN else code

    def ask(self) -> None:
        """Send a PINGREQ.

        Paho's own keepalive (`loop_misc`) ends a connection on which the answer was not read.
        """
        self._send_pingreq()
