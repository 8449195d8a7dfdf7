"""An event as it is kept and passed on: it holds the facts, but not its destination."""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson


class Event(NamedTuple):
    """One CloudEvent under its id."""

    id: str
    detector: str
    sensor: str
    payload: bytes  # structured JSON

    @property
    def facts(self) -> dict[str, Any]:
        """The CloudEvent, parsed anew at each call."""
        facts: dict[str, Any] = orjson.loads(self.payload)
        return facts
