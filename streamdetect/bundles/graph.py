"""Checks what an ONNX graph holds, from its bytes, before any runtime sees them.

The hash in a manifest says only that the graph is the one that somebody made. So nothing runs unless its
operators are on the list below: no control flow, which can loop for ever, no functions, no files beside the
graph. Every constant has to be in the file with all its bytes, and the numbers that shapes are made of are
bounded. What becomes of an input is bounded where the graph runs for the first time
(`streamdetect.bundles.runtime`).

Only five of ONNX's messages have to be read, in protobuf's wire format (protobuf.dev/programming-
guides/encoding); their fields are numbered as in onnx.proto. The package `onnx` could read them, but is 90 MB
that no daemon has.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Final, NoReturn

import numpy as np

from streamdetect.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    Message = dict[int, list[int | memoryview]]  # values by field number, in the order of the file

_ELEMENTWISE = """
    Abs Add And Cast Ceil Celu Clip Cos Div Elu Equal Erf Exp Floor Gelu Greater GreaterOrEqual
    HardSigmoid HardSwish Identity IsInf IsNaN LeakyRelu Less LessOrEqual Log Max Mean Min Mish Mod Mul
    Neg Not Or PRelu Pow Reciprocal Relu Round Selu Shrink Sigmoid Sign Sin Softplus Softsign Sqrt Sub Sum
    Tanh ThresholdedRelu Where Xor
"""
_ALONG_AN_AXIS = """
    ArgMax ArgMin CumSum LogSoftmax ReduceL1 ReduceL2 ReduceLogSumExp ReduceMax ReduceMean ReduceMin
    ReduceProd ReduceSum ReduceSumSquare Softmax
"""
_PLACES = """
    Concat Constant ConstantOfShape DepthToSpace Dropout Expand Flatten Gather GatherElements GatherND Pad
    Range Reshape Resize ReverseSequence Shape Size Slice SpaceToDepth Split Squeeze Tile Transpose Trilu
    Unsqueeze
"""
_LAYERS = """
    AveragePool BatchNormalization Conv ConvTranspose Einsum GRU Gemm GlobalAveragePool GlobalMaxPool
    GroupNormalization InstanceNormalization LSTM LayerNormalization LpNormalization MatMul MaxPool
    MeanVarianceNormalization RNN
"""
OPERATORS: Final = frozenset((_ELEMENTWISE + _ALONG_AN_AXIS + _PLACES + _LAYERS).split())
"""Of the standard's operators those that layers become: each runs once, and on numbers."""

LARGEST_SIZE: Final = 1 << 24
"""Of a dimension, a kernel, a number of repetitions: any integer that is not "to the end"."""
LARGEST_SHAPE: Final = 1 << 26
"""Numbers that a constant shape may ask for; 256 MB."""
MOST_FIELDS: Final = 500_000
"""In a file: a stacked LSTM has 2,000, and half a million take 2 s to read."""
MOST_INTEGERS: Final = 1 << 20
"""In a constant of integers, which is an index or a shape, not weights."""

_TO_THE_END: Final = frozenset({(1 << 31) - 1, 1 << 31, (1 << 63) - 1, 1 << 63})  # of Slice, or its negative
_SHAPE_RANK: Final = 8  # dimensions; a longer list of integers is not a shape
_SHOWN: Final = 60  # characters of an operator's name

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # wire types
_INT32, _INT64 = 6, 7  # TensorProto.DataType


class _Model:
    GRAPH, TRAINING, FUNCTIONS = 7, 20, 25


class _Graph:
    NODE, INITIALIZER, SPARSE = 1, 5, 15


class _Node:
    TYPE, ATTRIBUTE, DOMAIN = 4, 5, 7


class _Attribute:
    INT, TENSOR, INTS, TENSORS = 3, 5, 8, 10
    ELSE = (6, 11, 22, 23)  # graphs and sparse tensors


class _Tensor:
    DIMS, TYPE, INT32S, INT64S, RAW, EXTERNAL = 1, 2, 5, 7, 9, 13


def check_graph(content: bytes) -> None:
    """Refuse an ONNX model that holds anything but the layers of a network.

    Raises:
        BundleError: it is not an ONNX model, or breaks a rule; says which, and what was found.
    """
    _Check(content).run()


