"""The architecture of a bundle's autoencoder: a record, which nothing that runs a bundle looks up."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from streamdetect.errors import ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

Activation = Literal["tanh", "relu", "sigmoid", "linear"]

ACTIVATIONS: tuple[Activation, ...] = get_args(Activation)
"""Those whose compiled form gives a window the same bits in every batch; elu, for one, does not."""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")  # it becomes a label of `model_info`
_LARGEST = 4096  # units of one layer; a typing error should not become a 100 GB weight matrix


@dataclass(frozen=True, slots=True)
class Architecture:
    """An autoencoder's shape.

    To train one, every option may be left at its default and then is as in the recipe of that name, see
    `streamdetect.training.architectures`. In a bundle all are written out.

    Attributes:
        name: of the recipe. A bundle may have one that this version cannot train.
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

    name: str = "stacked"
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
        if not _NAME.fullmatch(self.name):
            rule = "must be a word of at most 32 lower-case letters, digits and _"
            yield Problem("architecture.name", rule, repr(self.name))
        if self.activation is not None and self.activation not in ACTIVATIONS:
            rule = f"must be one of {', '.join(ACTIVATIONS)}"
            yield Problem("architecture.activation", rule, repr(self.activation))
        if not all(1 <= size <= _LARGEST for size in self.units):
            yield Problem("architecture.units", f"must each be from 1 to {_LARGEST}", str(list(self.units)))
        if not 0 <= self.latent <= _LARGEST:
            yield Problem("architecture.latent", f"must be from 0 to {_LARGEST}", str(self.latent))
        if self.dropout is not None and not 0 <= self.dropout < 1:
            yield Problem("architecture.dropout", "must be in [0, 1)", str(self.dropout))
        if not 1 <= self.kernel <= _LARGEST:
            yield Problem("architecture.kernel", f"must be from 1 to {_LARGEST}", str(self.kernel))
