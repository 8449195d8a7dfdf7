"""Autoencoders by name: their layers, and how Keras builds them.

Every architecture maps a window (T, F) onto its reconstruction (T, F), with no activation on the output. The
layer whose output is the compressed window is named `latent`, so that the encoder alone can be cut out. A new
one is a function that builds its layers, and a line in `RECIPES`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from streamdetect.bundles.architecture import ACTIVATIONS, Activation, Architecture
from streamdetect.bundles.tensorflow import Layers, Model, Tensor, load_keras
from streamdetect.errors import Problem
from streamdetect.training.masking import copy_weights, marked, masked

if TYPE_CHECKING:
    from collections.abc import Iterator

Body = Callable[[Layers, Architecture, Tensor], Tensor]
"""Layers of Keras, a resolved architecture and a window (B, T, F) to its reconstruction (B, T, F)."""

LSTM_ACTIVATIONS: tuple[Activation, ...] = ("tanh", "relu", "sigmoid")
"""With another one an LSTM compiles to a loop whose last bits depend on the batch."""


def problems(architecture: Architecture) -> Iterator[Problem]:
    """Return the reasons why an architecture cannot be trained."""
    recipe = RECIPES.get(architecture.name)
    if recipe is None:
        yield Problem("architecture.name", f"must be one of {', '.join(RECIPES)}", repr(architecture.name))
    elif architecture.activation not in {None, *recipe.activations}:
        rule = f"must be one of {', '.join(recipe.activations)} for {architecture.name}"
        yield Problem("architecture.activation", rule, repr(architecture.activation))


def resolved(architecture: Architecture) -> Architecture:
    """Return the same architecture with the recipe's values written out."""
    recipe = RECIPES[architecture.name]
    return replace(
        architecture,
        units=architecture.units or recipe.units,
        activation=architecture.activation or recipe.activation,
        dropout=recipe.dropout if architecture.dropout is None else architecture.dropout,
    )


def build(architecture: Architecture, time_steps: int, features: int) -> Model:
    """Build the Keras model, (B, T, F) float32 -> (B, T, F) float32, with fresh weights.

    Raises:
        StreamdetectError: TensorFlow is not installed.
    """
    keras = load_keras()
    window = keras.layers.Input((time_steps, features), name="window")
    body = RECIPES[architecture.name].body
    return keras.Model(window, body(keras.layers, resolved(architecture), window), name=architecture.name)


def compilable(architecture: Architecture, model: Model) -> Model:
    """Return the model itself, or one that gives the same numbers from a graph without loops."""
    if architecture.name != "masked":
        return model
    keras = load_keras()
    window = keras.layers.Input(model.input_shape[1:], name="window")
    filled, enter = marked(keras.layers, window)
    rebuilt = _recurrent(keras.layers, resolved(architecture), filled, enter)
    compiled = keras.Model(window, rebuilt, name=model.name)
    copy_weights(model, compiled)
    return compiled


