"""The encoder alone: a window to its latent vector, as a compiled graph of its own.

A second output of the reconstruction's graph would cost the daemon nothing, but a program that wants latent
vectors would run the decoder, too: a stacked LSTM (T = 20, batches of 512, one core) would take 48 ms instead
of 19, the convolutions 5.4 ms instead of 0.7. And the graph of the reconstruction stays the same to the bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streamdetect.bundles.manifest import ENCODER, MAX_LATENT, Encoder
from streamdetect.bundles.runtime import ONNX_BATCH, BatchedRun
from streamdetect.bundles.tensorflow import load_keras
from streamdetect.errors import BundleError
from streamdetect.training.export import compile_graph, difference, keras_reference

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from streamdetect.bundles.tensorflow import Model

LATENT = "latent"
"""The layer whose output is the latent vector, in the architectures that are trained here."""


def export_encoder(
    model: Model, layer: str, windows: NDArray[np.float32], directory: Path, compiled: Model | None = None
) -> Encoder:
    """Write `encoder.onnx`, and compare it with Keras.

    Args:
        model: (B, T, F) -> (B, T, F).
        layer: of the model, whose output is the latent vector.
        windows: (M, T, F) scaled, to compare on.
        directory: of the bundle.
        compiled: another form of the same model, which compiles better.

    Raises:
        BundleError: there is no such layer, its output is not a vector, it does not compile, or the compiled
            graph differs from Keras.
    """
    encoder = _up_to(model, layer)
    run = compile_graph(encoder if compiled is None else _up_to(compiled, layer), directory / ENCODER)
    size = int(encoder.output_shape[1])
    graph = BatchedRun(run, (size,), ONNX_BATCH)
    return Encoder(
        layer=layer, size=size, graph_difference=difference(keras_reference(encoder, windows), graph, windows)
    )


def _up_to(model: Model, name: str) -> Model:
    """Return the model up to the output of one of its layers, (B, T, F) -> (B, L), with its weights."""
    keras = load_keras()
    made = []

    def call(layer: Any, *inputs: Any, **options: Any) -> Any:  # noqa: ANN401 - keras is untyped
        output = layer(*inputs, **options)
        if layer.name == name:
            made.append(output)
        return output

    # A copy, because a model within the model has its output in a graph of its own, and no other handle.
    window = keras.Input(model.input_shape[1:], name="window")
    copy = keras.models.clone_model(model, input_tensors=window, call_function=call)
    copy.set_weights(model.get_weights())
    if len(made) != 1:
        names = ", ".join(layer.name for layer in model.layers[1:])
        times = f"is used {len(made)} times" if made else "is not among them"
        raise BundleError(f"latent layer: must be one of {names}, used once; {name!r} {times}")
    (latent,) = made
    shape = getattr(latent, "shape", None)
    if shape is None or None in shape[1:] or latent.dtype != "float32":
        raise BundleError(
            f"latent layer: {name!r} must give one float32 tensor of a known shape, got {latent}"
        )
    # (B, L) stays as it is. Keras's own name could be that of a layer of a model made in another process.
    vector = keras.layers.Flatten(name=f"{name}_as_a_vector")(latent)
    if vector.shape[1] > MAX_LATENT:
        raise BundleError(
            f"latent layer: {name!r} must give at most {MAX_LATENT} numbers, got {vector.shape[1]}"
        )
    return keras.Model(window, vector)