class _Check:
    """One file on its way through the rules."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._fields_left = MOST_FIELDS

    def run(self) -> None:
        model = self._read(memoryview(self._content))
        _forbid(model, (_Model.TRAINING, _Model.FUNCTIONS), "functions and training steps")
        if _Model.GRAPH not in model:
            raise BundleError("must be an ONNX model, got no graph")
        # Protobuf joins a message that is there twice; so every rule is for every occurrence.
        for graph in self._messages(model, _Model.GRAPH):
            _forbid(graph, (_Graph.SPARSE,), "sparse constants")
            for node in self._messages(graph, _Graph.NODE):
                self._check_node(node)
            for tensor in self._messages(graph, _Graph.INITIALIZER):
                self._check_tensor(tensor)

    def _check_node(self, node: Message) -> None:
        for name in map(_text, node.get(_Node.TYPE, ())):
            if name not in OPERATORS:
                raise BundleError(f"must hold only operators that layers become, got {name!r:.{_SHOWN}}")
        for domain in map(_text, node.get(_Node.DOMAIN, ())):
            if domain not in {"", "ai.onnx"}:
                raise BundleError(f"must hold only operators of the ONNX standard, got {domain!r:.{_SHOWN}}")
        for attribute in self._messages(node, _Node.ATTRIBUTE):
            _forbid(attribute, _Attribute.ELSE, "graphs within operators and sparse constants")
            for field in (_Attribute.INT, _Attribute.INTS):
                _check_integers(_integers(attribute, field))
            for field in (_Attribute.TENSOR, _Attribute.TENSORS):
                for tensor in self._messages(attribute, field):
                    self._check_tensor(tensor)

    def _check_tensor(self, tensor: Message) -> None:
        """A constant is whole, in the file; its integers are not larger than those of a shape may be."""
        _forbid(tensor, (_Tensor.EXTERNAL,), "constants in other files")
        there = sum(len(part) for parts in tensor.values() for part in parts if isinstance(part, memoryview))
        there += len(tensor.get(_Tensor.INT32S, ())) + len(tensor.get(_Tensor.INT64S, ()))
        dims = _integers(tensor, _Tensor.DIMS)
        # The smallest number, an int4, takes half a byte.
        if min(dims, default=0) < 0 or prod(dims) > 2 * there:
            raise BundleError(f"must hold its constants whole, got {there} bytes for {dims}")
        if {_INT32, _INT64} & set(tensor.get(_Tensor.TYPE, ())):
            _check_integers(_contents(tensor))

    def _messages(self, message: Message, field: int) -> Iterator[Message]:
        for value in message.get(field, ()):
            yield self._read(_bytes(value))

    def _read(self, data: memoryview) -> Message:
        """Take a message apart."""
        message: Message = {}
        at = 0
        while at < len(data):
            self._fields_left -= 1
            if self._fields_left < 0:
                raise BundleError(f"must have at most {MOST_FIELDS} fields, got more")
            key, at = _varint(data, at)
            value, at = _value(data, at, key & 7)
            message.setdefault(key >> 3, []).append(value)
        return message


def _value(data: memoryview, at: int, wire_type: int) -> tuple[int | memoryview, int]:
    """Return the value that begins there, and where it ends."""
    if wire_type == _VARINT:
        return _varint(data, at)
    if wire_type == _BYTES:
        size, at = _varint(data, at)
    elif wire_type in {_FIXED32, _FIXED64}:
        size = 4 if wire_type == _FIXED32 else 8
    else:
        _cut_off()
    if size > len(data) - at:
        _cut_off()
    return data[at : at + size], at + size


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    """Read a number in groups of seven bits, the lowest first."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004 - the bit that says that more follow
            return value, at
    return _cut_off()


def _integers(message: Message, field: int) -> list[int]:
    """Return the signed integers of a field, be they packed or not."""
    found = []
    for value in message.get(field, ()):
        if isinstance(value, int):
            found.append(value)
            continue
        if len(value) > 10 * MOST_INTEGERS:
            raise BundleError(f"must hold at most {MOST_INTEGERS} integers in a list, got {len(value)} bytes")
        at = 0
        while at < len(value):
            number, at = _varint(value, at)
            found.append(number)
    return [number - (1 << 64) if number >= 1 << 63 else number for number in found]


def _contents(tensor: Message) -> list[int]:
    """Return the integers of a constant, in whichever field they are."""
    numbers = [*_integers(tensor, _Tensor.INT32S), *_integers(tensor, _Tensor.INT64S)]
    kind = np.dtype("<i8" if _INT64 in tensor[_Tensor.TYPE] else "<i4")
    for raw in map(_bytes, tensor.get(_Tensor.RAW, ())):
        whole = len(raw) // kind.itemsize * kind.itemsize
        numbers += np.frombuffer(raw[:whole], kind)[: MOST_INTEGERS + 1].tolist()
    return numbers


def _check_integers(numbers: list[int]) -> None:
    """Bound what may become a shape, a kernel or a number of repetitions."""
    if len(numbers) > MOST_INTEGERS:
        raise BundleError(f"must hold at most {MOST_INTEGERS} integers in a list, got {len(numbers)}")
    sizes = [abs(number) for number in numbers if abs(number) not in _TO_THE_END]
    if max(sizes, default=0) > LARGEST_SIZE:
        raise BundleError(f"must hold integers of at most {LARGEST_SIZE}, got {max(sizes)}")
    if len(numbers) <= _SHAPE_RANK and prod(max(size, 1) for size in sizes) > LARGEST_SHAPE:
        raise BundleError(f"must hold shapes of at most {LARGEST_SHAPE} numbers, got {numbers}")


def _bytes(value: int | memoryview) -> memoryview:
    return _cut_off() if isinstance(value, int) else value


def _text(value: int | memoryview) -> str:
    return bytes(_bytes(value)).decode(errors="replace")


def _forbid(message: Message, fields: Iterable[int], what: str) -> None:
    if any(field in message for field in fields):
        raise BundleError(f"must have no {what}")


def _cut_off() -> NoReturn:
    raise BundleError("must be an ONNX model, got something else, or a part of one")
