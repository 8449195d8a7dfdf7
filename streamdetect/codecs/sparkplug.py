"""Sparkplug B (Eclipse Sparkplug 3.0) under `spBv1.0/`: reports of edge nodes and their devices.

A birth lists the metrics and the number (alias) of each; data carries the numbers only. So each edge node has
a table, and without its birth, or with a gap in its sequence, a rebirth is requested. A death is not a
reading: its sensors are silent from then on.

Without `value` and `values` every metric that is a number is a sensor of its own,
`{group}/{node}/{device}/{metric}`; of an edge node's own metrics the device is empty. `value` and `values`
name metrics as they stand, and the sensor is the device. Metrics of the protocol itself (`bdSeq`, `Node
Control/…`) are left out.
"""

# ruff: noqa: ANN401 - messages of protobuf are made at run time, and have no types

from __future__ import annotations

import time as clock
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

from streamdetect.codecs.paths import fetcher
from streamdetect.codecs.samples import Codec, Option
from streamdetect.codecs.settings import PayloadSettings
from streamdetect.codecs.trees import Place, TreeCodec
from streamdetect.errors import RejectedPayload

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from streamdetect.codecs.samples import Decoded

_NAMESPACE: Final = "spBv1.0"
_BIRTHS, _DATA, _DEATHS = ("NBIRTH", "DBIRTH"), ("NDATA", "DDATA"), ("NDEATH", "DDEATH")
_SIGNED: Final = {1: 8, 2: 16, 3: 32, 4: 64}  # bits of Int8 … Int64, by datatype (6.4.16)
_DATE: Final = 13
_OWN: Final = ("bdSeq", "Node Control/", "Device Control/")
_SEQUENCE: Final = 256
_ASK_EVERY: Final = 60.0  # s between two requests to one edge node
_MOST_NODES: Final = 10_000
_BOOLEAN: Final = 11


class _Known(NamedTuple):
    """A metric, as its birth describes it."""

    name: str
    datatype: int


class _Node:
    """The table of one edge node."""

    def __init__(self) -> None:
        self.asked = -_ASK_EVERY  # when a rebirth was last asked for, Unix seconds
        self.forget_all()

    def forget_all(self) -> None:
        """Take note of the death of the node, or of its birth: all of its devices have died with it."""
        self.sequence: int | None = None
        self.by_alias: dict[int, tuple[str, _Known]] = {}  # device and metric; aliases are unique in a node
        self.by_name: dict[tuple[str, str], _Known] = {}
        self.born: set[str] = set()  # devices; "" is the node itself

    def forget(self, device: str) -> None:
        """Take note of the death of a device, or of its birth."""
        self.born.discard(device)
        self.by_alias = {alias: one for alias, one in self.by_alias.items() if one[0] != device}
        self.by_name = {name: one for name, one in self.by_name.items() if name[0] != device}


