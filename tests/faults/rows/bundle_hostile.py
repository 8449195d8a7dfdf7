"""Rows 28 and 35."""

from __future__ import annotations

import hashlib
import json
import shutil
from typing import TYPE_CHECKING, Any

from rig import checked
from rig.bench import Bench, Outcome, row

from streamdetect.bundles.bundle import Bundle
from streamdetect.errors import BundleError

if TYPE_CHECKING:
    from pathlib import Path

    from rig.checked import Checked

_HUGE = (10**30, -(10**30), 1 << 63, 1e300)
_MEMORY = 600 << 20  # bytes that a check may take
_SECONDS = 30.0
_REFUSED = 78


@row(28, "huge numbers in a manifest", "refused, whichever number it is")
def numbers_hostile(bench: Bench) -> Outcome:
    """Each number of bundle.json is made huge in its turn, and `check` is asked about some of them."""
    original = json.loads((Bundle.load("general").path / "bundle.json").read_text())
    places = [place for place in _numbers(original) if place[0] not in {"files", "format"}]
    refused = [
        _refused(bench, original, place, value)
        for place in places[:: 1 if bench.long else 7]
        for value in _HUGE
    ]
    history = _check(_edited(bench, original, ("scaling", "history"), 10**30))
    figure = f"{sum(refused)} of {len(refused)} refused; check of a history of 10^30: {history.code}"
    return Outcome(figure, all(refused) and history.code == _REFUSED)


@row(35, "ONNX graph with a loop, or a giant constant", "refused by what the graph holds before it runs")
def graph_hostile(bench: Bench) -> Outcome:
    """Two graphs that somebody made: one loops 2^62 times, one makes 16 GB of a shape."""
    loop = _graph(_node("Loop", ["n", "yes", "x"], "y", attributes=[_text(1, b"body") + _text(6, b"")]))
    shape = _integers("s", [1 << 32])
    giant = _graph(_node("ConstantOfShape", ["s"], "c"), _node("Add", ["x", "c"], "y"), constants=[shape])
    results = [_check(_with_graph(bench, graph)) for graph in (loop, giant)]
    figure = ", ".join(f"{one.code} after {one.seconds:.1f} s and {one.rss >> 20} MB" for one in results)
    holds = all(
        one.code not in {0, -9} and one.rss < _MEMORY and "Traceback" not in one.said for one in results
    )
    return Outcome(f"check: {figure}", holds and all("must hold" in one.said for one in results))


def _numbers(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the places of numbers in a JSON document."""
    if isinstance(value, dict):
        return [found for key, inner in value.items() for found in _numbers(inner, (*place, key))]
    if isinstance(value, list):
        return [found for at, inner in enumerate(value[:2]) for found in _numbers(inner, (*place, at))]
    return [place] if isinstance(value, (int, float)) and not isinstance(value, bool) else []


def _edited(bench: Bench, original: dict[str, Any], place: tuple[Any, ...], value: float) -> Path:
    folder = bench.subfolder("bundle")
    shutil.copytree(Bundle.load("general").path, folder, dirs_exist_ok=True)
    document = json.loads(json.dumps(original))
    inner = document
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    (folder / "bundle.json").write_text(json.dumps(document))
    return folder


def _refused(bench: Bench, original: dict[str, Any], place: tuple[Any, ...], value: float) -> bool:
    folder = _edited(bench, original, place, value)
    try:
        Bundle.load(folder)
    except BundleError:
        return True
    finally:
        shutil.rmtree(folder)
    return False


def _check(bundle: Path) -> Checked:
    config = bundle / "config.yaml"
    config.write_text(json.dumps({"detectors": [{"name": "lab", "bundle": str(bundle)}]}))
    return checked.run(bundle, "check", str(config), within=_SECONDS)


def _with_graph(bench: Bench, graph: bytes) -> Path:
    """The shipped bundle with another graph, and the hash that goes with it."""
    folder = bench.subfolder("bundle")
    shutil.copytree(Bundle.load("general").path, folder, dirs_exist_ok=True)
    document = json.loads((folder / "bundle.json").read_text())
    document["files"]["model.onnx"] = {"sha256": hashlib.sha256(graph).hexdigest(), "bytes": len(graph)}
    (folder / "bundle.json").write_text(json.dumps(document))
    (folder / "model.onnx").write_bytes(graph)
    return folder


# A few messages of ONNX in protobuf's wire format: the package is not everywhere that this runs.


def _varint(number: int) -> bytes:
    out = b""
    while number >= 0x80:
        out, number = out + bytes([number & 0x7F | 0x80]), number >> 7
    return out + bytes([number])


def _text(field: int, data: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _node(name: str, given: list[str], made: str, attributes: list[bytes] | None = None) -> bytes:
    parts = [*(_text(1, one.encode()) for one in given), _text(2, made.encode()), _text(4, name.encode())]
    return b"".join([*parts, *(_text(5, one) for one in attributes or [])])


def _integers(name: str, values: list[int]) -> bytes:
    raw = b"".join(value.to_bytes(8, "little") for value in values)
    return (
        _varint(1 << 3)
        + _varint(len(values))
        + _varint(2 << 3)
        + _varint(7)
        + _text(8, name.encode())
        + _text(9, raw)
    )


def _graph(*nodes: bytes, constants: list[bytes] | None = None) -> bytes:
    inner = b"".join(_text(1, node) for node in nodes) + b"".join(_text(5, one) for one in constants or [])
    opset = _text(8, _text(1, b"") + _varint(2 << 3) + _varint(15))
    return _varint(1 << 3) + _varint(8) + opset + _text(7, inner + _text(2, b"graph"))
