"""Streaming anomaly detection for live sensor data."""

from __future__ import annotations

from streamdetect.version import __version__

__all__ = ["__version__"]