class SparkplugCodec(TreeCodec):
    """Reads the metrics of births and data messages."""

    name: ClassVar = "sparkplug"
    about: ClassVar = "Sparkplug B"
    takes: ClassVar = frozenset({"value", "values", "fields", "map", "booleans", "numeric_strings", "units"})
    own: ClassVar = {
        "rebirth": Option(
            bool, default=True, text="Of sparkplug: ask an edge node for a birth that is missing."
        ),
    }
    has_times: ClassVar = True
    needs: ClassVar = "google.protobuf"

    def __init__(self, settings: PayloadSettings) -> None:
        every, names = _takes_every(settings), self.names_of(settings)
        super().__init__(
            replace(
                settings,
                value="value",
                values=None if every else settings.places,
                each="metrics" if every else None,
                labels={name: name for name in names},
                time="timestamp",
                time_format="ms",
                time_missing="arrival",
            )
        )
        self._words = bool(settings.booleans or settings.map)
        self._asks = settings.options.get("rebirth", True)
        self._nodes: dict[tuple[str, str], _Node] = {}
        self._commands: list[tuple[str, bytes]] = []

    @classmethod
    def place(cls, name: str, where: str) -> Place:
        """Find a metric by its name as it stands; see `TreeCodec.place`."""
        return Place(name, where, ("values", where), fetcher(("values", where)))

    @classmethod
    def names_of(cls, settings: PayloadSettings) -> tuple[str, ...]:
        """Name the levels that sensors have; see `Codec.names_of`."""
        return (
            ("group", "node", "device", "metric") if _takes_every(settings) else ("group", "node", "device")
        )

    @classmethod
    def sensor_of(cls, settings: PayloadSettings) -> str | None:
        """Name a metric or a device; see `Codec.sensor_of`."""
        return "/".join(f"{{{name}}}" for name in cls.names_of(settings))

    def decode(self, payload: bytes, arrival: float, topic: str = "") -> Decoded:
        """Read the samples of one message; see `Codec.decode`."""
        namespace, *levels = topic.split("/")
        if namespace != _NAMESPACE or len(levels) not in {3, 4} or levels[1] not in _BIRTHS + _DATA + _DEATHS:
            raise RejectedPayload("field", "neither a birth, nor data, nor a death", foreign=True)
        if len(payload) > self._max_payload:
            raise RejectedPayload("size", f"{len(payload)} bytes, {self._max_payload} allowed")
        group, kind, name, device = (*levels, "")[:4]
        message = _parsed(self._open(payload) if self._open else payload)
        node = self._node(group, name)
        faults: list[RejectedPayload] = []
        metrics = list(self._metrics(node, kind, device, message, faults))
        if self._asks and not (kind in _DEATHS or self._in_order(node, kind, device, message, faults)):
            self._ask(node, group, name, arrival)
        if kind in _DEATHS:
            raise RejectedPayload("field", f"the death of {device or name}", foreign=True)
        if not metrics:
            raise faults[0] if faults else RejectedPayload("field", "no metric is a number", foreign=True)
        decoded = self.read(_document(group, name, device, metrics, message), arrival)
        return decoded._replace(faults=(*decoded.faults, *faults))

    def commands(self) -> Sequence[tuple[str, bytes]]:
        """Return the requests for births; see `Codec.commands`."""
        asked, self._commands = self._commands, []
        return asked

    def _node(self, group: str, name: str) -> _Node:
        node = self._nodes.get((group, name))
        if node is None:
            if len(self._nodes) >= _MOST_NODES:
                del self._nodes[next(iter(self._nodes))]
            node = self._nodes[group, name] = _Node()
        return node

    def _metrics(
        self, node: _Node, kind: str, device: str, message: Any, faults: list[RejectedPayload]
    ) -> Iterator[tuple[str, object, int | None]]:
        """Return name, value and time of each metric that may be a measurement; keeps the table."""
        if kind in _DEATHS or kind in _BIRTHS:
            node.forget_all() if kind[0] == "N" else node.forget(device)
        if kind in _BIRTHS:
            node.born.add(device)
        for metric in message.metrics if kind not in _DEATHS else ():
            known = self._known(node, kind, device, metric)
            if known is None:
                faults.append(
                    RejectedPayload("field", f"the alias {metric.alias} is not known: no birth was heard")
                )
            elif not known.name.startswith(_OWN) and (value := self._value(metric, known)) is not None:
                yield known.name, value, metric.timestamp if metric.HasField("timestamp") else None

    def _known(self, node: _Node, kind: str, device: str, metric: Any) -> _Known | None:
        """Say which metric this is, and take note of it if this is its birth."""
        if kind in _BIRTHS:
            known = _Known(metric.name, metric.datatype)
            node.by_name[device, metric.name] = known
            if metric.HasField("alias"):
                node.by_alias[metric.alias] = (device, known)
            return known
        if metric.HasField("name") and metric.name:
            return node.by_name.get((device, metric.name), _Known(metric.name, metric.datatype))
        _, found = node.by_alias.get(metric.alias, ("", None))
        return found

    def _value(self, metric: Any, known: _Known) -> object:
        """Return a metric's value; None when it is not a measurement."""
        kind = metric.WhichOneof("value")
        if metric.is_null or kind is None or known.datatype == _DATE:
            return None
        value: object = getattr(metric, kind)
        if kind in {"int_value", "long_value"}:
            bits = _SIGNED.get(known.datatype)
            return value if bits is None else _signed(getattr(metric, kind), bits)
        return value if kind in {"float_value", "double_value"} or self._words else None

    def _in_order(
        self, node: _Node, kind: str, device: str, message: Any, faults: Sequence[RejectedPayload]
    ) -> bool:
        """Tell whether no message before this one is missing (6.4.6)."""
        expected = None if node.sequence is None else (node.sequence + 1) % _SEQUENCE
        node.sequence = message.seq
        born = {"", device} <= node.born
        return born and not faults and (kind == "NBIRTH" or expected in {None, message.seq})

    def _ask(self, node: _Node, group: str, name: str, arrival: float) -> None:
        """Ask an edge node for a new birth, not too often."""
        if arrival - node.asked >= _ASK_EVERY:
            node.asked = arrival
            self._commands.append((f"{_NAMESPACE}/{group}/NCMD/{name}", _rebirth()))

    def load(self, payload: bytes) -> object:
        """Not needed: `decode` wants the topic, too."""
        return _parsed(payload)

    @classmethod
    def dump(cls, document: object) -> bytes:
        """Not needed: `write` makes the message."""
        raise NotImplementedError

    @classmethod
    def topic(cls, topic: str, sensor: int) -> str:  # noqa: ARG003 - the topics are fixed
        """Return the topic of an edge node; see `Codec.topic`."""
        return f"{_NAMESPACE}/bench/NDATA/node{sensor}"

    @classmethod
    def write(cls, settings: PayloadSettings, time: float, values: Sequence[float]) -> bytes:
        """Write data with names instead of aliases; see `Codec.write`."""
        message = _payload_class()(timestamp=int(time * 1000), seq=0)
        for name, value in zip(settings.places.values(), values, strict=False):
            message.metrics.add(name=name, datatype=10, double_value=value)
        written: bytes = message.SerializeToString()
        return written

    @classmethod
    def problems(cls, settings: PayloadSettings) -> Iterator[tuple[str, str]]:
        """Find nothing: a metric's name is any text; see `Codec.problems`."""
        return Codec.problems.__func__(cls, settings)  # type: ignore[attr-defined,no-any-return]


