"""Recorded data: files of many kinds become `Recording`s, with an account of how they were read.

`read` reads them, `describe` reports how they were read.
"""

from __future__ import annotations

from streamdetect.offline.recordings.account import describe
from streamdetect.offline.recordings.matching import with_features
from streamdetect.offline.recordings.reading import read
from streamdetect.offline.recordings.recording import Layout, Recording

__all__ = ["Layout", "Recording", "describe", "read", "with_features"]
