"""ONNX and TFLite models that were made elsewhere: inspected, and prepared to be a bundle's graph.

Neither form holds Python code. The rules for any ONNX graph are checked where every graph is loaded
(`streamdetect.bundles.runtime`). TFLite is converted to ONNX first, and then compared on the normal data with
the output of its own interpreter.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from math import prod
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import onnx

from streamdetect.bundles.tensorflow import load_tensorflow
from streamdetect.errors import BundleError
from streamdetect.training.export import brief, quiet
from streamdetect.training.forms import GraphForm

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from streamdetect.bundles.runtime import Run

    Windows = NDArray[np.float32]

TFLITE_MARK = slice(4, 8), b"TFL3"  # where the file identifier of a flat buffer stands
_OPSET = 17
_FLOAT = onnx.TensorProto.FLOAT


@dataclass(frozen=True, slots=True)
class Graph:
    """An ONNX model of one input and one output.

    Attributes:
        model: the protobuf.
        shape: of its input, None where any size will do.
        floats: true if it takes and gives float32.
        original: the model that it was converted from, if it was.
    """

    model: Any
    shape: tuple[int | None, ...]
    floats: bool
    original: Run | None = None

    def form(self, time_steps: int) -> GraphForm:
        """Return the graph for windows of this many readings."""
        _input(self.model).type.tensor_type.shape.dim[1].dim_value = time_steps
        for output in self.model.graph.output:  # what was said of it may name the size that was open
            output.type.tensor_type.ClearField("shape")
        parameters = sum(prod(weights.dims) for weights in self.model.graph.initializer)
        content = self.model.SerializeToString()
        if self.original is None:
            return GraphForm(content, parameters)
        return GraphForm(content, parameters, self.original, "TFLite")


def read_onnx(path: Path, content: bytes) -> Graph:
    """Read an ONNX model from the content of its file.

    Raises:
        BundleError: it is not an ONNX model, or has several inputs or outputs.
    """
    try:
        model = onnx.load_model_from_string(content)
    except Exception as error:
        # protobuf's own errors have changed their root before.
        raise BundleError(f"{path}: must be an ONNX model, got another file ({brief(error)})") from error
    return _graph(path, model)


def read_tflite(path: Path, content: bytes) -> Graph:
    """Convert a TFLite model to an ONNX model, from the content of its file.

    Raises:
        BundleError: it is not a TFLite model, does not convert, or has several inputs or outputs.
        StreamdetectError: TensorFlow is not installed.
    """
    place, mark = TFLITE_MARK
    if content[place] != mark:
        raise BundleError(f"{path}: must be a TFLite model, got another file")
    try:
        original = _interpreter(content)
        model = _converted(content)
    except Exception as error:
        # Neither the interpreter nor the converter has a root of its errors.
        raise BundleError(f"{path}: must convert from TFLite to ONNX, got {brief(error)}") from error
    return _graph(path, model, original)


def _graph(path: Path, model: Any, original: Run | None = None) -> Graph:  # noqa: ANN401 - onnx is untyped
    weights = {one.name for one in model.graph.initializer}
    inputs = [one for one in model.graph.input if one.name not in weights]
    for what, found in (("input", inputs), ("output", list(model.graph.output))):
        if len(found) != 1:
            raise BundleError(f"{path}: must have exactly one {what}, got {len(found)}")
    tensors = [one.type.tensor_type for one in (inputs[0], model.graph.output[0])]
    dims = tensors[0].shape.dim
    shape = tuple(dim.dim_value if dim.HasField("dim_value") else None for dim in dims)
    floats = all(tensor.elem_type == _FLOAT for tensor in tensors)
    return Graph(model, shape, floats, original)


def _input(model: Any) -> Any:  # noqa: ANN401 - onnx is untyped
    weights = {one.name for one in model.graph.initializer}
    return next(one for one in model.graph.input if one.name not in weights)


def _converted(content: bytes) -> Any:  # noqa: ANN401 - onnx is untyped
    from tf2onnx.convert import from_tflite  # noqa: PLC0415 - imports TensorFlow

    with TemporaryDirectory() as directory, quiet():
        path = Path(directory, "model.tflite")  # it reads from a path only: one that holds these very bytes
        path.write_bytes(content)
        return from_tflite(str(path), opset=_OPSET)[0]


def _interpreter(content: bytes) -> Run:
    """Load the model into TensorFlow Lite's interpreter: (M, T, F) -> (M, T, F), one size after another."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it will move to a package of its own
        interpreter = load_tensorflow().lite.Interpreter(model_content=content)
    (given,), (made,) = interpreter.get_input_details(), interpreter.get_output_details()
    sized: list[tuple[int, ...]] = []

    def run(windows: Windows) -> Windows:
        if sized != [windows.shape]:
            interpreter.resize_tensor_input(given["index"], windows.shape)
            interpreter.allocate_tensors()
            sized[:] = [windows.shape]
        interpreter.set_tensor(given["index"], windows)
        interpreter.invoke()
        rebuilt: Windows = interpreter.get_tensor(made["index"])
        return rebuilt

    return run
