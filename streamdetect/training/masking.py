"""Encoders that step over padding: as Keras trains them, and as the compiled graph runs them.

Keras trains with a mask. A masked LSTM compiles to a loop whose last bit depends on the batch, so the
compiled graph has none: padding comes before the readings, where an LSTM's state is still 0, and keeping it
there is enough. Each encoder LSTM gets one more input, 1 at padding, that closes its input and output gates;
then state and output stay 0, and both forms give the same numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from streamdetect.bundles.tensorflow import load_keras
from streamdetect.core.scaling import PADDING

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamdetect.bundles.tensorflow import Layers, Model, Tensor

    Enter = Callable[[Tensor], Tensor]

_CLOSED = -1e4  # a gate's sigmoid is 0 here, whatever weights and inputs add to it
_INPUT_GATE, _OUTPUT_GATE, _GATES = 0, 3, 4  # in the order in which Keras keeps an LSTM's kernel


def masked(layers: Layers, window: Tensor) -> Tensor:
    """Return the window (B, T, F), with padding masked for the layers that follow."""
    return layers.Masking(PADDING, name="padding")(window)


def marked(layers: Layers, window: Tensor) -> tuple[Tensor, Enter]:
    """Return the window with padding made 0, and the term that adds its mark to an LSTM's input."""
    ops = load_keras().ops
    padding = ops.all(ops.equal(window, PADDING), axis=-1, keepdims=True)

    def enter(x: Tensor) -> Tensor:
        return layers.Concatenate()([x, ops.cast(padding, "float32")])

    return ops.where(padding, 0.0, window), enter


def copy_weights(trained: Model, compiled: Model) -> None:
    """Give the marked form the weights of the masked one."""
    weights = []
    for own, wanted in zip(trained.get_weights(), compiled.weights, strict=True):
        if own.shape == tuple(wanted.shape):
            weights.append(own)
        else:
            gates = np.zeros((1, _GATES, own.shape[1] // _GATES), dtype=own.dtype)
            gates[:, [_INPUT_GATE, _OUTPUT_GATE]] = _CLOSED
            weights.append(np.concatenate([own, gates.reshape(1, -1)]))
    compiled.set_weights(weights)
