"""A bundle on disk: `bundle.json`, `model.keras` (trains, the reference), `model.onnx` (what runs).

With `encoder.onnx`, where there is one, windows become latent vectors.

A bundle is a directory that somebody may have copied, edited or made up. `Bundle.load` reads bundle.json
under a size limit, checks every value in it, and then the SHA-256 of each model file; nothing parses a model
file whose hash was not just checked on the very bytes that are parsed.
"""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from streamdetect.bundles.manifest import ENCODER, KERAS, MANIFEST, ONNX, Manifest
from streamdetect.errors import BundleError, ConfigError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from streamdetect.bundles.runtime import BatchedRun, Encode, Runtime
    from streamdetect.core.reconstruction import Reconstruct

GENERAL = "general"
MAX_MANIFEST_BYTES = 1 << 20
_SHOWN = 60  # characters of a refused value


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle whose files are what its manifest says.

    Attributes:
        manifest: what bundle.json says.
        path: the directory.
        fingerprint: first 16 hex digits of the SHA-256 of bundle.json, which holds the hashes of the rest.
    """

    manifest: Manifest
    path: Path
    fingerprint: str

    @classmethod
    def load(cls, path: Path | str) -> Bundle:
        """Read and check the bundle in a directory; "general" names the one that ships with streamdetect.

        Raises:
            BundleError: a file is missing, too large, not a plain file or not the one that was written, or
                bundle.json breaks a rule. Names the field, the rule and the value.
        """
        directory = Path(__file__).with_name(GENERAL) if str(path) == GENERAL else Path(path)
        if not directory.is_dir():
            raise BundleError(f"{directory}: must be the directory of a bundle, got none")
        if (
            directory.is_symlink()
        ):  # to one of its versions, which stays what it is when another becomes active
            directory = directory.resolve()
        text = _read(directory / MANIFEST, MAX_MANIFEST_BYTES)
        try:
            manifest = Manifest.model_validate_json(text)
        except ValidationError as error:
            raise BundleError(_explain(directory / MANIFEST, error)) from None
        except ConfigError as error:
            raise BundleError("\n".join(f"{directory / MANIFEST}: {one}" for one in error.problems)) from None
        bundle = cls(manifest, directory, hashlib.sha256(text).hexdigest()[:16])
        for name in manifest.files.entries():
            bundle.model_bytes(name)
        return bundle

    @property
    def lineage(self) -> str:
        """The fingerprint that state and events go by: that of the bundle which this one continues."""
        return self.manifest.continues or self.fingerprint

    def model_bytes(self, name: str) -> bytes:
        """The content of a file that the manifest lists, checked against it.

        Raises:
            BundleError: the file is missing or is not the one that was written.
        """
        entry = self.manifest.files.entries()[name]
        content = _read(self.path / name, entry.bytes)
        digest = hashlib.sha256(content).hexdigest()
        if digest != entry.sha256:
            raise BundleError(f"{self.path / name}: SHA-256 must be {entry.sha256}, got {digest}")
        return content

    def reconstructor(self, runtime: Runtime = "onnx", threads: int = 1) -> Reconstruct:
        """Load the model into a runtime: (M, T, F) float32 scaled -> (M, T, F) float32, any M >= 1.

        `threads` may be 0; see streamdetect.bundles.runtime.

        Raises:
            BundleError: the model file does not load, or does not have the manifest's shape, or there is none
                for TensorFlow.
            StreamdetectError: the runtime is not installed, or is of no use on this machine.
        """
        if runtime == "tensorflow" and self.manifest.files.keras is None:
            raise BundleError(
                f"{self.path}: has no Keras model, because it was made from another format; "
                "runtime must be onnx or openvino"
            )
        return self._load(KERAS if runtime == "tensorflow" else ONNX, self._window, runtime, threads)

    def encoder(self, threads: int = 1) -> Encode:
        """Load the encoder: (M, T, F) float32 scaled -> (M, L) float32 latent vectors, any M >= 0.

        Raises:
            BundleError: the bundle carries none, or it does not load.
        """
        if self.manifest.encoder is None:
            raise BundleError(
                f"{self.path}: has no encoder; `streamdetect train` writes one, "
                "so does `streamdetect bundle` up to the layer that --latent-layer names"
            )
        return self._load(ENCODER, (self.manifest.encoder.size,), "onnx", threads)

    def encode(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """(M, T, F) scaled windows -> (M, L) latent vectors; `encoder` is loaded for this one call.

        Raises:
            BundleError: the bundle has no encoder, or it does not load.
        """
        return self.encoder()(windows)

    @property
    def _window(self) -> tuple[int, int]:
        """(T, F)."""
        return self.manifest.time_steps, len(self.manifest.features)

    def _load(self, name: str, shape: tuple[int, ...], runtime: Runtime, threads: int) -> BatchedRun:
        from streamdetect.bundles.runtime import load  # noqa: PLC0415 - reading a bundle needs no runtime

        return load(self.model_bytes(name), self.path / name, self._window, shape, runtime, threads)


def _read(path: Path, limit: int) -> bytes:
    """The content of a plain file of at most `limit` bytes; a link is never followed."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise BundleError(f"{path}: must be a plain file")
            content = file.read(limit + 1)
    except OSError as error:
        raise BundleError(f"{path}: must be a readable plain file, got {error.strerror}") from error
    if len(content) > limit:
        raise BundleError(f"{path}: must be at most {limit} bytes, got more")
    return content


def _explain(path: Path, error: ValidationError) -> str:
    """Every broken rule as `file: field: rule, got value`, one a line."""

    def line(problem: Any) -> str:  # noqa: ANN401 - pydantic's ErrorDetails
        field = ".".join(map(str, problem["loc"]))
        value = repr(problem["input"])
        shown = value if len(value) <= _SHOWN else value[:_SHOWN] + "..."
        where = f"{path}: {field}" if field else str(path)
        return f"{where}: {problem['msg']}, got {shown}"

    return "\n".join(map(line, error.errors(include_url=False, include_context=False)))
