"""Recorded data in: CSV files (wide or long) and numpy archives become `Recording`s."""

from __future__ import annotations

from streamdetect.offline.recordings.reading import read
from streamdetect.offline.recordings.recording import Layout, Recording

__all__ = ["Layout", "Recording", "read"]
