"""The status: `online` and `offline`, in the strongest form that the broker takes, or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from paho.mqtt.client import Client

ONLINE, OFFLINE = b"online", b"offline"

_RETAIN_NOT_SUPPORTED, _QOS_NOT_SUPPORTED = 0x9A, 0x9B  # reason codes of CONNACK (MQTT 5, 3.2.2.2)


class Form(NamedTuple):
    """The form of a status message."""

    qos: int
    retain: bool


# A broker of MQTT 3.1.1 that has no retained messages or no QoS 1 closes the connection without a reason.
_FORMS: Final = tuple(Form(qos, retain) for qos in (1, 0) for retain in (True, False))


class Status:
    """The status topic, and the will that speaks for a daemon that is gone.

    Attributes:
        topic: None if no status is published.
        form: the strongest that has not been refused yet.
    """

    def __init__(self, client: Client, topic: str | None) -> None:
        self.topic, self.form = topic, _FORMS[0]
        self._client = client
        self._set_will()

    def say(self, payload: bytes) -> int | None:
        """Publish a status; returns the packet id, None if no status is published."""
        if self.topic is None:
            return None
        return self._client.publish(self.topic, payload, self.form.qos, self.form.retain).mid

    def refused(self, code: int | None) -> None:
        """Weaken the will for the next attempt to connect.

        Args:
            code: the reason code of the CONNACK; None when the broker closed the connection without one.
        """
        if code == _RETAIN_NOT_SUPPORTED:
            self.form = self.form._replace(retain=False)
        elif code == _QOS_NOT_SUPPORTED:
            self.form = self.form._replace(qos=0)
        elif code is None:
            self.form = _FORMS[(_FORMS.index(self.form) + 1) % len(_FORMS)]
        self._set_will()

    def lost(self) -> None:
        """Begin anew: the broker may be another, or have closed the connection for another reason."""
        self.form = _FORMS[0]
        self._set_will()

    def _set_will(self) -> None:
        if self.topic is not None:
            self._client.will_set(self.topic, OFFLINE, *self.form)
