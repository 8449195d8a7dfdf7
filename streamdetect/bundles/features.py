"""The names of a bundle's features, compared with those of recordings and configurations."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_NUMBERED = re.compile(r"(?:value_|column)?\d+")
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_.-]")


def are_numbered(names: Sequence[str]) -> bool:
    """Whether names only number the features, as value_1, column3 or 2: then their order is what counts."""
    return all(map(_NUMBERED.fullmatch, names))


def config_name(feature: str) -> str:
    """What a feature is called in a configuration, where not every character may stand."""
    return _NOT_IN_A_NAME.sub("_", feature)
