"""A Keras model that was saved elsewhere: looked into before Keras sees it, and never made to run code.

A `.keras` file is a ZIP archive of a JSON description and of weights in HDF5. Keras's safe mode refuses to
load code, but it is not a boundary by itself (CVE-2025-1550 and others), so what is described is checked here
first: nothing but Keras's own classes, none of those that run code or read files, and no member besides
description and weights. The older forms (HDF5, SavedModel, pickles) can hold code, and are refused.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from typing import TYPE_CHECKING, Any

from streamdetect.bundles.manifest import MAX_MODEL_BYTES
from streamdetect.bundles.tensorflow import load_keras, load_model
from streamdetect.errors import BundleError
from streamdetect.training.export import brief

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from streamdetect.bundles.tensorflow import Model

_MEMBERS = {"metadata.json", "config.json", "model.weights.h5"}
_HDF5 = b"\x89HDF\r\n\x1a\n"
_CODE = {
    # Python code, or a file of another's choice
    *("Lambda", "__lambda__", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"),
    *("StringLookup", "IntegerLookup", "TextVectorization"),
}
_RULE = "must be a model saved with model.save('model.keras'), or an .onnx or .tflite file"


def read_archive(path: Path) -> bytes:
    """Read the content of a `.keras` file that describes nothing but layers of Keras's own.

    Raises:
        BundleError: it cannot be read, is of another form or too large, or describes something else.
    """
    content = read_file(path, _RULE)
    if content.startswith(_HDF5):
        raise BundleError(f"{path}: {_RULE}, got HDF5, the older form, which can hold code")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            _check_members(path, archive.infolist())
            description = json.loads(archive.read("config.json"))
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, RuntimeError, ValueError) as error:
        raise BundleError(f"{path}: {_RULE}, got another file ({brief(error)})") from error
    for part in _described(description):
        _check_class(path, part)
    return content


def read_file(path: Path, rule: str) -> bytes:
    """Read the content of a model file.

    Raises:
        BundleError: it cannot be read or is too large.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_MODEL_BYTES + 1)
    except OSError as error:
        raise BundleError(f"{path}: {rule}, got {error.strerror}") from error
    if len(content) > MAX_MODEL_BYTES:
        raise BundleError(f"{path}: must be at most {MAX_MODEL_BYTES} bytes, got more")
    return content


def load_foreign(path: Path, content: bytes) -> Model:
    """Load the content of a `.keras` file in safe mode, as a model of one input and one output.

    Raises:
        BundleError: Keras does not load it, or it has several inputs or outputs, or none yet.
        StreamdetectError: TensorFlow is not installed.
    """
    keras = load_keras()
    try:
        model = load_model(content)
    except Exception as error:
        # Keras has no root of its errors.
        raise BundleError(f"{path}: must load in Keras's safe mode, got {brief(error)}") from error
    for what in ("input", "output"):
        tensors = getattr(model, f"{what}s", None) or []
        if len(tensors) != 1:
            raise BundleError(f"{path}: must have exactly one {what}, got {len(tensors)}")
    # The same layers without what a Sequential, a list or a dictionary puts around its tensors.
    return keras.Model(model.inputs[0], model.outputs[0], name=model.name)


def _check_members(path: Path, members: list[zipfile.ZipInfo]) -> None:
    names = [member.filename for member in members]
    if sorted(names) != sorted(_MEMBERS):
        odd = sorted(set(names) ^ _MEMBERS) or names
        raise BundleError(
            f"{path}: must hold {', '.join(sorted(_MEMBERS))}, got too much or too little: {odd}"
        )
    size = sum(member.file_size for member in members)
    if size > MAX_MODEL_BYTES:
        raise BundleError(f"{path}: must unpack to at most {MAX_MODEL_BYTES} bytes, got {size}")


def _described(description: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - JSON
    """Yield every object in the description that names a class, except how it was compiled: not loaded."""
    rest = [description]
    while rest:
        part = rest.pop()
        if isinstance(part, list):
            rest.extend(part)
        elif isinstance(part, dict):
            if "class_name" in part:
                yield part
            rest.extend(value for key, value in part.items() if key != "compile_config")


def _check_class(path: Path, part: dict[str, Any]) -> None:
    name, module = str(part["class_name"]), part.get("module")
    if name in _CODE:
        raise BundleError(f"{path}: must not hold code or name files, got the layer {name}{_called(part)}")
    if name == "function":  # Keras's own are strings
        raise BundleError(
            f"{path}: must be made of Keras's own layers, got the function {part.get('config')}"
        )
    # Keras writes down the module of its own classes, and for anything else under what name it is registered.
    own = module == "keras" or str(module).startswith("keras.")
    if not own and (module is not None or part.get("registered_name") is not None):
        found = part.get("registered_name") or f"{module}.{name}"
        raise BundleError(f"{path}: must be made of Keras's own layers, got the custom class {found}")


def _called(part: dict[str, Any]) -> str:
    config = part.get("config")
    return f" {config['name']!r}" if isinstance(config, dict) and "name" in config else ""
