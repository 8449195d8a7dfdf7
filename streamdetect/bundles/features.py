"""The names of a bundle's features, compared with those of recordings and configurations."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_NUMBERED = re.compile(r"(?:value_|column)?\d+")
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_.-]")


def are_numbered(names: Sequence[str]) -> bool:
    """Tell whether names only number the features, as value_1, column3 or 2: then their order counts."""
    return all(map(_NUMBERED.fullmatch, names))


def config_name(feature: str) -> str:
    """Return the name of a feature in a configuration, which does not allow every character."""
    return _NOT_IN_A_NAME.sub("_", feature)
