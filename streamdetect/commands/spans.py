"""A duration as an option of a command."""

from __future__ import annotations

from argparse import ArgumentTypeError

from streamdetect.config.quantities import seconds


def span(text: str) -> float:
    """Seconds from a written duration, `10min`; argparse's `type`."""
    try:
        return seconds(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None
