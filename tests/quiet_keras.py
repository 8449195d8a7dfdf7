"""Saving Keras models in tests, where every warning is an error."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


def save(model: Any, path: Path) -> Path:
    """Save a model; Keras has some to say of numpy, and of models that cannot be loaded."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save(path)
    return path
