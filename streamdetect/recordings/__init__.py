"""Recorded data in: CSV files (wide or long) and numpy archives become `Recording`s.

`add_arguments` and `from_arguments` are the column options that every command reading recordings shares;
`read` is the same from Python.
"""

from __future__ import annotations

from streamdetect.recordings.arguments import add_arguments, from_arguments
from streamdetect.recordings.reading import read
from streamdetect.recordings.recording import Layout, Recording

__all__ = ["Layout", "Recording", "add_arguments", "from_arguments", "read"]
