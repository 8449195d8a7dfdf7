"""A trained Keras model to a bundle: compiled, compared with Keras, and written whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from streamdetect.bundles.bundle import Bundle
from streamdetect.bundles.manifest import (
    ENCODER,
    KERAS,
    MANIFEST,
    ONNX,
    File,
    Files,
    GraphDifference,
    Manifest,
)
from streamdetect.bundles.runtime import ONNX_BATCH, TENSORFLOW_BATCH, BatchedRun, keras_model, onnx_graph
from streamdetect.bundles.tensorflow import load_keras
from streamdetect.core.scaling import PADDING
from streamdetect.errors import BundleError
from streamdetect.failpoints import failpoint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from streamdetect.bundles.runtime import Run
    from streamdetect.bundles.tensorflow import Model
    from streamdetect.core.reconstruction import Reconstruct

    Windows = NDArray[np.float32]

HAS_LOOP = b"\x22\x04Loop"  # NodeProto.op_type, in protobuf's wire format
MOST_UNROLLED = 256  # steps; a GRU's graph grows by 15 operators a step
TOLERANCE = 1e-4
"""Largest difference between graph and Keras, over the largest magnitude in windows and reconstructions."""

_SHOWN = 300  # characters of another's error
_ALONE = 67  # windows that are also rebuilt one by one; not a multiple of what a processor takes at once
_PROBED = 4 << 20  # bytes; a bundle of the default size has a third of it
_PICTURES = ".png"  # of the training, drawn into the bundle's directory


def check_destination(out: Path) -> None:
    """Refuse to write a bundle over something that is not one.

    Raises:
        BundleError: `out` is a file, or a directory that holds anything but a bundle and pictures.
    """
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise BundleError(f"{out}: must be a directory or not exist yet")
    if not out.exists():
        return
    if out.is_mount():
        raise BundleError(
            f"{out}: must not be a mount point, which cannot be replaced; name a directory in it"
        )
    names = {entry.name for entry in out.iterdir() if entry.suffix != _PICTURES}
    foreign = names - {ENCODER, KERAS, MANIFEST, ONNX}
    if foreign or (names and MANIFEST not in names):
        raise BundleError(
            f"{out}: must be empty or a bundle to be overwritten, got {min(foreign or names)} in it"
        )


def probe_destination(out: Path) -> None:
    """Refuse a destination before the work that would be refused after it.

    Raises:
        BundleError: `out` holds something else, or its file system cannot be written to or is full.
    """
    check_destination(out)
    with staging(out) as directory:
        try:
            (directory / ONNX).write_bytes(bytes(_PROBED))
        except OSError as error:
            raise BundleError(f"{out}: must have room for a bundle ({error})") from error


@contextlib.contextmanager
def staging(out: Path) -> Iterator[Path]:
    """Make a directory beside `out` to write into; it is gone afterwards unless it was renamed."""
    out = out.absolute()
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        directory = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    except OSError as error:
        raise BundleError(f"{out}: must be in a directory that can be written to ({error})") from error
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def export(model: Model, directory: Path, compiled: Model | None = None) -> Reconstruct:
    """Write `model.keras` and `model.onnx`, and load the graph as the daemon does.

    The graph is made of `compiled`, where that is another form of the same model.

    Raises:
        BundleError: the model does not convert.
    """
    keras = load_keras()
    bare = keras.models.clone_model(model)  # without the optimizer, which triples the file
    bare.set_weights(model.get_weights())
    window = tuple(model.input_shape[1:])
    with quiet():
        bare.save(directory / KERAS)
    return BatchedRun(compile_graph(compiled or bare, directory / ONNX), window, ONNX_BATCH)


def compile_graph(model: Model, path: Path) -> Run:
    """Write the graph of a model that takes windows, and load it as the daemon does.

    Raises:
        BundleError: the model does not convert.
    """
    window = tuple(model.input_shape[1:])
    try:
        content = _exported(model, path, window)
        if HAS_LOOP in content and window[0] <= MOST_UNROLLED:
            with _unrolled(model):
                content = _exported(model, path, window)
        return onnx_graph(content, window, 1)
    except Exception as error:
        # Neither the converter nor the runtime has a root of its errors.
        raise BundleError(f"model: must convert to ONNX, got {brief(error)}") from error


def _exported(model: Model, path: Path, window: tuple[int, ...]) -> bytes:
    signature = [load_keras().InputSpec(shape=(None, *window), dtype="float32", name="window")]
    with quiet():
        model.export(str(path), format="onnx", input_signature=signature, verbose=False)
    return path.read_bytes()


@contextlib.contextmanager
def _unrolled(model: Model) -> Iterator[None]:
    """Make recurrent layers write out their steps: a daemon does not load a graph with loops."""
    layers = [layer for layer in model._flatten_layers() if hasattr(layer, "unroll")]  # noqa: SLF001 - Keras has no other way
    before = [layer.unroll for layer in layers]
    for layer in layers:
        layer.unroll = True
    try:
        yield
    finally:
        for layer, unroll in zip(layers, before, strict=True):
            layer.unroll = unroll


def keras_reference(model: Model, windows: Windows) -> Run:
    """Return the model in Keras, in batches of another size than the graph's and filled up with zeros.

    So windows that are not rebuilt each by itself differ.
    """
    shape = tuple(model.output_shape[1:])
    run = keras_model(model, windows.shape[1:])
    return BatchedRun(run, shape, TENSORFLOW_BATCH, least=TENSORFLOW_BATCH)


def difference(reference: Run, graph: Run, windows: Windows, origin: str = "Keras") -> GraphDifference:
    """Return the difference between the compiled graph and its source, over the real steps of all windows.

    Raises:
        BundleError: it is above `TOLERANCE`.
    """
    largest = magnitude = 0.0
    for start in range(0, len(windows), ONNX_BATCH):
        part = windows[start : start + ONNX_BATCH]
        real = part != PADDING
        given, expected, found = part[real], reference(part), graph(part)
        if found.shape == real.shape:  # else latent vectors, and all of those count
            expected, found = expected[real], found[real]
        # Not the builtin: it loses a NaN.
        largest = float(np.maximum(largest, np.abs(found - expected).max()))
        magnitude = float(np.max([magnitude, np.abs(given).max(), np.abs(expected).max()]))
    relative = largest / magnitude if magnitude else 0.0
    if not relative <= TOLERANCE:  # so written, NaN is refused, too
        raise BundleError(
            f"compiled graph: must be within {TOLERANCE:g} of {origin} on the training windows, got "
            f"{relative:g}"
        )
    return GraphDifference(absolute=largest, relative=relative, batch=_batch_difference(graph, windows))


def _batch_difference(graph: Run, windows: Windows) -> float:
    """Return the difference between a window rebuilt alone and the same among others."""
    few = windows[:: max(len(windows) // _ALONE, 1)][:_ALONE]
    alone = np.concatenate([graph(few[at : at + 1]) for at in range(len(few))])
    return float(np.abs(graph(few) - alone).max())


def describe_files(directory: Path) -> Files:
    """Size and SHA-256 of the model files."""

    def entry(name: str) -> File:
        content = (directory / name).read_bytes()
        return File(sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))

    names = (name for name in (KERAS, ONNX, ENCODER) if (directory / name).exists())
    return Files.model_validate({name: entry(name) for name in names})


def publish(manifest: Manifest, directory: Path, out: Path) -> Bundle:
    """Complete the bundle in `directory`, load it as a user would, and replace `out` by it.

    Raises:
        BundleError: `out` came to hold something else meanwhile, or cannot be written to.
    """
    failpoint("bundle.staged")
    (directory / MANIFEST).write_bytes(manifest.to_bytes())
    Bundle.load(directory)
    failpoint("bundle.checked")
    check_destination(out)
    try:
        directory.chmod(0o755)  # mkdtemp made it private; the daemon runs as another user
        if out.exists():
            for picture in out.glob(f"*{_PICTURES}"):
                picture.rename(directory / picture.name)
            with staging(out) as old:
                out.rename(old / "bundle")
                try:
                    directory.rename(out)
                except OSError:
                    (old / "bundle").rename(out)
                    raise
        else:
            directory.rename(out)
    except OSError as error:
        raise BundleError(f"{out}: must be replaceable by the new bundle ({error})") from error
    return Bundle.load(out)


def brief(error: Exception) -> str:
    """Return the first words of an error from a library."""
    return " ".join(str(error).split())[:_SHOWN] or type(error).__name__


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence the warnings of Keras and the converter about numpy and about the conversion."""
    logger = logging.getLogger("tf2onnx")
    level = logger.level
    logger.setLevel(
        logging.CRITICAL
    )  # a model that does not convert does not load either, and that is reported
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "In the future `np.object`", FutureWarning)
            warnings.filterwarnings("ignore", "__array__ implementation doesn't", DeprecationWarning)
            yield
    finally:
        logger.setLevel(level)