def _takes_every(settings: PayloadSettings) -> bool:
    return settings.values is None and settings.value == PayloadSettings.__dataclass_fields__["value"].default


def _payload_class() -> Any:
    from streamdetect.codecs.sparkplug_messages import Payload  # noqa: PLC0415 - protobuf is an extra

    return Payload


def _parsed(payload: bytes) -> Any:
    try:
        return _payload_class().FromString(payload)
    except Exception as error:
        if type(error).__name__ != "DecodeError":
            raise
        raise RejectedPayload("decode", "not a Sparkplug B payload") from None


def _document(
    group: str, node: str, device: str, metrics: list[tuple[str, object, int | None]], message: Any
) -> dict[str, object]:
    """Write the report as a document that `TreeCodec` reads."""
    stamp = message.timestamp if message.HasField("timestamp") else None
    entries = [
        {"metric": name, "values": {"value": value}, "timestamp": stamp if time is None else time}
        for name, value, time in metrics
    ]
    values = {name: value for name, value, _ in metrics}
    return {
        "group": group,
        "node": node,
        "device": device,
        "timestamp": stamp,
        "metrics": entries,
        "values": values,
    }


def _signed(value: int, bits: int) -> int:
    """Read an unsigned number as two's complement; some write it with as many bits as the field has."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def _rebirth() -> bytes:
    message = _payload_class()(timestamp=int(clock.time() * 1000))
    message.metrics.add(name="Node Control/Rebirth", datatype=_BOOLEAN, boolean_value=True)
    written: bytes = message.SerializeToString()
    return written
