"""The rows of the fault matrix, one a module; `rig.bench.ROWS` has them once they are loaded."""

from __future__ import annotations

import importlib
import pkgutil


def load() -> None:
    """Import every row."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
