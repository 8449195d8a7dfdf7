"""Autoencoders by name: what each is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from streamdetect.errors import ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

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
