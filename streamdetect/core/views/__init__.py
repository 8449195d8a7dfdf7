"""The views of a sensor, a file each: signals that are held against baselines, and scores of their own."""

from __future__ import annotations

from .base import Lesson, Stretch, View
from .signals import Signal

__all__ = ["Lesson", "Signal", "Stretch", "View"]
