"""Numbers as options of a command."""

from __future__ import annotations

import math
from argparse import ArgumentTypeError


def positive(text: str) -> float:
    """Read a number that is more than 0 and finite; argparse's `type`."""
    number = float(text)
    if not 0 < number < math.inf:
        raise ArgumentTypeError(f"must be > 0, got {text}")
    return number
