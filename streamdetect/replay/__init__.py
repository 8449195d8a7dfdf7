"""Publish recordings to a broker, as the sensors once did: how a daemon is tried on recorded data."""

from __future__ import annotations

from streamdetect.replay.messages import Messages
from streamdetect.replay.publisher import Publisher

__all__ = ["Messages", "Publisher"]
