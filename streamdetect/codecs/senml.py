"""SenML packs (RFC 8428) in JSON: records of a name, a time and a value, and base fields that go on.

Each record becomes an entry with `n` (its name, with the base name before it), `t` (Unix seconds) and `v`;
see trees.py for what is read from it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

import orjson

from streamdetect.codecs.json import JsonCodec
from streamdetect.errors import RejectedPayload

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from streamdetect.codecs.samples import Decoded
    from streamdetect.codecs.settings import PayloadSettings

_RELATIVE: Final = 2**28  # s; a smaller time is one from now (RFC 8428, 4.5.3)
_VALUES: Final = ("v", "vb", "vs")  # a number, a boolean, text


class SenmlCodec(JsonCodec):
    """Reads the records of a pack, each under its name there."""

    name: ClassVar = "senml"
    about: ClassVar = "SenML"
    takes: ClassVar = frozenset({"map", "booleans", "numeric_strings", "labels", "units"})
    has_times: ClassVar = True

    def __init__(self, settings: PayloadSettings) -> None:
        labels = {"n": "n", **(settings.labels or {})}
        super().__init__(replace(settings, value="v", time="t", time_format="s", labels=labels))
        self.read_one = self._read_several = None

    @classmethod
    def names_of(cls, settings: PayloadSettings) -> tuple[str, ...]:  # noqa: ARG003 - all is fixed
        """Return the record's name; see `Codec.names_of`."""
        return ("n",)

    @classmethod
    def sensor_of(cls, settings: PayloadSettings) -> str | None:  # noqa: ARG003 - all is fixed
        """Name a sensor as its record does; see `Codec.sensor_of`."""
        return "{n}"

    def read(self, document: object, arrival: float) -> Decoded:
        """Resolve the records of a pack and read them; see `TreeCodec.read`."""
        if not isinstance(document, list):
            raise RejectedPayload("type", "must be a list of records", foreign=True)
        return super().read(list(_resolved(document, arrival)), arrival)

    @classmethod
    def write(cls, settings: PayloadSettings, time: float, values: Sequence[float]) -> bytes:  # noqa: ARG003 - all is fixed
        """Write a pack of one record; see `Codec.write`."""
        return orjson.dumps([{"n": "bench", "t": time, "v": values[0]}])


def _resolved(records: list[Any], arrival: float) -> Iterator[dict[str, Any]]:
    """Return each record with what the base fields before it say (RFC 8428, 4.6)."""
    base: dict[str, Any] = {}
    for record in records:
        if not isinstance(record, dict):
            yield {}
            continue
        base |= {key: value for key, value in record.items() if key in {"bn", "bt", "bv"}}
        time = _sum(base.get("bt"), record.get("t"))
        found = next((record[key] for key in _VALUES if key in record), None)
        yield {
            **record,
            "n": f"{base.get('bn', '')}{record.get('n', '')}",
            "t": arrival + time if isinstance(time, int | float) and time < _RELATIVE else time,
            **({} if found is None else {"v": _sum(base.get("bv"), found) if "v" in record else found}),
        }


def _sum(base: object, own: object) -> Any:  # noqa: ANN401 - a value of JSON
    """Add a base value to a record's own; anything but a number is kept, and refused later."""
    if not isinstance(own, int | float):
        return own if own is not None else base or 0
    return own + base if isinstance(base, int | float) else own
