"""The readings that detectors receive, kept as files to train on, to tune on and to start from."""

from __future__ import annotations

from streamdetect.offline.recorder.files import Bounds, Files
from streamdetect.offline.recorder.listening import Recorder

__all__ = ["Bounds", "Files", "Recorder"]
