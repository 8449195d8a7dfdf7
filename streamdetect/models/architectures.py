"""Autoencoders by name: what each is made of, and how Keras builds it.

Every architecture maps a window (T, F) onto its reconstruction (T, F), with no activation on the output.
The layer whose output is the compressed window is named `latent`, so that the encoder alone can be cut out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from streamdetect.errors import ConfigError, Problem

from .masking import copy_weights, marked, masked
from .tensorflow import load_keras

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .tensorflow import Layers, Model, Tensor

Name = Literal["lstm", "bidirectional", "stacked", "dropout", "masked", "conv", "dense"]
Activation = Literal["tanh", "relu", "sigmoid", "linear"]

NAMES: tuple[Name, ...] = get_args(Name)
ACTIVATIONS: tuple[Activation, ...] = get_args(Activation)
"""Those whose compiled form gives a window the same bits in every batch; elu, for one, does not."""
LSTM_ACTIVATIONS: tuple[Activation, ...] = ("tanh", "relu", "sigmoid")
"""With another one an LSTM compiles to a loop whose last bits depend on the batch."""
_LARGEST = 4096  # units of one layer; a typing error should not become a 100 GB weight matrix


@dataclass(frozen=True, slots=True)
class _Recipe:
    units: tuple[int, ...]
    activation: Activation
    dropout: float = 0.0


_RECIPES: dict[Name, _Recipe] = {
    "lstm": _Recipe((64,), "tanh"),
    "bidirectional": _Recipe((64,), "tanh"),
    "stacked": _Recipe((64, 32), "tanh"),
    "dropout": _Recipe((64,), "tanh", dropout=0.2),
    "masked": _Recipe((64,), "tanh"),
    "conv": _Recipe((32, 16), "relu"),
    "dense": _Recipe((64, 16), "relu"),
}


@dataclass(frozen=True, slots=True)
class Architecture:
    """An autoencoder's shape; every option left at its default means the recipe of that name.

    Attributes:
        name: which recipe.
        units: layer sizes of the encoder from the outside in (LSTM units, convolution filters, neurons);
            the decoder mirrors them.
        activation: of the hidden layers; None means tanh for LSTMs and relu for the others.
        latent: size of the compressed window, as a linear layer of that many neurons after the encoder;
            0 means that the encoder's own output is the compressed window.
        dropout: share of each hidden layer's output that is dropped while training, in [0, 1).
        kernel: readings seen by one convolution, `conv` only.

    Raises:
        ConfigError: options are out of their ranges; names them all.
    """

    name: Name = "stacked"
    units: tuple[int, ...] = ()
    activation: Activation | None = None
    latent: int = 0
    dropout: float | None = None
    kernel: int = 7

    def __post_init__(self) -> None:
        problems = list(self._problems())
        if problems:
            raise ConfigError(problems)

    def _problems(self) -> Iterator[Problem]:
        if self.name not in NAMES:
            yield Problem("architecture.name", f"must be one of {', '.join(NAMES)}", repr(self.name))
        activations = ACTIVATIONS if self.name in {"conv", "dense"} else LSTM_ACTIVATIONS
        if self.activation is not None and self.activation not in activations:
            rule = f"must be one of {', '.join(activations)} for {self.name}"
            yield Problem("architecture.activation", rule, repr(self.activation))
        if not all(1 <= size <= _LARGEST for size in self.units):
            yield Problem("architecture.units", f"must each be from 1 to {_LARGEST}", str(list(self.units)))
        if not 0 <= self.latent <= _LARGEST:
            yield Problem("architecture.latent", f"must be from 0 to {_LARGEST}", str(self.latent))
        if self.dropout is not None and not 0 <= self.dropout < 1:
            yield Problem("architecture.dropout", "must be in [0, 1)", str(self.dropout))
        if not 1 <= self.kernel <= _LARGEST:
            yield Problem("architecture.kernel", f"must be from 1 to {_LARGEST}", str(self.kernel))

    def resolved(self) -> Architecture:
        """The same architecture with the recipe's values written out."""
        recipe = _RECIPES[self.name]
        return Architecture(
            name=self.name,
            units=self.units or recipe.units,
            activation=self.activation or recipe.activation,
            latent=self.latent,
            dropout=recipe.dropout if self.dropout is None else self.dropout,
            kernel=self.kernel,
        )


def build(architecture: Architecture, time_steps: int, features: int) -> Model:
    """Build the Keras model, (B, T, F) float32 -> (B, T, F) float32, with fresh weights.

    Raises:
        StreamdetectError: TensorFlow is not installed.
    """
    keras = load_keras()
    resolved = architecture.resolved()
    window = keras.layers.Input((time_steps, features), name="window")
    body = {"conv": _convolutional, "dense": _dense}.get(resolved.name, _recurrent)
    return keras.Model(window, body(keras.layers, resolved, window), name=resolved.name)


def compilable(architecture: Architecture, model: Model) -> Model:
    """The model itself, or one that gives the same numbers from a graph without loops."""
    if architecture.name != "masked":
        return model
    keras = load_keras()
    window = keras.layers.Input(model.input_shape[1:], name="window")
    filled, enter = marked(keras.layers, window)
    rebuilt = _recurrent(keras.layers, architecture.resolved(), filled, enter)
    compiled = keras.Model(window, rebuilt, name=model.name)
    copy_weights(model, compiled)
    return compiled


def _recurrent(
    layers: Layers,
    architecture: Architecture,
    window: Tensor,
    enter: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """LSTMs down to one vector, that vector repeated T times, LSTMs back up, one Dense per step.

    What an encoder LSTM is given goes through `enter`.
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
    """Strided convolutions that halve the time axis, transposed ones that double it again.

    Doubling n times gives the next multiple of 2**n at or above T; what is over is cropped off the end.
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
    """The flattened window through ever smaller layers and back."""
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