def _recurrent(
    layers: Layers,
    architecture: Architecture,
    window: Tensor,
    enter: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """Build LSTMs down to one vector, that vector repeated T times, LSTMs back up, one Dense per step.

    The input of an encoder LSTM goes through `enter`.
    """
    time_steps, features = window.shape[1:]
    *outer, innermost = architecture.units
    x = masked(layers, window) if architecture.name == "masked" and not enter else window
    enter = enter or (lambda given: given)
    for units in outer:
        x = _dropped(layers, architecture, _lstm(layers, architecture, units, sequences=True)(enter(x)))
    own_latent = not architecture.latent
    innermost_lstm = _lstm(
        layers, architecture, innermost, sequences=False, name="latent" if own_latent else None
    )
    x = innermost_lstm(enter(x))
    x = _dropped(layers, architecture, x)
    if not own_latent:
        x = layers.Dense(architecture.latent, name="latent")(x)
    x = layers.RepeatVector(time_steps)(x)
    for units in (innermost, *reversed(outer)):
        x = _dropped(layers, architecture, _lstm(layers, architecture, units, sequences=True)(x))
    return layers.TimeDistributed(layers.Dense(features), name="reconstruction")(x)


def _lstm(
    layers: Layers,
    architecture: Architecture,
    units: int,
    *,
    sequences: bool,
    name: str | None = None,
) -> Callable[[Tensor], Tensor]:
    bidirectional = architecture.name == "bidirectional"
    lstm = layers.LSTM(
        units,
        activation=architecture.activation,
        return_sequences=sequences,
        name=None if bidirectional else name,
    )
    return layers.Bidirectional(lstm, name=name) if bidirectional else lstm  # type: ignore[no-any-return]


def _convolutional(layers: Layers, architecture: Architecture, window: Tensor) -> Tensor:
    """Build strided convolutions that halve the time axis, transposed ones that double it again.

    Doubling n times gives the next multiple of 2**n at or above T; the excess is cropped off the end.
    """
    time_steps, features = window.shape[1:]
    options = {"strides": 2, "padding": "same", "activation": architecture.activation}
    *outer, innermost = architecture.units
    x = window
    for filters in outer:
        x = layers.Conv1D(filters, architecture.kernel, **options)(x)
        x = _dropped(layers, architecture, x)
    own_latent = not architecture.latent
    x = layers.Conv1D(innermost, architecture.kernel, name="latent" if own_latent else None, **options)(x)
    if not own_latent:
        shape = x.shape[1:]
        x = layers.Dense(architecture.latent, name="latent")(layers.Flatten()(x))
        x = layers.Dense(shape[0] * shape[1], activation=architecture.activation)(x)
        x = layers.Reshape(shape)(x)
    for filters in (innermost, *reversed(outer)):
        x = layers.Conv1DTranspose(filters, architecture.kernel, **options)(x)
        x = _dropped(layers, architecture, x)
    if x.shape[1] != time_steps:
        x = layers.Cropping1D((0, x.shape[1] - time_steps))(x)
    return layers.Conv1D(features, architecture.kernel, padding="same", name="reconstruction")(x)


def _dense(layers: Layers, architecture: Architecture, window: Tensor) -> Tensor:
    """Pass the flattened window through ever smaller layers and back."""
    time_steps, features = window.shape[1:]
    activation = architecture.activation
    *outer, innermost = architecture.units
    x = layers.Flatten()(window)
    for units in outer:
        x = _dropped(layers, architecture, layers.Dense(units, activation=activation)(x))
    own_latent = not architecture.latent
    x = layers.Dense(innermost, activation=activation, name="latent" if own_latent else None)(x)
    if not own_latent:
        x = layers.Dense(architecture.latent, name="latent")(x)
        x = layers.Dense(innermost, activation=activation)(x)
    for units in reversed(outer):
        x = _dropped(layers, architecture, layers.Dense(units, activation=activation)(x))
    x = layers.Dense(time_steps * features)(x)
    return layers.Reshape((time_steps, features), name="reconstruction")(x)


def _dropped(layers: Layers, architecture: Architecture, x: Tensor) -> Tensor:
    return layers.Dropout(architecture.dropout)(x) if architecture.dropout else x


@dataclass(frozen=True, slots=True)
class Recipe:
    """The builder of an architecture, and its defaults.

    Attributes:
        body: builds its layers.
        units, activation, dropout: see `Architecture`.
        activations: those that it may have.
    """

    body: Body
    units: tuple[int, ...]
    activation: Activation = "tanh"
    dropout: float = 0.0
    activations: tuple[Activation, ...] = LSTM_ACTIVATIONS


RECIPES = {
    "lstm": Recipe(_recurrent, (64,)),
    "bidirectional": Recipe(_recurrent, (64,)),
    "stacked": Recipe(_recurrent, (64, 32)),
    "dropout": Recipe(_recurrent, (64,), dropout=0.2),
    "masked": Recipe(_recurrent, (64,)),
    "conv": Recipe(_convolutional, (32, 16), "relu", activations=ACTIVATIONS),
    "dense": Recipe(_dense, (64, 16), "relu", activations=ACTIVATIONS),
}
