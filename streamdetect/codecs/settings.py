"""The settings for reading the payloads of one detector."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class PayloadSettings:
    """The payload section of a detector: its format and where values, names and time are in it."""

    format: str = "json"
    value: str = "value"
    """Where the one value is: a path in a document, a field key in line protocol."""
    values: Mapping[str, str] | None = None
    """Feature name to where it is, in the order of the bundle's features; takes the place of `value`."""
    fields: Literal["together", "per_sensor"] = "together"
    """The `values` are one reading of several features, or one sensor each."""
    each: str | None = None
    """Where the list or object is whose entries are readings."""
    labels: Mapping[str, str] | None = None
    """Label name to where it is: the payload's facts about its sensor."""
    map: Mapping[str, float] | None = None
    """Text to the number that it stands for: ON to 1."""
    booleans: bool = False
    """Take true for 1 and false for 0."""
    numeric_strings: bool = True
    """Take a value of "21.5" for 21.5."""
    decimal_comma: bool = False
    """Take "21,5" for 21.5 and "1.234,5" for 1234.5."""
    units: Literal["any"] | Sequence[str] | None = None
    """Take "20.6 °C" for 20.6: units that may stand behind a number."""
    type: str | None = None
    """The type of raw bytes: float32-le, or with the number of its first byte: float32-le@4."""
    encoding: Literal["base64", "hex"] | None = None
    """What bytes are written in: those of the payload, or with `type` in a document those of the value."""
    compression: Literal["auto", "none", "gzip", "zlib"] = "auto"
    """What the payload is packed with; auto sees it by its first bytes."""
    time: str | None = None
    """Where the time is; without it, the time of arrival. Line protocol has a place of its own for it."""
    time_format: str | None = None
    """Without it, what is usual for the format: `ns` in line protocol, `s` elsewhere."""
    time_zone: str | None = None
    """Of written times that come without an offset."""
    time_missing: Literal["reject", "arrival"] = "reject"
    """What happens to a reading without its time."""
    options: Mapping[str, object] = field(default_factory=dict)
    """Of the format itself, by name: see `Codec.own`."""
    partial: bool = False
    """Take a reading in which some of the values are absent or unusable: they are missing, NaN."""
    max_payload: int = 64 * 1024
    """Bytes, packed and unpacked."""
    max_future: float = 300.0
    """Seconds that a time may lie ahead of the arrival."""

    @property
    def places(self) -> Mapping[str, str]:
        """Each value's name and where it is."""
        return {"value": self.value} if self.values is None else self.values

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features of one reading, in order."""
        return ("value",) if self.per_sensor else tuple(self.places)

    @property
    def per_sensor(self) -> bool:
        """Each of the values is a sensor of its own."""
        return self.values is not None and self.fields == "per_sensor"

    @property
    def names(self) -> tuple[str, ...]:
        """The names that the payload brings, in the order of a sample's `names`."""
        return (*(self.labels or ()), *(("field",) if self.per_sensor else ()))
