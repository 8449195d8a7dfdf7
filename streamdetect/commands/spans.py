"""A duration, or how long ago something was, as an option of a command."""

from __future__ import annotations

import time
from argparse import ArgumentTypeError
from datetime import datetime

from streamdetect.config.quantities import seconds


def span(text: str) -> float:
    """Seconds from a written duration, `10min`; argparse's `type`."""
    try:
        return seconds(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


def ago(text: str) -> float:
    """Seconds that a duration or a time, `7d` or `2026-11-30T08:00`, reaches back; argparse's `type`."""
    try:
        return seconds(text)
    except ValueError:
        pass
    try:
        return max(time.time() - datetime.fromisoformat(text).timestamp(), 0.0)
    except (ValueError, OverflowError):
        rule = "must be a duration like 90min, 1d or 30d, or a time like 2026-11-30 or 2026-11-30T08:00"
        raise ArgumentTypeError(f"{rule}, got {text!r:.60}") from None
