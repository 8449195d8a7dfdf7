"""How the payloads of one detector are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streamdetect.codecs.timestamps import TimeFormat


@dataclass(frozen=True, slots=True)
class PayloadSettings:
    """The payload section of a detector: its format and where values and time are in it."""

    format: Literal["json", "number", "influx"] = "json"
    value: str = "value"
    """Where the one value is: a path in JSON, a field key in line protocol."""
    values: Mapping[str, str] | None = None
    """Feature name to where it is, in the order of the bundle's features; takes the place of `value`."""
    fields: Literal["together", "per_sensor"] = "together"
    """The `values` are one reading of several features, or one sensor each."""
    partial: bool = False
    """Take a reading in which some of the values are absent or null (JSON): they are missing, NaN."""
    numeric_strings: bool = False
    """Take a value of "21.5" for 21.5."""
    time: str | None = None
    """Where the time is; without it, the time of arrival. Line protocol has a place of its own for it."""
    time_format: TimeFormat | None = None
    """Without it, what is usual for the format: `ns` in line protocol, `s` elsewhere."""
    max_payload: int = 64 * 1024
    """Bytes."""
    max_future: float = 300.0
    """Seconds that a time may lie ahead of the arrival."""

    @property
    def places(self) -> Mapping[str, str]:
        """Each value's name and where it is."""
        return {"value": self.value} if self.values is None else self.values

    @property
    def resolved_time_format(self) -> TimeFormat:
        """The time format in force."""
        return self.time_format or ("ns" if self.format == "influx" else "s")

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features of one reading, in order."""
        return ("value",) if self.per_sensor else tuple(self.places)

    @property
    def per_sensor(self) -> bool:
        """Each of the values is a sensor of its own."""
        return self.values is not None and self.fields == "per_sensor"
