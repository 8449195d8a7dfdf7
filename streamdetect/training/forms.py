"""The forms that a model may have before it is a bundle's compiled graph: Keras, ONNX, TFLite."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from streamdetect.bundles.manifest import ONNX
from streamdetect.bundles.runtime import ONNX_BATCH, BatchedRun, onnx_graph
from streamdetect.errors import BundleError
from streamdetect.training.encoder import export_encoder
from streamdetect.training.export import brief, difference, export, keras_reference

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from streamdetect.bundles.manifest import Encoder, GraphDifference
    from streamdetect.bundles.runtime import Run
    from streamdetect.bundles.tensorflow import Model
    from streamdetect.core.reconstruction import Reconstruct

    Windows = NDArray[np.float32]

_OTHER_BATCH = 7  # rows: windows that are not rebuilt each by itself differ between this and ONNX_BATCH


class Exported(NamedTuple):
    """A compiled graph, as it is in a bundle's directory."""

    graph: Reconstruct
    difference: GraphDifference
    encoder: Encoder | None


class Form(Protocol):
    """A model, (B, T, F) float32 -> (B, T, F) float32, that can be written as a compiled graph."""

    @property
    def parameters(self) -> int:
        """The number of its weights."""

    def export(self, directory: Path, windows: Windows) -> Exported:
        """Write the model files, and compare the graph with the model on the windows (M, T, F).

        Raises:
            BundleError: the model does not convert, or the graph differs from it.
        """


@dataclass(frozen=True, slots=True)
class KerasForm:
    """A Keras model.

    Attributes:
        model: as it was fitted.
        compiled: another form of the same model, which compiles better.
        latent_layer: the layer that the encoder ends with; None: write no encoder.
    """

    model: Model
    compiled: Model | None = None
    latent_layer: str | None = None

    @property
    def parameters(self) -> int:
        """The number of its weights."""
        return int(self.model.count_params())

    def export(self, directory: Path, windows: Windows) -> Exported:
        """Write the model, its graph and the graph of its encoder.

        Raises:
            BundleError: the model does not compile, has no such layer, or the graph differs from Keras.
        """
        graph = export(self.model, directory, self.compiled)
        agreement = difference(keras_reference(self.model, windows), graph, windows)
        encoder = None
        if self.latent_layer:
            encoder = export_encoder(self.model, self.latent_layer, windows, directory, self.compiled)
        return Exported(graph, agreement, encoder)


@dataclass(frozen=True, slots=True)
class GraphForm:
    """An ONNX model.

    Attributes:
        content: of the file.
        parameters: how many weights it has.
        original: its source, to be compared with; None: it is the file of the user.
        origin: the name of the source.
    """

    content: bytes
    parameters: int
    original: Run | None = None
    origin: str = "itself in other batches"

    def export(self, directory: Path, windows: Windows) -> Exported:
        """Write the graph.

        Raises:
            BundleError: it does not load, does not rebuild each window by itself, gives no numbers, or
                differs from its source.
        """
        (directory / ONNX).write_bytes(self.content)
        window = (windows.shape[1], windows.shape[2])
        try:
            run = onnx_graph(self.content, window, 1)
            graph = BatchedRun(run, window, ONNX_BATCH)
            got = graph(windows[:1]).shape
        except Exception as error:
            # ONNX Runtime has no root of its errors.
            raise BundleError(f"model: must load in ONNX Runtime, got {brief(error)}") from error
        if got != windows[:1].shape:
            raise BundleError(f"model: must give the shape that it takes, {windows[:1].shape}, got {got}")
        original = self.original or BatchedRun(run, window, _OTHER_BATCH)
        return Exported(graph, difference(original, graph, windows, self.origin), None)
