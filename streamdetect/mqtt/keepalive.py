"""The keepalive: tells whether the broker is still there."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamdetect.mqtt.client import PacedClient

_ASK = 0.5  # of the keepalive, between two questions; the broker gives us up after 1.5
_LOST = 1.5  # of the keepalive, without a sign of the broker


class Keepalive:
    """Asks the broker twice per keepalive, and tells when it no longer answers.

    Times are monotonic seconds.
    """

    def __init__(self, client: PacedClient, now: float) -> None:
        self._client = client
        self._asked = self._heard = now

    def heard(self, now: float) -> None:
        """Note that something came, or that we do not read: then silence means nothing."""
        self._heard = now

    def lost(self, now: float) -> bool:
        """Ask if it is time to; returns whether the broker has been silent for too long."""
        keepalive = self._client.keepalive  # the broker may have set another one
        if not keepalive:
            return False
        if now - self._asked >= _ASK * keepalive and self._client.is_connected():
            self._asked = now
            self._client.ask()
        return now - self._heard > _LOST * keepalive
