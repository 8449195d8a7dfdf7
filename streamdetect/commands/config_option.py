"""The option of every command that reads a configuration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import _ActionsContainer


def add_config(options: _ActionsContainer, text: str, *, required: bool = False) -> None:
    """Add `-c FILE`; `text` is its help."""
    options.add_argument("-c", "--config", metavar="FILE", type=Path, required=required, help=text)
