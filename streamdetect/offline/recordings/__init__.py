"""Recorded data in: files of many kinds become `Recording`s, and what was made of them is said.

`read` reads them, `describe` says what was made of them.
"""

from __future__ import annotations

from streamdetect.offline.recordings.account import describe
from streamdetect.offline.recordings.matching import with_features
from streamdetect.offline.recordings.reading import read
from streamdetect.offline.recordings.recording import Layout, Recording

__all__ = ["Layout", "Recording", "describe", "read", "with_features"]
