"""The one door to TensorFlow: imported on demand, quietly, and only by training and `runtime: tensorflow`."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streamdetect.errors import StreamdetectError

if TYPE_CHECKING:
    from collections.abc import Iterator

Model = Any  # keras carries no types: these three say what is meant
Layers = Any
Tensor = Any

_INSTALL = "pip install 'streamdetect[train]'"


def load_tensorflow() -> Any:  # noqa: ANN401 - tensorflow carries no types
    """Import TensorFlow.

    Raises:
        StreamdetectError: it is not installed.
    """
    load_keras()
    return importlib.import_module("tensorflow")


def load_keras() -> Any:  # noqa: ANN401 - keras carries no types
    """Import Keras on TensorFlow.

    Raises:
        StreamdetectError: it is not installed, or was already imported on another backend.
    """
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with _native_stderr_held_back():
            keras = importlib.import_module("keras")
            importlib.import_module("tensorflow")
    except ImportError as error:
        raise StreamdetectError(f"TensorFlow is needed for this: {_INSTALL} ({error})") from error
    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise StreamdetectError(f"KERAS_BACKEND: must be tensorflow, got {backend}")
    return keras


def load_model(content: bytes) -> Any:  # noqa: ANN401 - keras carries no types
    """The model in the content of a .keras file, without its optimizer and without running code of its own.

    Raises:
        StreamdetectError: TensorFlow is not installed.
        Exception: whatever Keras makes of a file that it cannot load; there is no root of those.
    """
    keras = load_keras()
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "model.keras")  # Keras loads from a path only: one that holds these very bytes
        path.write_bytes(content)
        return keras.saving.load_model(path, compile=False, safe_mode=True)


@contextlib.contextmanager
def _native_stderr_held_back() -> Iterator[None]:
    """Hold back what native code writes to stderr, and write it after all when the block fails.

    TensorFlow's first lines (no GPU found) come before its own log level is in force.
    """
    if "tensorflow" in sys.modules:
        yield
        return
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        stderr = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(stderr, held.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
